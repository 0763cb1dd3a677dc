"""Reading a zone file (RFC 1035 section 5), as BIND writes it.

dnspython reads it; the line of each record is caught on the way. `$INCLUDE` is not followed: where a file
of somebody else may name any other file of the machine, reading it is more than was asked for.
"""

from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.zonefile

from outlast.app.moving.found import Place, Seen, SeenAddress
from outlast.app.moving.records import FAMILIES, address_of, name_of, stays
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName

DIRECTIVES = ("$ORIGIN", "$TTL", "$GENERATE")


class _Record:
    """One record with its line."""

    def __init__(self, line: int, name: str, ttl_s: int, rdata: dns.rdata.Rdata) -> None:
        self.line = line
        self.name = name
        self.ttl_s = ttl_s
        self.rdata = rdata


class _Reader(dns.zonefile.Reader):
    """dnspython's reader, which notes where each record ends."""

    def __init__(self, text: str, file: str, origin: dns.name.Name) -> None:
        self.records: list[_Record] = []
        manager = dns.zonefile.RRSetsReaderManager(origin)
        collected = manager.writer(replacement=True)  # type: ignore[no-untyped-call]  # it has no types
        # A last line without its end would leave the tokenizer on it.
        tokens = dns.tokenizer.Tokenizer(f"{text}\n", file)
        super().__init__(tokens, dns.rdataclass.IN, collected, allow_directives=DIRECTIVES)
        # It would pass over what lies outside of the zone without a word; here that is told.
        self.zone_origin = dns.name.root
        self.txn.check_put_rdataset(lambda *_: None)
        self.txn.add = self._note  # type: ignore[method-assign]  # the reader hands each record to it

    def _note(self, name: dns.name.Name, ttl_s: int, rdata: dns.rdata.Rdata) -> None:
        # The end of the record's last line has been read, so the tokenizer stands on the next one.
        line = self.tok.where()[1] - 1
        self.records.append(_Record(line, name.to_text().rstrip(".").lower(), ttl_s, rdata))


def read_zone_file(path: Path, origin: DnsName) -> Seen:
    """Read a zone file.

    Raises:
        ConfigError: it cannot be read as one; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return read_zone_text(text, str(path), origin)


def read_zone_text(text: str, file: str, origin: DnsName) -> Seen:
    """Read the text of a zone file; `file` is how its places are named."""
    name = dns.name.from_text(origin)
    try:
        reader = _Reader(text, file, name)
        reader.read()
    except (dns.exception.DNSException, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read as a zone file of {origin}: {error}",
            remedy="`named-checkzone -D ORIGIN FILE` shows it as BIND understands it, $INCLUDE followed",
        ) from error
    seen = Seen(zones=[origin])
    for record in reader.records:
        _take(seen, origin, file, record)
    return seen


def _take(seen: Seen, origin: DnsName, file: str, record: _Record) -> None:
    rtype = dns.rdatatype.to_text(record.rdata.rdtype)
    place = Place(file, record.line)
    if record.name != origin and not record.name.endswith(f".{origin}"):
        seen.stay(place, f"{record.name} {rtype}", f"it lies outside of {origin}")
        return
    if rtype not in FAMILIES:
        if rtype == "NS":
            seen.serve(origin, record.name, record.rdata.to_text())
        stays(seen, place, record.name, rtype)
        return
    found = name_of(seen, place, record.name, rtype)
    if found is None:
        return
    address = address_of(seen, place, f"{found} {rtype}", record.rdata.to_text())
    if address is not None:
        family = FAMILIES[rtype]
        seen.addresses.append(
            SeenAddress(
                zone=origin,
                name=found,
                family=family,
                address=address,
                ttl_s=record.ttl_s,
                place=place,
            )
        )
