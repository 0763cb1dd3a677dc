"""The review after an incident: facts out of the audit trail, room for the reasoning of people.

Each value says where it comes from: *measured*, with the index of the entry that shows it, or *human*,
since somebody said so. What nobody measured or wrote down is listed as missing and never made up. What
made sense to people at the time, what helped, and what is done next is for people to write.
"""

from collections.abc import Sequence

from markdown_it import MarkdownIt

from outlast.glass.incident import (
    Incident,
    Milestone,
    Numbered,
    concerns,
    lead_s,
    milestones,
    missing,
)
from outlast.model.units import NS_PER_S, iso

QUESTIONS = (
    ("What happened, for those who use it", "In a few sentences without our own words for things."),
    (
        "What contributed",
        "Not the one root cause: each thing without which it had been shorter or not at all.",
    ),
    ("What made it better than it could have been", "People, tools, luck: name which was luck."),
    ("What made sense at the time", "What each of us knew when we decided, and why we decided so."),
    ("What we do next", "Each with its owner, its date, and what it would have changed."),
)


def review(incident: Incident, trail: Sequence[Numbered]) -> str:
    """Return the review as Markdown.

    Args:
        trail: entries of the verified audit trail with their indices.
    """
    mine = [one for one in trail if concerns(incident, one[1])]
    steps = milestones(incident, mine)
    parts = [_head(incident), _measured(incident, steps), _timeline(incident, mine)]
    parts += [f"## {title}\n\n*{hint}*\n" for title, hint in QUESTIONS]
    return "\n".join(parts)


def as_html(markdown: str, title: str) -> str:
    """Return a review as one self-contained page; no script, nothing fetched."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    style = (
        ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;"
        "margin:0 auto;padding:1rem}table{border-collapse:collapse}td,th{border-bottom:1px solid;"
        "padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    )
    name = title.replace("&", "&amp;").replace("<", "&lt;")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{style}</style></head><body>\n{body}</body></html>\n"
    )


def _head(incident: Incident) -> str:
    kind = "Exercise" if incident.exercise else "Incident"
    end = iso(incident.resolved_ns) if incident.resolved_ns is not None else "not yet"
    about = ", ".join(incident.about) or "everything"
    rows = [
        ("hit", about, "human"),
        ("impact", incident.impact, "human"),
        ("began", iso(incident.began_ns), "human"),
        ("resolved", end, "human"),
    ]
    if incident.resolved_ns is not None:
        length = (incident.resolved_ns - incident.began_ns) / NS_PER_S
        rows.append(("length", _length(length), "from the two above"))
    lines = [f"# {kind} {incident.number}: {_plain(incident.title)}", ""]
    lines += ["| | | provenance |", "|---|---|---|"]
    lines += [f"| {what} | {_plain(value)} | {where} |" for what, value, where in rows]
    return "\n".join(lines) + "\n"


def _measured(incident: Incident, steps: Sequence[Milestone]) -> str:
    lines = ["## Steps", "", "| step | at | after | what showed it | provenance |"]
    lines += ["|---|---|---:|---|---|"]
    for one in steps:
        where = f"{one.provenance}, entry {one.index}" if one.index is not None else one.provenance
        after = _length(one.after_s)
        lines.append(f"| {one.step} | {iso(one.at_ns)} | {after} | {_plain(one.text)} | {where} |")
    lead = lead_s(incident, steps)
    if lead is not None:
        word = "before" if lead >= 0 else "after"
        lines += ["", f"Detected {_length(abs(lead))} {word} the provider's own notice."]
    gaps = [f"no sign that it was {step}" for step in missing(steps)]
    if incident.notice_ns is None:
        gaps.append("when the provider at fault gave notice itself is not on record")
    lines += ["", "Missing:", "", *(f"- {one}" for one in gaps or ["nothing"]), ""]
    return "\n".join(lines)


def _timeline(incident: Incident, trail: Sequence[Numbered]) -> str:
    told = [
        (
            entry.at_ns,
            f"{entry.event} {entry.about}".strip(),
            f"{entry.by}: {entry.text}",
            f"entry {index}",
        )
        for index, entry in trail
    ]
    told += [
        (one.at_ns, "said in public" if one.public else "note", f"{one.by}: {one.text}", "human")
        for one in incident.updates
    ]
    lines = ["## Timeline", "", "| at | what | | provenance |", "|---|---|---|---|"]
    lines += [
        f"| {iso(at_ns)} | {_plain(what)} | {_plain(text)} | {where} |"
        for at_ns, what, text, where in sorted(told, key=lambda one: one[0])
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return a text that cannot leave its place in a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _length(length_s: float) -> str:
    sign, whole = ("-" if length_s < 0 else ""), round(abs(length_s))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours} h {minutes:02d} min"
    return f"{sign}{minutes} min {seconds:02d} s" if minutes else f"{sign}{seconds} s"
