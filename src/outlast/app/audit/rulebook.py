"""The rulebook: every rule in Markdown, as `outlast audit --list-rules --markdown` prints it."""

from collections.abc import Iterator

from outlast.audit.rule import Rule
from outlast.audit.rules import FAMILIES, RULES

HEAD = """\
# The rules of `outlast audit`

Written by `outlast audit --list-rules --markdown`; a test keeps it current. `outlast audit --explain
CODE` says the same of one rule.

* **error**: one failure takes something essential down, or nobody can repair it;
* **warning**: an outage becomes longer, wider or likelier than it must be;
* **note**: worth knowing, often accepted.
"""


def rulebook() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, "", *_contents(), *_families()])


def _contents() -> Iterator[str]:
    fixable = sum(one.fixable for one in RULES)
    yield f"{len(RULES)} rules; `--fix` repairs what {fixable} of them find.\n"
    yield "| code | severity | finds |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| [{rule.code}](#{rule.code.lower()}) | {rule.severity} | {rule.title} |"


def _families() -> Iterator[str]:
    for title, family in FAMILIES:
        yield f"\n## {title}\n"
        for rule in family:
            yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.code}\n"
    fix = ", `--fix` repairs it" if rule.fixable else ""
    yield f"**{rule.title[0].upper()}{rule.title[1:]}** ({rule.severity}{fix}). {rule.happens}\n"
    sources = "; ".join(f"[{one.title}, {one.day}]({one.source})" for one in rule.incidents)
    yield f"**What taught it.** {rule.taught} ({sources})\n"
    yield f"**How to fix it.** {rule.remedy}\n"
    yield f"**When to ignore it.** {rule.ignore}\n"
