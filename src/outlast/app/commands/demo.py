"""`outlast demo`: half a minute of disasters, each claim checked by asking DNS."""

import asyncio
import io
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from outlast.app.demo.asking import Watcher
from outlast.app.demo.stage import Stage
from outlast.app.demo.story import Story
from outlast.app.demo.telling import Teller, chart
from outlast.app.options import json_option
from outlast.app.show import console
from outlast.model.errors import OutlastError

PAUSE_S = 1.2


@click.command(
    epilog="""
    \b
    Examples:
      outlast demo
      outlast demo --fast                  without pauses for reading
      outlast demo --json | jq .figures    what was measured
      outlast demo --keep seen             leaves topology, store, zones and logs there

    Everything is real: a name server, a planner, a prober and three enactors in processes of their own, on
    free ports of this machine. Nothing else is touched. Ends with 0 if every claim was true, with 1 at the
    first one that was not.
    """
)
@click.option("--fast", is_flag=True, help="Do not pause between the acts.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to work in, and to leave behind. [default: a temporary one, removed at the end]",
)
@json_option
def demo(*, fast: bool, keep: Path | None, as_json: bool) -> int:
    """Watch half a minute of disasters; each claim is checked by asking DNS."""
    out = Console(file=io.StringIO()) if as_json else console()
    pause_s = 0.0 if fast or as_json else PAUSE_S
    folder = keep or Path(tempfile.mkdtemp(prefix="outlast-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    teller = Teller(out=out, pause_s=pause_s)
    began_s, evidence = time.monotonic(), False
    try:
        found = asyncio.run(_play(folder, teller))
    except asyncio.CancelledError:
        raise click.Abort from None
    except OutlastError as broken:
        evidence = True
        if not as_json:
            raise
        found = {"ok": False, "error": broken.what}
    finally:
        if keep is None and not evidence:
            shutil.rmtree(folder, ignore_errors=True)
    length_s = time.monotonic() - began_s
    if as_json:
        whole = found | {
            "seconds": round(length_s, 1),
            "claims": [asdict(it) for it in teller.claims],
        }
        click.echo(json.dumps(whole, indent=2))
        return 0 if found["ok"] else 1
    out.print(
        f"\n[bold green]{len(teller.claims)} claims, every one checked; {length_s:.0f} s.[/] "
        "The same on your own names: [bold]outlast config check FILE[/], then [bold]outlast plan FILE[/]."
    )
    return 0


async def _play(folder: Path, teller: Teller) -> dict[str, object]:
    """Play all acts; whatever happens, nothing is left running."""
    # A kill must not leave six processes behind: end as after Ctrl-C.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    stage = await Stage.build(folder)
    teller.out.print(
        "[bold]Half a minute of disasters[/] on a small real system in "
        f"{folder}\n[dim]Every [/][green]✓[/][dim] was asked of a DNS server, just then: "
        f"dig @{stage.client.server.host} -p {stage.client.server.port} {stage.client.name}[/]"
    )
    watcher = Watcher(stage.client)
    story = Story(stage=stage, teller=teller, watcher=watcher)
    watching: asyncio.Task[None] | None = None
    try:
        await story.opening()
        watcher.began_s = time.monotonic()
        watching = asyncio.create_task(watcher.run())
        for act in (
            story.region_dies,
            story.enactor_comes_late,
            story.foreign_hand,
            story.store_lost,
            story.rescued,
        ):
            await teller.breathe()
            await act()
        await story.closing()
        chart(teller.out, watcher, teller.acts)
    except OutlastError:
        _show_logs(folder)
        raise
    finally:
        if watching is not None:
            watcher.stopping = True
            await watching
        await stage.clear()
    figures = {name: round(value, 4) for name, value in story.figures.items()}
    return {"ok": True, "figures": figures, "questions": len(watcher.record)}


def _show_logs(folder: Path) -> None:
    """Show the last lines of every process, where a claim failed."""
    for path in sorted(folder.glob("*.log")):
        lines = path.read_text(errors="replace").splitlines()[-8:]
        sys.stderr.write("".join(f"{path.name}: {line}\n" for line in lines))
