"""Writing: drafts become a topology file with comments, which our own reader must accept.

Nothing is probed at first (`check: none`): a check that was guessed wrong would take a healthy address out
in the very first plan. What the source said of checks stands beside each endpoint, to be switched on once
the first plan is published.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from outlast.app.moving.found import Seen, Stay
from outlast.app.moving.gather import Draft, DraftTarget
from outlast.config import parse
from outlast.model.errors import Bug, ConfigError
from outlast.model.topology import HealthCheck, Policy

DAY_S = 86_400
"""The longest time of recovery that a topology may admit."""

STAYS_MAX = 500
"""What stays is listed at the end of the file, up to so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How it is written.

    Attributes:
        source: what was read, for the first line.
        provider: lines of the provider, below its name and `zones`.
        checks: whether the source's health checks are switched on at once.
    """

    source: str
    provider_name: str
    provider: tuple[str, ...]
    checks: bool = False


def write(drafts: Sequence[Draft], seen: Seen, how: Writing) -> str:
    """Return the text of a topology.

    Raises:
        ConfigError: nothing can move in.
        Bug: our own reader refuses what was written.
    """
    if not drafts:
        raise ConfigError(
            f"no address in {how.source} can move in", remedy="the report above says why"
        )
    regions = list(dict.fromkeys(target.region for one in drafts for target in one.targets))
    zones = list(dict.fromkeys(one.zone for one in drafts))
    lines = [
        f"# Imported from {_comment(how.source)}. The first `outlast plan` of this file changes no record:",
        "# it puts the fence beside each name. Nothing is probed yet; switch checks on once that is",
        "# published, and name the real regions.",
        "outlast: 1",
        "regions:",
        *(f"  {one}: {{}}" for one in regions),
        "providers:",
        f"  {how.provider_name}:",
        *(f"    {one}" for one in how.provider),
        f"    zones: [{', '.join(_text(one) for one in zones)}]",
        "defaults:",
        "  check: none",
        "endpoints:",
        *(line for one in drafts for line in _endpoint(one, how)),
        *_stays(seen.stays),
    ]
    text = "\n".join(lines) + "\n"
    try:
        parse(text, "the imported topology")
    except ConfigError as error:
        raise Bug(f"an import wrote what cannot be read back: {error}") from error
    return text


def _endpoint(one: Draft, how: Writing) -> list[str]:
    lines = [
        f"  {_text(one.key)}:",
        f"    names: {_text(one.name)}",
        f"    ttl_s: {one.ttl_s}",
        "    adopt: true  # its records stand there already",
    ]
    policy = _policy(one)
    lines += [f"    policy: {{{', '.join(policy)}}}"] if policy else []
    fits = HealthCheck().detection_s + one.ttl_s <= DAY_S
    if one.check and how.checks and fits:
        lines.append(f"    check: {one.check}")
    elif one.check:
        lines.append(f"    # check: {_comment(one.check)}")
    lines.append("    targets:")
    weighted = len({target.weight for target in one.targets}) > 1
    return [*lines, *(_target(target, weighted=weighted) for target in one.targets)]


def _policy(one: Draft) -> list[str]:
    """Tiers, and a time of recovery that the record's TTL leaves room for once it is probed."""
    tiers = ", ".join(f"[{', '.join(tier)}]" for tier in one.order)
    parts = ["kind: failover", f"order: [{tiers}]"] if tiers else []
    need_s = HealthCheck().detection_s + one.ttl_s
    if need_s > Policy().recovery_s:
        parts.append(f"recovery_s: {min(DAY_S, need_s):g}")
    return parts


def _target(one: DraftTarget, *, weighted: bool) -> str:
    parts = [f"region: {one.region}"]
    parts += [f"ipv4: {one.ipv4}"] if one.ipv4 else []
    parts += [f'ipv6: "{one.ipv6}"'] if one.ipv6 else []
    parts += [f"weight: {one.weight}"] if weighted else []
    return f"      {_text(one.name)}: {{{', '.join(parts)}}}  # {_comment(str(one.place))}"


def _stays(stays: Sequence[Stay]) -> list[str]:
    if not stays:
        return []
    lines = [
        "",
        "# What did not move in. Records stay in the DNS as they are; Outlast does not touch them.",
    ]
    for one in stays[:STAYS_MAX]:
        lines += [f"#   {_comment(line)}" for line in str(one).splitlines()]
    if len(stays) > STAYS_MAX:
        lines.append(f"#   and {len(stays) - STAYS_MAX} more, which the import's report lists")
    return lines


def _text(text: str) -> str:
    """A text for YAML: as it is, or quoted where it could be taken for something else."""
    plain = text[:1].isalpha() and all(one.isalnum() or one in "-._" for one in text)
    return (
        text
        if plain
        and text.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
        else json.dumps(text)
    )


def _comment(text: str) -> str:
    """Make a text harmless in a comment: one line, nothing that a terminal obeys."""
    clean = "".join(one if one.isprintable() else "?" for one in text)
    return clean.replace("audit:", "audit")[:300]
