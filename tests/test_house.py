"""The house: rules of taste and structure that a reader may rely on, checked on the source itself.

A rule lists every offender at once. An exception stands next to its rule, with its reason.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "outlast"
LINES_MAX = {"src": 400, "bench": 400, "chaos": 400, "evaluate": 400, "tests": 600}
FUNCTION_LINES_MAX = 50
PARAMETERS_MAX = 5
PAGE_LINES_MAX = 70

# Who may import whom among our own packages. `app` wires everything and is not listed.
LAYERS = {
    "model": {"model"},
    "core": {"model", "core"},
    "ports": {"model"},
    "config": {"model", "config", "drill.scenario", "drill.vary"},  # files of drills are read here
    "drivers": {"model", "core", "detect", "glass", "ports", "drivers", "trail"},
    "sim": {"model", "core", "ports", "sim"},
    "drill": {"model", "drill", "core", "sim.kernel", "sim.world", "client"},
    "audit": {"model", "audit"},
    "detect": {"model", "detect"},
    "trail": {"model", "trail"},
    "glass": {"model", "trail", "glass"},
    "client": {"model", "client"},
    "pytest_plugin": {"model", "client", "pytest_plugin"},
}

# What core may take from the standard library: nothing that knows time, chance or the world.
CORE_STANDARD = {"collections", "dataclasses", "enum", "functools", "itertools", "math", "typing"}

# A verb imports no other verb, but for these.
VERBS = {
    "bounds": set[str](),
    "cells": set[str](),
    "blast": {"cells", "plan"},  # what a plan takes away is judged against the cell
    "plan": {
        "cells",
        "choose",
        "tree",
    },  # choose is the part of plan that weighs; tree knows what fits
    "guard": {
        "blast",
        "moved",
        "plan",
        "tree",
    },  # the situation, what goes, and what fits, is judged
    "moved": {"plan"},  # the guard's rules for the names that an endpoint leaves
    "adopt": {"plan"},  # an adopted publication is a plan
    "dual": {"enact", "transact"},  # one enact machine for each provider
    "enact": {"laying", "transact", "tree", "verify"},  # its writes; what it reads back is judged
    "laying": {"transact", "tree"},  # the part of enact that lays what does not fit one write
    "sweep": {"transact", "tree"},  # the same pieces, taken away
    "retire": set[str](),
    "observe": set[str](),
    "source": set[str](),
    "choose": set[str](),
    "transact": {"tree"},  # where the records of a plan lie
    "tree": set[str](),
    "verify": {"tree"},  # the same
}

# Modules that nobody imports because something outside starts them.
ENTRY_POINTS = {
    "outlast",  # the package itself
    "outlast.__main__",  # python -m outlast
    "outlast.client",  # what applications import
    "outlast.client.flag",  # imported by name: reads the control plane's own brown-out signal
    "outlast.client.middleware",  # imported by name: for web applications
    "outlast.pytest_plugin.plugin",  # pytest loads it by its entry point
    "outlast.app.reference",  # python -m: writes docs/cli.md
    "outlast.app.drill.records",  # python -m: writes docs/drills/records.md
    "outlast.drill.validate",  # python -m: make validate, writes docs/validation.md
    "outlast.config.reference",  # python -m: writes the table in docs/topology.md
    "outlast.app.demo.late",  # python -m: the enactor of the demonstration that is held back
}


# Imported by name, by applications that have the library in question; never by `import outlast.client`.
OPTIONAL = ("outlast.client.adapters", "outlast.client.hooks")


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def shown(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, at_import: bool = False) -> Iterator[tuple[int, str]]:
    """Every imported name, dotted as far as it is known; with `at_import` none inside functions."""
    nodes: list[ast.AST] = [tree(path)]
    while nodes:
        node = nodes.pop()
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path, node.lineno)}: relative import"
            yield from ((node.lineno, f"{node.module}.{one.name}") for one in node.names)
        nodes += ast.iter_child_nodes(node)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def none_of(offenders: list[str]) -> None:
    assert not offenders, "\n" + "\n".join(offenders)


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


# layers


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_those_below_it(layer: str) -> None:
    """docs/architecture.md: the arrows point down, and never from one world to the other."""
    allowed = LAYERS[layer]
    paths = files(f"src/outlast/{layer}") or [SRC / f"{layer}.py"]
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in paths
            if path.exists()
            for line, name in imports(path)
            if within(name, "outlast")
            and not any(within(name, f"outlast.{one}") for one in allowed)
        ]
    )


def standard(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in sys.stdlib_module_names


@pytest.mark.parametrize("layer", ["model", "core", "sim"])
def test_nouns_decisions_and_simulation_need_the_standard_library_only(layer: str) -> None:
    """Whoever reads them needs to know no other project."""
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in files(f"src/outlast/{layer}")
            for line, name in imports(path)
            if not standard(name) and not within(name, "outlast")
        ]
    )


def test_core_knows_no_clock_no_chance_and_no_world() -> None:
    """No IO, time, randomness, logging or asyncio: the same decisions must run in both worlds."""
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in files("src/outlast/core")
            for line, name in imports(path)
            if not within(name, "outlast") and name.split(".")[0] not in CORE_STANDARD
        ]
    )


def test_the_simulation_knows_no_asyncio() -> None:
    """Virtual time has a heap, no event loop."""
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in files("src/outlast/sim")
            for line, name in imports(path)
            if within(name, "asyncio")
        ]
    )


def test_the_client_needs_nothing_to_be_imported() -> None:
    """Applications import it: standard library and our own nouns, at import."""
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in files("src/outlast/client")
            for line, name in imports(path, at_import=True)
            if not standard(name) and not within(name, "outlast") and not is_optional(path)
        ]
    )


def is_optional(path: Path) -> bool:
    return any(within(module_name(path), one) for one in OPTIONAL)


def test_a_verb_imports_no_other_verb() -> None:
    """Only the loop knows the order of the sentence."""
    none_of(
        [
            f"{shown(path, line)}: {name}"
            for path in files("src/outlast/core")
            if path.stem in VERBS
            for line, name in imports(path)
            if within(name, "outlast.core")
            and name.split(".")[2] not in {"messages", *VERBS[path.stem]}
        ]
    )


def test_every_verb_is_known_here() -> None:
    """A new file in core must say what it may import."""
    stems = {path.stem for path in files("src/outlast/core")}
    assert stems == {*VERBS, "__init__", "messages", "loop"}


def test_every_package_has_its_layer() -> None:
    """A new package must say where it stands."""
    packages = {path.parent.name for path in SRC.glob("*/*.py")}
    assert packages <= {*LAYERS, "app"}


# sizes


def test_files_stay_readable() -> None:
    """At most 400 lines, tests 600."""
    none_of(
        [
            f"{shown(path)}: {count} lines, {most} are allowed"
            for folder, most in LINES_MAX.items()
            for path in files(folder)
            if (count := len(path.read_text().splitlines())) > most
        ]
    )


def test_functions_stay_readable() -> None:
    """At most 50 lines, from `def` to the last one."""
    none_of(
        [
            f"{shown(path, node.lineno)}: {node.name} has {count} lines"
            for path in files("src", "bench", "chaos", "evaluate", "tests")
            for node in functions(path)
            if (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        ]
    )


def test_functions_take_few_positional_parameters() -> None:
    """At most five, keyword-only ones apart; what is longer wants a value of its own."""
    none_of(
        [
            f"{shown(path, node.lineno)}: {node.name} takes {len(names)}"
            for path in files("src", "bench", "chaos", "evaluate")
            for node in functions(path)
            if len(names := parameters(node)) > PARAMETERS_MAX
        ]
    )


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


# determinism


def test_nothing_depends_on_memory_addresses() -> None:
    """`asyncio.wait` and `as_completed` go through sets of objects; `hash` and `id` differ by process."""
    offenders = [
        f"{shown(path, line)}: {name}"
        for path in files("src")
        for line, name in [*calls(path), *imports(path)]
        if name == "asyncio.wait" or name.split(".")[-1] == "as_completed"
    ]
    offenders += [
        f"{shown(path, line)}: {name}()"
        for path in files("src/outlast/core", "src/outlast/sim")
        for line, name in calls(path)
        if name in {"hash", "id"}
    ]
    none_of(offenders)


# Consumers to which order means nothing.
UNORDERED = {"all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum"}
ORDERED = {"enumerate", "iter", "list", "next", "tuple"}


def test_no_set_is_iterated_in_core_and_sim() -> None:
    """Sets of strings come in another order in every process: two runs of a seed would differ."""
    none_of(
        [
            f"{shown(path, node.lineno)}: {ast.unparse(node)[:60]}"
            for path in files("src/outlast/core", "src/outlast/sim")
            for scope in [*functions(path)]
            for node in iterated_sets(scope)
        ]
    )


def iterated_sets(scope: ast.AST) -> Iterator[ast.expr]:
    """Iterated expressions that are sets, as far as one function's text tells."""
    names = {
        target.id
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_set(node.value, set())
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    harmless = {
        id(argument)
        for node in ast.walk(scope)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in UNORDERED
        for argument in node.args
    }
    for node in ast.walk(scope):
        iterated: list[ast.expr] = []
        if isinstance(node, ast.For):
            iterated = [node.iter]
        elif isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
            iterated = [] if id(node) in harmless else [one.iter for one in node.generators]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            iterated = node.args if name in ORDERED or name.endswith(".join") else []
        yield from (one for one in iterated if is_set(one, names))


def is_set(node: ast.expr | None, names: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name):
            return name in names
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return is_set(left, names)
    return False


def test_the_search_for_iterated_sets_finds_them() -> None:
    """The rule above would be worth nothing if it found nothing."""
    found = "def f(a):\n s = {1}\n for x in s: pass\n return [y for y in set(a)], list(s - {2})"
    assert len([*iterated_sets(ast.parse(found))]) == 3
    fine = "def f(a):\n s = {1}\n return sorted(s), any(x for x in s), [y for y in sorted(s)]"
    assert [*iterated_sets(ast.parse(fine))] == []


# words


def texts() -> list[Path]:
    """Everything in the repository that people read or machines run, but for this file."""
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cfg", ".conf", ".service", ".pml"}
    folders = ("src", "tests", "bench", "chaos", "evaluate", "docs", "examples", "models", ".")
    found = {
        path
        for folder in folders
        for path in (ROOT / folder).glob("*" if folder == "." else "**/*")
        if path.is_file() and (path.suffix in kinds or path.name in {"Makefile", "Containerfile"})
    }
    return sorted(found - {Path(__file__)})


def hits(pattern: str, paths: list[Path]) -> list[str]:
    compiled = re.compile(pattern)
    return [
        f"{shown(path, number)}: {line.strip()[:90]}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if compiled.search(line)
    ]


def test_nothing_is_left_over() -> None:
    """No notes to oneself, no stubs, no tests that are switched off."""
    words = r"\b(TODO|FIXME|XXX|HACK)\b|pragma: no cover|NotImplementedError|mark\.(skip|xfail)"
    none_of(hits(words + r"|pytest\.skip\(|breakpoint\(\)", texts()))


def test_no_paths_of_one_machine() -> None:
    """What works on one machine only works on no other."""
    none_of(hits(r"(?<![\w.$}/])/(work|root|tmp|home)(/|\b)", texts()))


def test_no_registry_addresses() -> None:
    """Packages come from wherever the reader's tools are set up to look."""
    none_of(
        hits(
            r"(?i)index-url|pypi\.org|pythonhosted|registry\.[a-z]+\.[a-z]|://[^/ ]*(nexus|artifactory)",
            texts(),
        )
    )


def test_print_belongs_to_the_command_line() -> None:
    """Everything else speaks in facts, logs and values."""
    none_of(
        [
            f"{shown(path, line)}: print"
            for path in files("src")
            if "app" not in path.parts
            for line, name in calls(path)
            if name == "print"
        ]
    )


def test_everything_public_is_documented() -> None:
    """Modules, classes, functions and methods: meaning, units, errors."""
    offenders = []
    for path in files("src"):
        if ast.get_docstring(tree(path)) is None:
            offenders.append(f"{shown(path)}: the module")
        offenders += [f"{shown(path, node.lineno)}: {node.name}" for node in undocumented(path)]
    none_of(offenders)


Defined = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(path: Path) -> Iterator[Defined]:
    pending: list[ast.stmt] = list(tree(path).body)
    while pending:
        node = pending.pop()
        if not isinstance(node, Defined) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not is_repeated(node):
            yield node
        if isinstance(node, ast.ClassDef):
            pending += node.body


def is_repeated(node: Defined) -> bool:
    """Overloads and overrides say nothing that the original does not."""
    names = {ast.unparse(one) for one in node.decorator_list}
    return any(one.endswith(("overload", "override", ".setter")) for one in names)


# names, dependencies, dead files, decisions


# What a metric's name ends with. A gauge that counts things is named by them alone, as in
# `outlast_endpoints`: Prometheus keeps `_total` for what only grows, and things have no unit.
METRICS = {
    "Counter": r"outlast(_[a-z0-9]+)+_total",
    "Histogram": r"outlast(_[a-z0-9]+)+_(seconds|bytes|ratio)",
    "Summary": r"outlast(_[a-z0-9]+)+_(seconds|bytes|ratio)",
    "Gauge": r"outlast(_[a-z0-9]+)+(?<!_total)(?<!_ms)(?<!_milliseconds)(?<!_minutes)(?<!_percent)",
    "Info": r"outlast(_[a-z0-9]+)*",
}


def metrics() -> list[tuple[str, str, str]]:
    """Where each metric is made, by which class, under which name."""
    return [
        (shown(path, node.lineno), maker, node.args[0].value)
        for path in files("src")
        if any(within(name, "prometheus_client") for _, name in imports(path))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (maker := ast.unparse(node.func).split(".")[-1]) in METRICS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def test_metrics_are_named_by_one_rule() -> None:
    """`outlast_<noun>_<unit|total>`: whoever reads a graph knows the unit."""
    found = metrics()
    assert found or not (SRC / "drivers" / "telemetry.py").exists(), "no metric was found"
    none_of(
        [
            f"{where}: {maker} {name}"
            for where, maker, name in found
            if not re.fullmatch(METRICS[maker], name)
        ]
    )


def test_every_dependency_has_its_reason() -> None:
    """Beside it, in pyproject.toml; what has no reason can go."""
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"]]
    wanted += [one for extra in project["optional-dependencies"].values() for one in extra]
    lines = text.splitlines()
    none_of(
        [one for one in wanted if not any(f'"{one}"' in line and "#" in line for line in lines)]
    )


def test_no_module_is_dead() -> None:
    """A file that nobody imports and nothing starts is read by people all the same."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].values()
    alive = {*ENTRY_POINTS, *(one.split(":")[0] for one in scripts)}
    imported = {
        name for path in files("src", "bench", "chaos", "evaluate") for _, name in imports(path)
    }
    imported |= {f"outlast.app.commands.{one}" for one in commands_named()}
    none_of(
        [
            shown(path)
            for path in files("src")
            if path.name != "__init__.py"
            and module_name(path) not in alive
            and not is_optional(path)
            and not any(within(name, module_name(path)) for name in imported)
        ]
    )


def commands_named() -> set[str]:
    """The command line imports a command's module when it is used, by the name in its table."""
    path = SRC / "app" / "cli.py"
    if not path.exists():
        return set()
    return {
        node.value.split(":")[0].split(".")[0]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_a_decision_fits_a_page() -> None:
    """docs/decisions: one short page for each choice, with a title."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    none_of(
        [
            shown(path)
            for path in pages
            if len(path.read_text().splitlines()) > PAGE_LINES_MAX
            or not path.read_text().startswith("# ")
        ]
    )
