"""The verdict over what tests saw: what fails a run, and what does not."""

from outlast.client import Application, LastGood, Value
from outlast.client.facts import Mode
from outlast.pytest_plugin.coverage import Observed, decode, judge
from outlast.pytest_plugin.faults import Cell, cells_of
from outlast.pytest_plugin.render import html, lines, summary


def shop(*, because: str = "") -> Application:
    application = Application("shop")
    db = application.dependency(
        "db",
        essential=True,
        hosts=("db.example:80",),
        protocol="tcp",
        fallbacks=(LastGood(60), Value(0)),
        because=because,
    )

    @db.guard
    def ask() -> int:
        return 1

    application.serves("buy", essential=True, needs=(db,))(ask)
    application.serves("help")(lambda: None)
    return application


def seen(application: Application, mode: Mode, *, met: int = 1) -> list[Observed]:
    cells = cells_of(list(application.dependencies.values()))
    return [Observed(cell, met, {"buy": mode}, ["db/last-good", "db/value"]) for cell in cells]


def test_complete_and_served_is_green() -> None:
    """Every fault met, nothing down, every promise kept; what is not concerned is not missing."""
    application = shop()
    coverage = judge(application, seen(application, Mode.DEGRADED))
    assert coverage.faults == ()
    assert set(coverage.rows.values()) == {("degraded", "-")}
    assert "2 of 2 promises kept" in summary(coverage)


def test_essential_and_down_fails_unless_the_declaration_says_so() -> None:
    """A reason in the declaration admits it; the table shows it all the same."""
    for because, failing in (("", True), ("there is no shop without it", False)):
        application = shop(because=because)
        coverage = judge(application, seen(application, Mode.DOWN))
        assert bool(coverage.faults) is failing
        assert ("down", "-") in coverage.rows.values()
        assert "down" in html(coverage)


def test_a_fault_that_was_never_met_proves_nothing() -> None:
    """A pooled connection may survive an outage; then the cell is untested, and the run fails."""
    application = shop()
    coverage = judge(application, seen(application, Mode.FULL, met=0))
    assert set(coverage.rows.values()) == {("untested", "-")}
    assert any("buy was not tested under db: wipe" in one for one in coverage.faults)


def test_a_promise_that_never_answered_fails() -> None:
    """A fallback that no test has seen to work may not."""
    application = shop()
    observed = seen(application, Mode.DEGRADED)
    for one in observed:
        one.promises.remove("db/value")
    assert judge(application, observed).faults == ("the promise db/value was never exercised",)


def test_the_worst_of_several_tests_counts() -> None:
    """One test saw it full, another down: down."""
    application = shop()
    coverage = judge(application, [*seen(application, Mode.DOWN), *seen(application, Mode.FULL)])
    assert ("down", "-") in coverage.rows.values()


def test_what_a_test_saw_crosses_processes() -> None:
    """Encoding loses nothing."""
    application = shop()
    for one in seen(application, Mode.DEGRADED):
        assert decode(one.encode()) == one
        assert isinstance(decode(one.encode()).cell, Cell)


def test_names_are_escaped_on_the_page() -> None:
    """A function's name cannot write HTML."""
    application = shop()
    application.serves("<script>")(lambda: None)
    coverage = judge(application, [])
    assert "<script>" not in html(coverage)
    assert any("<script>" in line for line in lines(coverage))
