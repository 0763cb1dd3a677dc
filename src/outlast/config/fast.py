"""The fast path for JSON: a hundred thousand endpoints in about a second, if nothing is wrong.

Endpoints of a big file are alike apart from names and addresses. What an endpoint says besides is decoded
once for each distinct wording, by the same decoder and builder as ever, so that nothing is accepted here
that would be refused there. At the first doubt `read_fast` gives up and returns None, and the file is
read slowly and exactly, with line and column.

JSON readers keep the last of two equal keys and say nothing. That none was lost is shown by counting: in
JSON each key is followed by one colon, and other colons stand in texts only. So the colons of the file
are as many as the keys and the colons in texts that were decoded, or something is gone.
"""

import re
import socket
from dataclasses import dataclass, field
from typing import Any

import msgspec

from outlast.config.build import Builder, Common, build, odd_entries
from outlast.config.decode import Decoder
from outlast.config.endpoint_tables import ENDPOINT, TARGET
from outlast.config.fields import Table
from outlast.config.finding import Finding
from outlast.config.nodes import Entry, Mapping, Node, Scalar, Sequence
from outlast.config.reader import BYTES_MAX
from outlast.config.rules.case import Case
from outlast.config.tables import TOPOLOGY
from outlast.config.texts import parse_ipv6
from outlast.model.names import (
    NAME_LENGTH_MAX,
    DnsName,
    EndpointName,
    RegionName,
    TargetName,
    parse_word,
)
from outlast.model.topology import Endpoint, HealthCheck, PublishedName, Target

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_CANONICAL = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]")
_ESCAPED_COLON = b"\\u003"
_SECTION = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_PLAIN_TARGET = Table(
    name=TARGET.name,
    meaning=TARGET.meaning,
    model=TARGET.model,
    fields=tuple(one for one in TARGET.fields if one.key not in {"ipv4", "ipv6"}),
)
_PLAIN_ENDPOINT = Table(
    name=ENDPOINT.name,
    meaning=ENDPOINT.meaning,
    model=ENDPOINT.model,
    fields=tuple(one for one in ENDPOINT.fields if one.key not in {"names", "targets"}),
)
_NAMES = ENDPOINT.field("names").kind


class _Doubt(Exception):
    """Something is not as it should be, or not as it usually is."""


def read_fast(data: bytes) -> Case | None:
    """Decode and build a JSON topology; None if anything is wrong or unusual with it."""
    if len(data) > BYTES_MAX or _ESCAPED_COLON in data:
        return None
    try:
        sections = _SECTION.decode(data)
        written = _SECTION.decode(sections.pop("endpoints"))
        rest = {key: msgspec.json.decode(raw) for key, raw in sections.items()}
        return _read(data, rest, written)
    except (_Doubt, msgspec.MsgspecError, KeyError, ValueError, RecursionError):
        return None


def _read(data: bytes, rest: dict[str, Any], written: dict[str, msgspec.Raw]) -> Case:
    decoder = Decoder(_doubt, _doubt)
    values = decoder.part(TOPOLOGY, _as_node({**rest, "endpoints": None}), ())
    if odd_entries(values):
        raise _Doubt
    builder = Builder(values.get("defaults", {}), values.get("providers", {}))
    reader = _Endpoints(decoder, builder)
    endpoints = tuple([reader.read(name, raw) for name, raw in written.items()])
    if builder.findings:
        raise _Doubt
    # One key more than in `rest`: `endpoints` itself.
    if data.count(b":") != reader.colons + _colons(rest) + len(written) + 1:
        raise _Doubt
    topology = build(values, endpoints)
    known = {
        key: tuple(values.get(key, ())) for key in ("regions", "providers", "services", "cells")
    }
    known["vantages"] = tuple(values.get("vantages", ()))
    known["endpoints"] = tuple(written)
    providers = {str(one.name): one for one in topology.providers}
    return Case(topology=topology, known=known, broken=frozenset(), providers=providers)


def _doubt(what: Finding | str) -> None:
    raise _Doubt(what)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a target says apart from its name and addresses, and how many colons that took."""

    region: RegionName
    weight: int
    capacity: int
    check: HealthCheck
    colons: int


@dataclass(slots=True)
class _Wording:
    """What an endpoint says apart from names and targets, with the looks of targets seen under it."""

    common: Common
    colons: int
    looks: dict[bytes, _Look] = field(default_factory=dict)


class _Endpoints:
    """Reads endpoints.

    Attributes:
        colons: how many were accounted for so far.
    """

    def __init__(self, decoder: Decoder, builder: Builder) -> None:
        self.colons = 0
        self._decoder = decoder
        self._builder = builder
        self._wordings: dict[bytes, _Wording] = {}
        self._words: set[str] = set()
        self._encode = msgspec.json.Encoder().encode

    def read(self, name: str, raw: msgspec.Raw) -> Endpoint:
        """Read one endpoint."""
        parse_word(name)
        values = _OBJECT.decode(raw)
        if values.keys() & {"targets_from", "providers", "lagging", "window_s", "layout"}:
            raise _Doubt(name)
        names, targets = values.pop("names"), values.pop("targets")
        if type(targets) is not dict:
            raise _Doubt(targets)
        key = self._encode(values)
        wording = self._wordings.get(key)
        if wording is None:
            wording = self._wordings[key] = self._wording(values)
        common = wording.common
        self.colons += wording.colons + 2 + len(targets)
        return Endpoint(
            name=EndpointName(name),
            names=self._names(names),
            provider=common.provider,
            ttl_s=common.ttl_s,
            targets=tuple([self._target(key, one, wording) for key, one in targets.items()]),
            policy=common.policy,
            floors=common.floors,
            budget=common.budget,
            demand=common.demand,
            adopt=common.adopt,
            cell=common.cell,
            resolving=common.resolving,
        )

    def _wording(self, values: dict[str, Any]) -> _Wording:
        decoded = self._decoder.part(_PLAIN_ENDPOINT, _as_node(values), ())
        return _Wording(self._builder.common(decoded), _colons(values))

    def _names(self, names: Any) -> tuple[PublishedName, ...]:
        if type(names) is list and len(names) == 1 and type(names[0]) is str:
            return (PublishedName(name=_dns_name(names[0])),)
        self.colons += _colons(names)
        decoded = self._decoder.value(_NAMES, _as_node(names), ())
        return tuple(PublishedName(**one) for one in decoded)

    def _target(self, name: str, values: dict[str, Any], wording: _Wording) -> Target:
        if type(values) is not dict or None in values.values():
            raise _Doubt(values)
        if name not in self._words:
            parse_word(name)
            self._words.add(name)
        self.colons += len(values)
        ipv4, ipv6 = values.pop("ipv4", None), values.pop("ipv6", None)
        key = self._encode(values)
        look = wording.looks.get(key)
        if look is None:
            look = wording.looks[key] = self._look(values, wording)
        self.colons += look.colons
        if ipv6 is not None:
            ipv6, colons = _ipv6(ipv6), str(ipv6).count(":")
            self.colons += colons
        return Target(
            name=TargetName(name),
            region=look.region,
            ipv4=ipv4 if ipv4 is None else _ipv4(ipv4),
            ipv6=ipv6,
            weight=look.weight,
            capacity=look.capacity,
            check=look.check,
        )

    def _look(self, values: dict[str, Any], wording: _Wording) -> _Look:
        decoded = self._decoder.part(_PLAIN_TARGET, _as_node(values), ())
        check = self._builder.check(wording.common, decoded.get("check", {}), ())
        return _Look(
            region=decoded["region"],
            weight=decoded.get("weight", 1),
            capacity=decoded.get("capacity", 0),
            check=check,
            colons=_colons(values) - len(values),
        )


def _dns_name(text: str) -> DnsName:
    if len(text) > NAME_LENGTH_MAX or not _CANONICAL.match(text):
        raise _Doubt(text)
    return DnsName(text)


def _ipv4(text: Any) -> str:
    if type(text) is not str:
        raise _Doubt(text)
    try:
        packed = socket.inet_pton(socket.AF_INET, text)
    except OSError as error:
        raise _Doubt(text) from error
    first = packed[0]
    # Multicast, 0.0.0.0, and what some C libraries read but `ipaddress` does not (leading zeros).
    if 224 <= first <= 239 or not first or _LEADING_ZERO.search(text):
        raise _Doubt(text)
    return text


def _ipv6(text: Any) -> str:
    if type(text) is not str:
        raise _Doubt(text)
    return parse_ipv6(text)


def _as_node(value: Any) -> Node:
    """Turn decoded JSON into nodes without places, for the decoder."""
    match value:
        case dict():
            return Mapping(0, 0, {key: Entry(0, 0, _as_node(one)) for key, one in value.items()})
        case list():
            return Sequence(0, 0, [_as_node(one) for one in value])
        case str():
            return Scalar(0, 0, value, plain=False)
        case None:
            return Scalar(0, 0, "null", plain=True)
        case bool():
            return Scalar(0, 0, str(value).lower(), plain=True)
    return Scalar(0, 0, repr(value), plain=True)


def _colons(value: Any) -> int:
    """Count the colons that a value takes in JSON: one a key, and those in texts."""
    match value:
        case dict():
            return sum(1 + key.count(":") + _colons(one) for key, one in value.items())
        case list():
            return sum(_colons(one) for one in value)
        case str():
            return value.count(":")
    return 0
