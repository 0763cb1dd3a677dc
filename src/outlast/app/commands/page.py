"""`outlast page`: the public status page, as files that any host can serve."""

import asyncio
from pathlib import Path

import click

from outlast.app.options import DurationType, open_world, world_options
from outlast.app.publicpage import gather, write
from outlast.glass.render import render


@click.command(
    epilog="""
    \b
    Examples:
      outlast page world.yaml --to /var/www/status
      outlast page world.yaml --to public --once && rsync -a public/ status.example.org:/var/www/

    Serve the folder from somewhere that shares nothing with what it reports on: another vendor, another
    name, another certificate. The page says how old it is.
    """
)
@world_options
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="The folder to write.",
)  # fmt: skip
@click.option("--name", default="", help="Title of the page. [default: name of FILE]")
@click.option("--url", default="", help="Where it is served; stands in feeds and answers.")
@click.option(
    "--every", "every_s", type=DurationType(), default=10.0, show_default="10s",
    help="How often it is written.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Write it once, and end.")
def page(
    file: Path,
    state: Path | None,
    *,
    folder: Path,
    name: str,
    url: str,
    every_s: float,
    once: bool,
) -> None:
    """Write the public status page of FILE, anew every few seconds, until interrupted."""
    world = open_world(file, state, kept=True)

    async def work() -> None:
        while True:
            title = name or file.stem
            found = await gather(world, name=title, url=url or "./", every_s=every_s)
            await asyncio.to_thread(write, folder, render(found))
            if once:
                click.echo(f"{found.verdict}: {folder / 'index.html'}")
                return
            await asyncio.sleep(every_s)

    asyncio.run(work())
