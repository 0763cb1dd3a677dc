"""A process that writes to a store and tells on its standard output what was acknowledged.

python writer.py PATH append NAME       put NAME/0, NAME/1, ... until killed; one line each
python writer.py PATH race NAME ROUNDS  count one key up to ROUNDS against others; one line a win
python writer.py PATH once KEY          wait for a line on standard input, then put KEY
"""

import asyncio
import sys
from pathlib import Path

from outlast.drivers.stores.file import FileOptions
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.ports import Change


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def append(store: SqliteStore, name: str) -> None:
    number = 0
    while True:
        keys = [f"{name}/{number + offset}" for offset in range(5)]
        await asyncio.gather(
            *(store.commit(Change(requires=((key, 0),), puts=((key, b"x" * 200),))) for key in keys)
        )
        number += len(keys)
        tell(str(number))


async def race(store: SqliteStore, name: str, rounds: int) -> None:
    while True:
        entry = await store.get("gen")
        at, number = (entry.revision, int(entry.value.split()[0])) if entry else (0, 0)
        if number >= rounds:
            return
        value = f"{number + 1} {name}".encode()
        if await store.commit(Change(requires=(("gen", at),), puts=(("gen", value),))) is not None:
            tell(str(number + 1))


async def once(store: SqliteStore, key: str) -> None:
    tell("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await store.commit(Change(puts=((key, b"x"),)))
    tell("done")
    await asyncio.to_thread(sys.stdin.readline)


async def main() -> None:
    path, task, name, *rest = sys.argv[1:]
    # SQLite's wait for another process's lock is not fair: on a slow disk one of several that commit without
    # a pause may wait for all the others to be done.
    store = await SqliteStore.open(Path(path), FileOptions(busy_s=60))
    if task == "append":
        await append(store, name)
    elif task == "race":
        await race(store, name, int(rest[0]))
    else:
        await once(store, name)
    await store.close()


asyncio.run(main())
