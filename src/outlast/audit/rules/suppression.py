"""SUP: suppressions that hide too much. Found where the file is read, since a topology has no comments."""

from collections.abc import Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Hit, Severity
from outlast.audit.incidents import FACEBOOK
from outlast.audit.rule import Rule


def _none(_case: Case) -> Iterator[Hit]:
    return iter(())


def _rule(code: str, severity: Severity, *, title: str, happens: str, remedy: str) -> Rule:
    return Rule(
        code=code,
        severity=severity,
        title=title,
        happens=happens,
        taught="An audit tool that should have stopped a command had a fault and let it pass. What is "
        "silenced for no known reason is as good as that.",
        incidents=(FACEBOOK,),
        remedy=remedy,
        ignore="Never.",
        check=_none,
    )


RULES = (
    _rule(
        "SUP001",
        Severity.ERROR,
        title="a suppression without codes or without a reason",
        happens="It suppresses nothing. With a reason the next reader can judge whether it still holds.",
        remedy="Write `# audit: ignore CODE -- reason`.",
    ),
    _rule(
        "SUP002",
        Severity.WARNING,
        title="a suppression of a rule that does not exist",
        happens="A slip of the pen: the finding that was meant is still shown.",
        remedy="See `outlast audit --list-rules`.",
    ),
    _rule(
        "SUP003",
        Severity.NOTE,
        title="a suppression that nothing needs any more",
        happens="It would hide the same fault when it comes back.",
        remedy="Delete it.",
    ),
)
