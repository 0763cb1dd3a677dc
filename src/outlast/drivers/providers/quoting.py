r"""TXT values as zone files and APIs write them, `"one string" "and another"`, to our text form and back.

Zone files and Google write an octet as `\DDD` in decimal (RFC 1035 section 5.1), Route 53 in octal. Both
take `\"` and `\\`. Our own text form is that of `wire`, where a string of plain ASCII stands for itself.
"""

import re

from outlast.drivers.providers.wire import decode_text, encode_value
from outlast.model.records import RecordType

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9]{3})|(.))", re.DOTALL)


def quote(value: str, *, base: int) -> str:
    """Return our text form as quoted strings.

    Args:
        base: of the digits after a backslash, 8 or 10.

    Raises:
        ValueError: a string of more than 255 octets.
    """
    rdata = encode_value(RecordType.TXT, value)
    strings = []
    at = 0
    while at < len(rdata):
        end = at + 1 + rdata[at]
        strings.append(f'"{"".join(_escape(octet, base) for octet in rdata[at + 1 : end])}"')
        at = end
    return " ".join(strings)


def _escape(octet: int, base: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    if 0x20 <= octet < 0x7F:
        return chr(octet)
    return f"\\{octet:03o}" if base == 8 else f"\\{octet:03d}"


def unquote(text: str, *, base: int) -> str:
    """Return quoted strings in our text form.

    Raises:
        ValueError: it is no such text.
    """
    rdata = bytearray()
    for found in _STRING.finditer(text):
        string = _octets(found[1] if found[1] is not None else found[2], base)
        rdata.append(len(string))
        rdata += string
    return decode_text(bytes(rdata))


def _octets(text: str, base: int) -> bytes:
    out = bytearray()
    at = 0
    for found in _ESCAPE.finditer(text):
        out += text[at : found.start()].encode()
        out += bytes((int(found[1], base),)) if found[1] else found[2].encode()
        at = found.end()
    return bytes(out + text[at:].encode())
