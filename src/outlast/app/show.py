"""Show: how plans, rulings and health read on a terminal. Text only; every command has --json too."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.model.plan import Finding, Plan, Ruling, Severity
from outlast.model.records import RecordSet

_SIGNS = {Severity.BLOCK: "[red]BLOCK[/]", Severity.WARN: "[yellow]warn[/]", Severity.NOTE: "note"}


def console() -> Console:
    """A console that is as wide as the terminal, and wide enough where there is none."""
    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, width=160, soft_wrap=True)


def diff_lines(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> list[str]:
    """The records that go and come, as `- name ttl type value` and `+ ...`, canonical order."""
    old = {(one.name, one.rtype, value): one.ttl_s for one in before for value in one.values}
    new = {(one.name, one.rtype, value): one.ttl_s for one in after for value in one.values}
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        name, rtype, value = key
        if old.get(key) == new.get(key):
            lines.append(f"  {name} {new[key]} {rtype} {value}")
            continue
        if key in old:
            lines.append(f"- {name} {old[key]} {rtype} {value}")
        if key in new:
            lines.append(f"+ {name} {new[key]} {rtype} {value}")
    return lines


def print_diff(out: Console, before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> None:
    """Print a diff in colours."""
    for line in diff_lines(before, after):
        style = {"-": "red", "+": "green"}.get(line[0], "dim")
        out.print(f"    [{style}]{escape(line)}[/]")


def print_ruling(out: Console, ruling: Ruling) -> None:
    """Print a ruling with all its reasons."""
    if not ruling.findings:
        out.print("    guard: [green]allowed[/], nothing to remark")
        return
    out.print("    guard: " + ("[green]allowed[/]" if ruling.allowed else "[red]BLOCKED[/]"))
    for one in ruling.findings:
        out.print(f"      {sign(one)} {one.rule}: {escape(one.message)}")
        if one.remedy and not one.overridden and one.severity is not Severity.NOTE:
            out.print(f"            -> {escape(one.remedy)}")


def sign(finding: Finding) -> str:
    """How a finding counts, in colour."""
    return "[cyan]waived[/]" if finding.overridden else _SIGNS[finding.severity]


def members_table(plan: Plan) -> Table:
    """Every target of a plan with its state and reason."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("", "target", "region", "address", "weight", "why"):
        table.add_column(heading, overflow="fold")
    for one in plan.members:
        mark = "[green]in[/]" if one.serves else "[yellow]in[/]" if one.published else "[red]out[/]"
        weight = f"{one.weight} at {one.percent} %" if one.published else ""
        table.add_row(mark, one.target, one.region, one.address, weight, escape(one.why))
    return table
