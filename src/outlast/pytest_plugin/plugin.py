"""The hooks: options, the `outage` fixture, the matrix of `pytest --outages`, the report.

What a test saw travels in its `user_properties`, which pytest puts into JUnit files and pytest-xdist carries
to the process that writes the report.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from outlast.client.application import Application
from outlast.client.facts import Degraded, Fact, Served
from outlast.pytest_plugin import render
from outlast.pytest_plugin.coverage import Coverage, Observed, decode, judge
from outlast.pytest_plugin.faults import Cell, cells_of
from outlast.pytest_plugin.outage import Outage
from outlast.pytest_plugin.stage import Route, Stage

PROPERTY = "outlast"
MARK = "outages"
INI = "outlast_application"

_SEEN: pytest.StashKey[list[Observed]] = pytest.StashKey()
_COVERAGE: pytest.StashKey[Coverage] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("outlast", "rehearsal of outages")
    group.addoption(
        "--outages",
        action="store_true",
        help="run tests marked `outages` under every fault of every declared dependency",
    )
    group.addoption(
        "--outage-report",
        metavar="FOLDER",
        type=Path,
        help="write the degradation coverage there: coverage.html and coverage.json",
    )
    parser.addini(INI, "the application's declarations, as module:name")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers", f"{MARK}: rehearsed under every outage by `pytest --outages`"
    )
    seen: list[Observed] = []
    config.stash[_SEEN] = seen
    config.pluginmanager.register(Collector(seen), "outlast-collector")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give marked tests one run for each rehearsal, beside the healthy one."""
    marked = metafunc.definition.get_closest_marker(MARK) is not None
    if not marked or "outage" not in metafunc.fixturenames:
        return
    cells: list[Cell | None] = [None]
    if metafunc.config.getoption("--outages"):
        cells.extend(cells_of(list(_application(metafunc.config).dependencies.values())))
    metafunc.parametrize(
        "outage", cells, indirect=True, ids=[one.slug if one else "healthy" for one in cells]
    )


@pytest.fixture
def outlast_routes() -> Mapping[str, Route]:
    """Override: where declared hosts really are in tests, as `{"host" or "host:port": (address, port)}`."""
    return {}


@pytest.fixture
def outlast_warm() -> Callable[[], None]:
    """Override: return a function that uses the application once before the outage, so that it remembers."""
    return lambda: None


@pytest.fixture
def outage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    outlast_routes: Mapping[str, Route],
) -> Iterator[Outage]:
    """Strike dependencies: `with outage.wipe("orders-db"): ...`; under `--outages` one is struck already."""
    cell: Cell | None = getattr(request, "param", None)
    application = _application(request.config) if request.config.getini(INI) else None
    stage = Stage(outlast_routes, tmp_path)
    with stage.up(), pytest.MonkeyPatch.context() as patch:
        _trust(application, stage, patch)
        given = Outage(application, stage, cell)
        if application is None:
            yield given
            return
        for one in application.dependencies.values():
            one.reset()
        application.resolver.expire()
        request.getfixturevalue("outlast_warm")()
        if cell is None:
            yield given
            return
        observed = Observed(cell)
        forget = application.hooks.add(_listener(observed))
        try:
            with given.strike(cell.target, cell.fault, scope=cell.scope):
                yield given
        finally:
            forget()
            observed.met = given.met(cell.target, cell.fault, cell.scope)
            request.node.user_properties.append((PROPERTY, observed.encode()))


def _trust(application: Application | None, stage: Stage, patch: pytest.MonkeyPatch) -> None:
    """Let clients made from now on trust the stage's certificates, where anything speaks TLS."""
    if application and any(one.protocol == "https" for one in application.dependencies.values()):
        bundle = str(stage.authority.bundle())
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
            patch.setenv(name, bundle)


def _listener(observed: Observed) -> Callable[[Fact], None]:
    def hear(fact: Fact) -> None:
        match fact:
            case Served(function=function, mode=mode):
                observed.saw(function, mode)
            case Degraded(dependency=dependency, by=by):
                observed.promises.append(f"{dependency}/{by}")
            case _:
                pass

    return hear


class Collector:
    """Collects what tests saw, in the process that writes the report; xdist sends reports there."""

    def __init__(self, seen: list[Observed]) -> None:
        self._seen = seen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one test's report."""
        if report.when == "teardown":
            found = (value for key, value in report.user_properties if key == PROPERTY)
            self._seen.extend(decode(str(value)) for value in found)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge, and fail the run where an essential function was down or a promise was not exercised."""
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption("--outages"):
        return
    seen = config.stash[_SEEN]
    coverage = judge(_application(config), seen)
    config.stash[_COVERAGE] = coverage
    folder: Path | None = config.getoption("--outage-report")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "coverage.html").write_text(render.html(coverage))
        (folder / "coverage.json").write_text(json.dumps(coverage.to_json(), indent=2))
    if coverage.faults and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table and why the run fails."""
    coverage = config.stash.get(_COVERAGE, None)
    if coverage is None:
        return
    terminalreporter.section("degradation coverage")
    for line in render.lines(coverage):
        terminalreporter.write_line(line)
    for fault in coverage.faults:
        terminalreporter.write_line(f"FAILED {fault}", red=True)


def _application(config: pytest.Config) -> Application:
    where = config.getini(INI)
    module, _, name = where.partition(":")
    if not module or not name:
        raise pytest.UsageError(
            f"{INI} is {where!r}: give module:name of your outlast.client.Application in the ini file"
        )
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, Application):
        raise pytest.UsageError(f"{INI} = {where}: that is no outlast.client.Application")
    return found
