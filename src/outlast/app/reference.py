"""The command-line reference, written from the commands themselves: `python -m outlast.app.reference`.

It prints `docs/cli.md`. A test compares the two, so that no command or option can be undocumented.
"""

import inspect
import sys
from collections.abc import Iterator

import click

from outlast.app.cli import COMMANDS, cli

HEAD = """\
# Command line

Written by `python -m outlast.app.reference`; a test keeps it current. `outlast COMMAND --help` says the same.

Exit codes, everywhere: **0** done, nothing wrong found; **1** not done, or something found (blocked by the
guard, drift, a check that failed); **2** wrong use, nothing was changed; **3** the DNS or the store could
not be used; **130** interrupted.

Everywhere: `FILE` may come from `OUTLAST_TOPOLOGY`, and `--state` from `OUTLAST_STATE`. Durations are
written `30s`, `10m`, `2h` or `1d`.

Shell completion: `eval "$(_OUTLAST_COMPLETE=bash_source outlast)"`; also `zsh_source` and `fish_source`.
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_contents(), "", *_commands()])


def _contents() -> Iterator[str]:
    yield "| command | what it does |"
    yield "|---|---|"
    for name, (_, line) in COMMANDS.items():
        yield f"| [`outlast {name}`](#outlast-{name}) | {line} |"


def _commands() -> Iterator[str]:
    root = click.Context(cli, info_name="outlast")
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None
        yield from _command(command, click.Context(command, info_name=name, parent=root), 2)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if not isinstance(command, click.Group):
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"```text\n{usage}\n```\n"
    options = [
        record
        for one in command.get_params(context)
        if isinstance(one, click.Option)
        and "--help" not in one.opts
        and (record := one.get_help_record(context)) is not None
    ]
    if options:
        yield "| option | meaning |"
        yield "|---|---|"
        for flags, text in options:
            yield f"| `{flags.replace('|', ', ')}` | {text.replace('|', ', ')} |"
        yield ""
    if command.epilog:
        yield f"```text\n{_examples(command.epilog)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(
                inner, click.Context(inner, info_name=name, parent=context), level + 1
            )


def _examples(epilog: str) -> str:
    """The examples as they stand; click's mark for text that must not be wrapped is dropped."""
    lines = [line for line in inspect.cleandoc(epilog).splitlines() if line.strip() != "\b"]
    return "\n".join(lines).strip()


if __name__ == "__main__":
    sys.stdout.write(reference())
