"""The command line's front door: which commands there are, and how errors end.

Commands are imported when they are used: `outlast --help` and the audit hook of a repository should not
wait for name servers and metrics to load.

Exit codes, the same everywhere:

    0  done; nothing wrong was found
    1  not done, or something was found: blocked by the guard, drift, a check that failed
    2  wrong use: flag, file, topology; nothing was changed
    3  the DNS or the store could not be used; nothing more was changed
   70  a fault of Outlast's own
  130  interrupted
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from outlast import __version__
from outlast.model.errors import OutlastError

TRACEBACK = "OUTLAST_TRACEBACK"
"""Environment variable that lets a fault of Outlast's own end in a traceback."""

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up:up", "Start planner, enactors, prober and name server."),
    "demo": ("demo:demo", "Watch half a minute of disasters, each claim checked by asking DNS."),
    "status": ("status:status", "Show what is published, wanted and wrong."),
    "why": ("why:why", "Explain the answer for one name, address by address."),
    "plan": ("plan:plan", "Preview what would change, with the guard's ruling."),
    "apply": ("apply:apply", "Publish exactly what was previewed."),
    "evacuate": ("evacuate:evacuate", "Drain a region, in steps, with a capacity proof."),
    "restore": ("evacuate:restore", "Take a region back into service."),
    "freeze": ("freeze:freeze", "Stop automation for one endpoint, or all."),
    "thaw": ("freeze:thaw", "Let automation go on."),
    "waive": ("freeze:waive", "Switch one rule of the guard off, for a while."),
    "history": ("history:history", "Tell what happened, and show old plans."),
    "rollback": ("rollback:rollback", "Publish an earlier plan again, as a new generation."),
    "rescue": ("rescue:rescue", "Restore the last known good with DNS credentials alone."),
    "release": ("release:release", "Take an endpoint that left the topology out of the DNS."),
    "check": ("check:check", "Compare every authoritative server of a name with the signed plan."),
    "account": ("account:account", "Say who may log in to the board, and as what."),
    "token": ("token:token", "Give machines a way into the board's HTTP API."),
    "keys": ("keys:keys", "Make and show the key that plans are signed with."),
    "import": ("imports:import_", "Move in: a topology from octoDNS, a zone file or Route 53."),
    "incident": ("incident:incident", "Open incidents, tell the public, write the review."),
    "page": ("page:page", "Write the public status page, for any host to serve."),
    "log": ("log:log", "Verify the audit trail, and read what it tells."),
    "config": ("config:config", "Check or explain a topology file."),
    "schema": ("config:schema", "Print the topology's JSON Schema, for editors."),
    "certify": ("certify:certify_command", "Put the fence of a real DNS to the test."),
    "audit": ("audit:audit", "Find every road that leads to one place, before it closes."),
    "drill": ("drill:drill", "Play a disaster through: what breaks, for whom, for how long."),
    "verify": ("verify:verify", "Explore the protocol under virtual time."),
    "reports": ("reports:reports_group", "Take reports of outages in; make them up."),
    "watch": (
        "watch:watch",
        "Tell from reports what is down, where, and which shared thing explains it.",
    ),
    "client": ("client:client", "Tools for applications that degrade gracefully."),
}
"""Name -> module below `app/commands` with its attribute, and the line in `outlast --help`."""


EXTRAS = {
    "numpy": "drill,detect",
    "pyarrow": "drill,detect",
    "duckdb": "detect",
    "httptools": "detect",
    "nats": "detect",
    "distributed": "dask",
    "grpc": "etcd",
    "boto3": "cloud",
    "google": "cloud",
}
"""Library -> the extras that bring it. Whatever command meets one that is missing ends in `run`."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which an operator meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        found = getattr(importlib.import_module(f"outlast.app.commands.{module}"), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{module}:{attribute} is no command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    \b
    A first look:   outlast demo
    On a file:      outlast config check FILE && outlast plan FILE && outlast up FILE
    At 3 a.m.:      outlast status FILE; outlast why FILE NAME; outlast freeze FILE NAME
    Nothing works:  outlast rescue FILE
    Completion:     eval "$(_OUTLAST_COMPLETE=bash_source outlast)"   (or zsh_source, fish_source)

    Exit codes: 0 done, 1 not done or something found, 2 wrong use, 3 DNS or store not usable.
    """,
)
@click.version_option(__version__, prog_name="outlast")
def cli() -> None:
    """Outlast keeps names answering when a region goes dark."""


def main() -> None:
    """Run the command line; the entry point."""
    if sys.flags.optimize:
        sys.stderr.write("outlast: do not run under `python -O`: its assertions are safety nets\n")
        sys.exit(2)
    sys.exit(run(lambda: cli.main(standalone_mode=False)))


def run(command: Callable[[], Any]) -> int:
    """Run a command and turn whatever ends it into an exit code, with one clear error."""
    try:
        result = command()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        sys.stderr.write("\ninterrupted; the DNS stays as it is\n")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OutlastError as error:
        sys.stderr.write(f"outlast: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the DNS stays as it is\n")
        return 130
    except ModuleNotFoundError as error:
        return _missing(error)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the last one to be asked
        return _own_fault(error)
    return result if isinstance(result, int) else 0


def _missing(error: ModuleNotFoundError) -> int:
    """Say which extra brings a library that is not installed."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return _own_fault(error)
    extras = EXTRAS[library]
    sys.stderr.write(
        f"outlast: this needs the library {library}, which is not installed; nothing was changed\n"
        f"  -> pip install 'outlast[{extras}]', or in a checkout: pip install -e '.[{extras}]'\n"
    )
    return 2


def _own_fault(error: Exception) -> int:
    if os.environ.get(TRACEBACK):
        raise error
    sys.stderr.write(
        f"outlast: a fault of its own: {type(error).__name__}: {error}\n"
        f"  -> the DNS stays as it is; {TRACEBACK}=1 shows where, please report it\n"
    )
    return 70
