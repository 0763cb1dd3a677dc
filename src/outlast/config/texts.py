"""Texts: how each kind of text in a topology is read, and what to write instead of a wrong one.

Each parser returns the canonical form or raises `ValueError` with the reason; the remedy stands beside
it in a `Text`, from which the schema and the documents are made as well.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from outlast.config.fields import Text
from outlast.model.names import parse_dns_name, parse_word
from outlast.model.topology import Address, SecretKind, SecretRef

DNS_PORT = 53
WORD_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"
_Ip = TypeVar("_Ip", ipaddress.IPv4Address, ipaddress.IPv6Address)
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def parse_line(text: str) -> str:
    """Read a text of one line."""
    if _CONTROL.search(text):
        raise ValueError("it has a line break or control character")
    return text


def parse_country(text: str) -> str:
    """Read an ISO 3166-1 alpha-2 code."""
    if not _COUNTRY.match(text):
        raise ValueError("it is no two-letter country code in upper case")
    return text


def parse_ipv4(text: str) -> str:
    """Read an IPv4 address that a client can connect to."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        if _LEADING_ZERO.search(text):
            raise ValueError("with a leading zero some programs read it in base 8") from None
        raise ValueError("it is no IPv4 address") from None
    return str(_usable(address))


def parse_ipv6(text: str) -> str:
    """Read an IPv6 address that a client can connect to."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("it is no IPv6 address") from None
    if address.scope_id is not None or address.ipv4_mapped is not None:
        raise ValueError("an AAAA record holds neither a scope nor a mapped IPv4 address")
    return str(_usable(address))


def _usable(address: _Ip) -> _Ip:
    # Clients that are told 0.0.0.0 connect to themselves, and multicast answers nobody.
    if address.is_unspecified or address.is_multicast:
        raise ValueError("no client can connect to it")
    return address


def parse_port(text: str) -> int:
    """Read a port, 1 to 65535."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"the port {text!r} is not 1 to 65535")
    return int(text)


def parse_server(text: str) -> Address:
    """Read an IP address with or without a port; DNS's own port is the default."""
    return _parse_address(text, DNS_PORT)


def parse_listen(text: str) -> Address:
    """Read an IP address with a port."""
    return _parse_address(text, None)


def _parse_address(text: str, default_port: int | None) -> Address:
    host, port = text, ""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("the brackets are not closed rightly")
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not port and default_port is None:
        raise ValueError("the port is missing")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} is no IP address") from None
    return Address(host=str(address), port=parse_port(port) if port else default_port or 0)


def parse_secret(text: str) -> SecretRef:
    """Read a reference to a secret. The message never repeats the text: it may be the secret."""
    kind, colon, where = text.partition(":")
    if not colon or kind not in set(SecretKind):
        raise ValueError("a secret stands in this file; anybody who reads the file has it")
    if not where or _CONTROL.search(where):
        raise ValueError(f"`{kind}:` names nothing")
    if kind == SecretKind.ENV and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", where):
        raise ValueError("what follows `env:` is no name of an environment variable")
    return SecretRef(kind=SecretKind(kind), where=where)


def parse_url_path(text: str) -> str:
    """Read the path of a URL, with its query."""
    if not text.startswith("/"):
        raise ValueError("it does not begin with a slash")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it has blanks or characters that a request line cannot carry")
    return text


def parse_address(text: str) -> str:
    """Read an IPv4 or IPv6 address of a server."""
    return parse_ipv6(text) if ":" in text else parse_ipv4(text)


def parse_date(text: str) -> date:
    """Read a day."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("it is no day as in 2026-03-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such day") from None


def _dns_name(text: str) -> str:
    return parse_dns_name(text)


def word(label: str, refers: str = "") -> Text:
    """Return the kind of a name that people give; `refers`: to an entry of which section."""
    return Text(
        label=label,
        parse=parse_word,
        remedy="write a short name in lower case, such as `eu-west`",
        pattern=WORD_PATTERN,
        refers=refers,
    )


def _text(label: str, parse: Callable[[str], object], remedy: str, pattern: str = "") -> Text:
    return Text(label=label, parse=parse, remedy=remedy, pattern=pattern)


LINE = _text("text", parse_line, "write it in one line")
COUNTRY = _text("country code", parse_country, "write it as in `IE` or `US`", "^[A-Z]{2}$")
DNS_NAME = _text(
    "DNS name", _dns_name, "write a full name, such as `www.example.org`", "^.{1,254}$"
)
IPV4 = _text("IPv4 address", parse_ipv4, "write it as in `192.0.2.1`", r"^[0-9.]+$")
IPV6 = _text("IPv6 address", parse_ipv6, "write it as in `2001:db8::1`", r"^[0-9A-Fa-f:.]+$")
IP = _text("IP address", parse_address, "write it as in `192.0.2.53` or `2001:db8::53`")
DAY = _text("day", parse_date, "write it as in `2026-03-31`", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
SERVER = _text(
    "IP address and port",
    parse_server,
    "write `192.0.2.53:53` or `[2001:db8::53]:53`; no host name: DNS must not be needed to repair DNS",
)
LISTEN = _text("IP address and port", parse_listen, "write `127.0.0.1:9153` or `[::1]:9153`")
URL_PATH = _text("URL path", parse_url_path, "write it as in `/healthz`", "^/")
SECRET = Text(
    label="`env:NAME` or `file:PATH`",
    parse=parse_secret,
    remedy="put it in a file that only Outlast can read and write `file:/path/to/it`, "
    "or in the environment and write `env:NAME`; then renew it if this file was ever shared",
    pattern="^(env|file):.+",
    secret=True,
)
