"""One minute of detection: `step(state, tick) -> (state, alarms)`.

Every series is judged by its chart; what stands out passes the false-discovery rule, opens as *possible*,
becomes *confirmed* once a second class of evidence or a second country agrees, and is *over* after some
quiet minutes. Opening is hard and staying open is easy (hysteresis), so that an outage is one alarm. Only
changes of state are said.

Deterministic, with no clock and no IO. The arrays of the state are moved on in place: 214,000 series would
otherwise be copied each minute. Whoever steps a state owns it, and goes on with what is returned.

Silence is not health: a country whose source is silent is neither judged nor learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np

from outlast.detect import loops
from outlast.detect.cells import (
    WINDOWS_MINUTES,
    Counts,
    Evidence,
    Flags,
    Grid,
    Tick,
)
from outlast.detect.charts import Charts, Loud
from outlast.detect.discoveries import discoveries
from outlast.detect.pools import Pools
from outlast.detect.profile import Reals32
from outlast.detect.setting import Setting
from outlast.detect.surge import EXPECTED_LEAST, surge, surges
from outlast.detect.verdict import Alarm, Scope, Series, State

_DAY_MINUTES = 1_440
_YEAR_MINUTES = 365 * _DAY_MINUTES
_COUNTRY_CHANCE = 1e-3
"""How unlikely a second country's own rise must be, over all countries, to count as agreement."""
_BAND_CHANCE = 0.01


@dataclass(slots=True)
class Open:
    """An alarm that is not over.

    Attributes:
        at: the position of its series; the charts know how loud it was at most, and when last.
        since: first minute with an excess.
    """

    at: int
    series: Series
    state: State
    since: int
    countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hushed:
    """An alarm that was over lately.

    Attributes:
        last: latest minute with an excess.
    """

    at: int
    series: Series
    last: int
    loudest: float


@dataclass(slots=True)
class DetectState:
    """All that detection remembers. Its size is constant but for the open alarms."""

    grid: Grid
    pools: Pools
    charts: Charts
    setting: Setting
    open: dict[int, Open] = field(default_factory=dict)
    hushed: dict[int, Hushed] = field(default_factory=dict)
    """Alarms that were over lately, by series: the same series speaks again only if it is louder."""

    @property
    def down(self) -> tuple[str, ...]:
        """Services that are possibly or certainly down, anywhere; sorted: the symptoms for blame."""
        return tuple(sorted({one.series.service for one in self.open.values()} - {""}))

    def watched(self, least: float = 0.5) -> tuple[str, ...]:
        """Services of which enough is heard that their silence means health.

        Args:
            least: reports that are expected in a quarter of an hour.
        """
        begin, end = self.pools.bounds[Scope.SERVICE]
        level = self.charts.level[begin:end] * (15 / self.charts.step)
        return tuple(self.grid.services[one] for one in np.flatnonzero(level >= least))


def begin(
    grid: Grid,
    *,
    windows: Sequence[int] = WINDOWS_MINUTES,
    step_minutes: int = 1,
    setting: Setting | None = None,
) -> DetectState:
    """Return a state that knows nothing yet; `windows` as the cells sum them, in steps."""
    setting = setting or Setting()
    pools = Pools(grid)
    charts = Charts(pools.count, windows, step=step_minutes, groups=pools.groups, setting=setting)
    return DetectState(grid, pools, charts, setting)


def step(state: DetectState, tick: Tick) -> tuple[DetectState, tuple[Alarm, ...]]:
    """Judge one minute; the state given is used up. Alarms come in the order of their series."""
    sums = state.pools.sums(tick.sums, state.charts.room)
    factor = _factors(state, tick, sums)
    loud = state.charts.observe(tick.minute, sums, factor=factor, blind=_blind(state, tick))
    believed = _believed(state, loud)
    others = _Others(state, tick, loud)
    opened = _opened(state, tick.minute, loud, believed)
    alarms = {one.at: _said(state, tick.minute, one, loud, others) for one in opened}
    for one in state.open.values():
        if one.state is State.POSSIBLE and others.confirm(one):
            one.state = State.CONFIRMED
            alarms[one.at] = _said(state, tick.minute, one, loud, others)
    alarms |= _closed(state, tick.minute, others, loud)
    return state, tuple(alarms[at] for at in sorted(alarms))


def _factors(state: DetectState, tick: Tick, sums: Counts) -> Reals32 | None:
    """Return what the expected counts are multiplied by; None: by nothing.

    Everybody may talk louder than always; and a pool expects no more than the live part of it can give.
    """
    services, countries = state.grid.shape
    charts, cells = state.charts, state.grid.size
    row = len(charts.windows) - 1
    expected = charts.expected_cells(state.grid.shape, tick.live)
    most = state.setting.surge_most
    wanted = expected.sum(axis=1)
    everywhere = surge(sums[row, cells : cells + services], wanted, most)
    # A cell expects no more than its service does, and few of those expect anything.
    some = np.flatnonzero(wanted >= EXPECTED_LEAST)
    by_country = surges(tick.sums[row], expected, everywhere, most, some=some, live=tick.live)
    if everywhere == 1.0 and (by_country == 1.0).all() and tick.live.all():
        return None
    factor = np.full(state.pools.count, everywhere, np.float32)
    factor[:cells] = np.tile(by_country, services)
    if not tick.live.all():
        level = charts.level[:cells].reshape(services, countries)
        _of_the_live(state, tick.live, level, factor)
    return factor


def _of_the_live(state: DetectState, live: Flags, level: Reals32, factor: Reals32) -> None:
    heard = (level * live).sum(axis=1)
    whole = level.sum(axis=1)
    least = np.float32(1e-3)
    begin_, end = state.pools.bounds[Scope.SERVICE]
    factor[begin_:end] *= np.maximum(heard / whole, least)
    begin_, end = state.pools.bounds[Scope.CATEGORY]
    category = state.pools.category_of
    for code in range(end - begin_):
        mine = category == code
        share = heard[mine].sum() / whole[mine].sum()
        factor[begin_ + code] *= np.maximum(share, least)


def _blind(state: DetectState, tick: Tick) -> Flags | None:
    """Return the series of which nothing can be heard."""
    if tick.live.all():
        return None
    services, _ = state.grid.shape
    blind = np.full(state.pools.count, not tick.live.any())
    blind[: state.grid.size] = np.tile(~tick.live, services)
    begin_, end = state.pools.bounds[Scope.COUNTRY]
    blind[begin_:end] = ~tick.live
    return blind


def _believed(state: DetectState, loud: Loud) -> Flags:
    """Return which loud series are discoveries; each scope has an equal share of the false-alarm rate."""
    believed = np.zeros(len(loud.at), np.bool_)
    if not state.charts.settled:
        return believed
    scopes = {scope: one for scope, one in state.pools.bounds.items() if one[1] > one[0]}
    rate = state.setting.false_alarms_a_day * state.charts.step / _DAY_MINUTES / len(scopes)
    for begin_, end in scopes.values():
        mine = slice(*loud.at.searchsorted((begin_, end)).tolist())
        believed[mine] = discoveries(loud.loudness[mine], end - begin_, rate)
    return believed & loud.enough


def _opened(state: DetectState, minute: int, loud: Loud, believed: Flags) -> list[Open]:
    found = []
    pairs = zip(loud.at[believed].tolist(), loud.loudness[believed].tolist(), strict=True)
    for at, loudness in pairs:
        if at in state.open:
            continue
        hushed = state.hushed.get(at)
        if hushed is not None and minute - hushed.last < state.setting.hush_minutes:
            if loudness <= hushed.loudest:
                continue
            del state.hushed[at]
        series = state.pools.series(at)
        made = Open(at, series, State.POSSIBLE, minute)
        state.open[at] = made
        state.charts.loudest[at] = loudness
        found.append(made)
    return found


def _closed(state: DetectState, minute: int, others: "_Others", loud: Loud) -> dict[int, Alarm]:
    quiet = max(state.setting.quiet_minutes, 2 * state.charts.step)
    found = {}
    charts, open_ = state.charts, np.fromiter(state.open, np.int64, len(state.open))
    # Who exceeds its threshold is kept alive, believed or not: staying open is easy.
    for at in open_[minute - charts.last_excess[open_] >= quiet].tolist():
        one = state.open.pop(at)
        one.state = State.OVER
        last, loudest = int(charts.last_excess[at]), float(charts.loudest[at])
        state.hushed[at] = Hushed(at, one.series, last, loudest)
        found[at] = _said(state, minute, one, loud, others)
    # They lie in the order in which they went quiet, so those that are to go lie in front.
    hush = state.setting.hush_minutes
    for at in [*takewhile(lambda at: minute - state.hushed[at].last >= hush, state.hushed)]:
        del state.hushed[at]
    return found


class _Others:
    """What else speaks for an alarm in this minute: countries, probes, official pages."""

    def __init__(self, state: DetectState, tick: Tick, loud: Loud) -> None:
        countries = state.grid.shape[1]
        wanted = np.log(countries / _COUNTRY_CHANCE)
        cells = loud.at[(loud.at < state.grid.size) & (loud.loudness >= wanted)]
        self._countries: dict[str, set[str]] = {}
        for cell in cells.tolist():
            service, country = divmod(cell, countries)
            name = state.grid.services[service]
            self._countries.setdefault(name, set()).add(state.grid.countries[country])
        self._probes: dict[str, set[str]] = {}
        self._places: set[str] = set()
        for one in tick.probes:
            if not one.good:
                self._probes.setdefault(one.subject, set()).add(one.country)
                self._places.add(one.country)
        self._notices = {one.service for one in tick.notices if one.degraded}
        self._members = state.pools.members

    def countries(self, series: Series) -> frozenset[str]:
        """Return the countries that show it by themselves."""
        if series.scope is Scope.COUNTRY:
            return frozenset({series.country})
        names = self._names(series)
        shown = [self._countries.get(one, set()) for one in sorted(names)]
        own = {series.country} - {""}
        return frozenset(own.union(*shown))

    def evidence(self, series: Series) -> tuple[Evidence, ...]:
        """Return the classes of evidence that agree, in a fixed order."""
        found = [Evidence.USER]
        if self._probed(series):
            found.append(Evidence.PROBE)
        if self._names(series) & self._notices:
            found.append(Evidence.OFFICIAL)
        return tuple(found)

    def confirm(self, one: Open) -> bool:
        """Whether a second class of evidence or a second country agrees."""
        one.countries |= self.countries(one.series)
        return len(self.evidence(one.series)) > 1 or len(one.countries) > 1

    def _names(self, series: Series) -> frozenset[str]:
        if series.scope is Scope.CATEGORY:
            return self._members.get(series.category, frozenset())
        return frozenset({series.service} - {""})

    def _probed(self, series: Series) -> bool:
        """Whether a probe failed that is of the series' services, and not of another country."""
        if series.scope is Scope.COUNTRY:
            return series.country in self._places
        wanted = {series.country, ""}
        places = [self._probes.get(one, set()) for one in self._names(series)]
        return any(some if not series.country else some & wanted for some in places)


def _said(state: DetectState, minute: int, one: Open, loud: Loud, others: _Others) -> Alarm:
    charts, at = state.charts, one.at
    position = int(loud.at.searchsorted(at))
    if position < len(loud.at) and loud.at[position] == at:
        row = int(loud.row[position])
        observed = round(float(loud.observed[position]))
        expected = float(loud.expected[position])
    else:
        row, observed = 0, 0
        expected = charts.expected_of(at)
    chance = float(np.exp(-float(charts.loudest[at])))
    scopes = sum(1 for begin_, end in state.pools.bounds.values() if end > begin_)
    begin_, end = state.pools.bounds[one.series.scope]
    a_year = chance * (end - begin_) * scopes * _YEAR_MINUTES / charts.step
    return Alarm(
        series=one.series,
        state=one.state,
        minute=minute,
        since=one.since,
        window=charts.windows[row] * charts.step,
        observed=observed,
        expected=expected,
        high=highest(charts, at, expected),
        chance=chance,
        false_a_year=a_year,
        evidence=others.evidence(one.series),
        countries=tuple(sorted(one.countries | others.countries(one.series))),
    )


def highest(charts: Charts, at: int, expected: float) -> float:
    """Return the highest count that chance explains 99 times in 100, given what a series expects."""
    setting = charts.setting
    beyond = max(0.0, float(np.log(setting.tail_share / _BAND_CHANCE)))
    wanted = float(charts.threshold[at] + charts.excess[at] * beyond) ** 2
    return loops.reached(expected, 1 / setting.dispersion_ratio, wanted)
