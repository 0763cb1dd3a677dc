"""Building: the step is compiled by the machine's own C compiler, once, in a second or so.

Where it is put: `$OUTLAST_CACHE`, else `$XDG_CACHE_HOME/outlast`, else `~/.cache/outlast`. The file's name
holds a digest of source, compiler and flags, so a stale one is never found. It is written beside and then
renamed: two processes that build at once leave one whole file.

`-ffp-contract=off` keeps fused multiply-adds out, which round differently from what numpy does.
`-march=native` is safe because what is built here runs here.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from outlast.drill.compiled.fields import header

FLAGS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp-simd",
)
PARTS = ("serving.c", "following.c", "graph.c", "step.c", "people.c")
BUILD_S = 120.0
"""How long a compiler may take; it takes about a second."""


class NoCompiler(Exception):
    """The step cannot be compiled here; the message says why, and what would help."""


def source() -> str:
    """Return the whole source, as the compiler gets it."""
    here = Path(__file__).parent
    head = "#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
    words = (here / "words.h").read_text()
    return "\n".join((head, words, header(), *((here / one).read_text() for one in PARTS)))


def compiler() -> list[str]:
    """Return the command of the C compiler.

    Raises:
        NoCompiler: there is none.
    """
    chosen = shlex.split(os.environ.get("CC", "cc"))
    found = shutil.which(chosen[0]) if chosen else None
    if found is None:
        raise NoCompiler("no C compiler is installed; on Debian: apt-get install gcc")
    return [found, *chosen[1:]]


def cache() -> Path:
    """Return the folder of compiled steps."""
    own = os.environ.get("OUTLAST_CACHE", "")
    base = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    return Path(own) if own else Path(base) / "outlast"


def built(folder: Path | None = None) -> Path:
    """Return the compiled step, which is compiled now if it is not there yet.

    Raises:
        NoCompiler: it cannot be compiled.
    """
    text, command = source(), compiler()
    # What `native` means differs between machines that share a home directory.
    parts = (text, *command, *FLAGS, platform.machine(), _processor())
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    place = cache() if folder is None else folder
    made = place / f"drill-step-{digest}.so"
    if not made.exists():
        compiled(text, command, made)
    return made


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((one for one in lines if one.startswith(("flags", "Features"))), "")


def compiled(text: str, command: list[str], made: Path) -> None:
    """Compile a source into a file.

    Raises:
        NoCompiler: it cannot be compiled.
    """
    try:
        made.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            code, result = Path(folder) / "step.c", Path(folder) / "step.so"
            code.write_text(text)
            run = subprocess.run(  # noqa: S603 - the user's own compiler, on our own source
                [*command, *FLAGS, "-o", str(result), str(code), "-lm"],
                capture_output=True,
                text=True,
                timeout=BUILD_S,
                check=False,
            )
            if run.returncode:
                raise NoCompiler(f"{command[0]} failed: {run.stderr.strip()[:400]}")
            result.replace(made)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompiler(f"the step cannot be compiled into {made.parent}: {error}") from error


def load(path: Path) -> ctypes.CDLL:
    """Load a compiled step.

    Raises:
        NoCompiler: the system refuses it, for instance where the folder forbids execution.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NoCompiler(f"{path} cannot be loaded: {error}") from error
    library.outlast_steps.restype = ctypes.c_int64
    library.outlast_steps.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    library.outlast_report.restype = None
    library.outlast_report.argtypes = (ctypes.c_void_p,)
    return library
