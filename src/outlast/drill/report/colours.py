"""Colours: one ramp whose lightness falls steadily, so that it reads in grey and by colour-blind eyes.

Red against green is never what tells good from bad; blue says "with less than the full function".
"""

LEVELS_LIGHT = (
    "#eef1f4",
    "#fde9bd",
    "#fbcb7c",
    "#f49b4c",
    "#dd6331",
    "#ab3029",
    "#64112f",
    "#86aede",
    "none",
)
LEVELS_DARK = (
    "#272e35",
    "#4c3726",
    "#76472b",
    "#a65b2c",
    "#d67a34",
    "#f5aa57",
    "#ffe4ab",
    "#4d78ad",
    "none",
)


def variables(levels: tuple[str, ...]) -> str:
    """Return the declarations of the ramp."""
    return ";".join(f"--l{number}:{colour}" for number, colour in enumerate(levels))


LIGHT = (
    f"--ink:#1b1f23;--faint:#57616b;--line:#a9b2bb;--paper:#fff;--box:#f4f6f8;--mark:#1f5fa8;"
    f"--fault:#ab3029;{variables(LEVELS_LIGHT)}"
)
DARK = (
    f"--ink:#e6e9ec;--faint:#a3adb6;--line:#59636d;--paper:#14181c;--box:#20262c;--mark:#7fb2ee;"
    f"--fault:#f5aa57;{variables(LEVELS_DARK)}"
)
SCHEMES = (
    f":root{{{LIGHT};color-scheme:light dark}}@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}"
)
CELLS = "".join(f".l{number}{{fill:var(--l{number})}}" for number in range(9))
"""Classes for samples."""
FIGURE = (
    f"svg{{{LIGHT}}}@media (prefers-color-scheme:dark){{svg{{{DARK}}}}}"
    "text{font:12px system-ui,sans-serif;fill:var(--ink)}.faint{fill:var(--faint)}"
    ".ground{fill:var(--paper)}"
)
"""What a picture needs that stands alone."""
