"""Carry: go on with an edited topology, and forget nothing of what stayed.

A topology is edited in the middle of an outage more often than on a quiet day, and whoever begins anew then
knows nothing for two hours. Series are matched by name: code 17 of one grid is not code 17 of the other.
What is gone is dropped with its alarm; what is new begins as everything began.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from outlast.detect.cells import Cells, Codes, Grid
from outlast.detect.pools import Pools
from outlast.detect.step import DetectState, Hushed, Open, begin
from outlast.detect.verdict import Scope, Series

Alarm = TypeVar("Alarm", Open, Hushed)


def carried(state: DetectState, grid: Grid) -> DetectState:
    """Return a state for another grid that knows what this one knew; the state given is used up."""
    charts = state.charts
    made = begin(grid, windows=charts.windows, step_minutes=charts.step, setting=state.setting)
    made.charts.carry(charts, state.pools.groups, _positions(state.pools, made.pools))
    made.open = _moved(state.open, made.pools)
    made.hushed = _moved(state.hushed, made.pools)
    return made


def carried_cells(cells: Cells, grid: Grid) -> Cells:
    """Return a ring for another grid with the same minutes in it."""
    made = Cells(grid, cells.newest, windows=cells.windows)
    made.carry(cells, _cells(cells.grid, grid))
    return made


def _codes(old: tuple[str, ...], new: tuple[str, ...]) -> Codes:
    """Return for each new name its old code; -1: it is new."""
    codes = {name: code for code, name in enumerate(old)}
    return np.array([codes.get(name, -1) for name in new], np.int64)


def _cells(old: Grid, new: Grid) -> Codes:
    services = _codes(old.services, new.services)[:, None]
    countries = _codes(old.countries, new.countries)[None, :]
    known = (services >= 0) & (countries >= 0)
    at = np.where(known, services * len(old.countries) + countries, -1)
    flat: Codes = at.reshape(-1)
    return flat


def _positions(old: Pools, new: Pools) -> Codes:
    """Return for each new series its old position; -1: it is new."""
    parts = [_cells(old.grid, new.grid)]
    for scope, before, after in (
        (Scope.SERVICE, old.grid.services, new.grid.services),
        (Scope.COUNTRY, old.grid.countries, new.grid.countries),
        (Scope.CATEGORY, old.categories, new.categories),
    ):
        codes = _codes(before, after)
        parts.append(np.where(codes >= 0, codes + old.bounds[scope][0], -1))
    found: Codes = np.concatenate(parts)
    return found


def _moved(alarms: dict[int, Alarm], pools: Pools) -> dict[int, Alarm]:
    found: dict[int, Alarm] = {}
    for one in alarms.values():
        at = _place(pools, one.series)
        if at is not None:
            found[at] = replace(one, at=at)
    return found


def _place(pools: Pools, series: Series) -> int | None:
    """Return where a series stands; None: it is gone."""
    grid, begins = pools.grid, pools.bounds[series.scope][0]
    try:
        match series.scope:
            case Scope.CELL:
                service = grid.services.index(series.service)
                return grid.flat(service, grid.countries.index(series.country))
            case Scope.SERVICE:
                return begins + grid.services.index(series.service)
            case Scope.COUNTRY:
                return begins + grid.countries.index(series.country)
            case Scope.CATEGORY:
                return begins + pools.categories.index(series.category)
    except ValueError:
        return None
