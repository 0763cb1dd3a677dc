"""The Numenta Anomaly Benchmark's folder realTweets, scored by its published rules.

A detection inside a labelled window earns up to one by how early it is, the earliest in each window counts;
outside it costs by how far behind a window it is; a missed window costs as well. The first 15 % (at most 750
points) is probation. A detector has one threshold over all series; the score is scaled so that saying
nothing is 0 and perfection is 100. Lavin and Ahmad, ICMLA 2015; written anew from the paper, and checked by
reproducing the published windowed Gaussian.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import erfc
from pathlib import Path

import numpy as np

from evaluate.series import loudness
from outlast.detect.cells import Reals

STEP_MINUTES = 5
PROFILES = {"standard": (0.11, 1.0), "low-FP": (0.22, 1.0)}
"""Cost of a false detection and of a missed window; a hit earns 1."""

PUBLISHED = {"windowed Gaussian": (56.0, 29.0), "Twitter ADVec": (59.6, 35.8), "HTM": (69.4, 63.6)}
_HUSH_STEPS = 144


@dataclass(frozen=True, slots=True)
class Tweets:
    """One series: when it begins (minute), its counts, the first and last index of each window."""

    name: str
    start: int
    counts: Reals
    windows: tuple[tuple[int, int], ...]


def read(folder: Path) -> list[Tweets]:
    """Read all series of the folder, by name."""
    labels = json.loads((folder / "combined_windows.json").read_text())
    found = []
    for path in sorted(folder.glob("*.csv")):
        with path.open() as lines:
            rows = [*csv.reader(lines)][1:]
        times = [row[0] for row in rows]
        index = {time: number for number, time in enumerate(times)}
        windows = tuple(
            (index[begin.split(".")[0]], index[end.split(".")[0]])
            for begin, end in labels[f"realTweets/{path.name}"]
        )
        start = int(datetime.fromisoformat(times[0]).replace(tzinfo=UTC).timestamp()) // 60
        counts = np.array([float(row[1]) for row in rows])
        found.append(Tweets(path.stem.rpartition("_")[2], start, counts, windows))
    return found


def _sigmoid(place: Reals) -> Reals:
    worth: Reals = 2 / (1 + np.exp(5 * np.minimum(place, 3.0))) - 1
    worth[place >= 3.0] = -1.0
    return worth


def _worth(tweets: Tweets) -> tuple[Reals, Reals]:
    """Return for each point the number of its window (-1: none) and what a detection there is worth."""
    count = len(tweets.counts)
    point = np.arange(count)
    window = np.full(count, -1.0)
    place = np.full(count, 3.0)
    for number, (begin, end) in enumerate(tweets.windows):
        width = end - begin + 1
        inside = (point >= begin) & (point <= end)
        window[inside] = number
        place[inside] = -(end - point[inside] + 1) / width
        after = point > end
        place[after] = (point[after] - end) / (width - 1)
    worth = _sigmoid(place)
    worth[window >= 0] /= float(_sigmoid(np.array([-1.0]))[0])
    return window, worth


def curve(
    tweets: Sequence[Tweets], scores: Sequence[Reals], profile: str
) -> list[tuple[float, float]]:
    """Return for each threshold, falling, the scaled score of all series together."""
    false_cost, miss_cost = PROFILES[profile]
    points: list[tuple[float, int, float, float]] = []
    for number, (one, score) in enumerate(zip(tweets, scores, strict=True)):
        window, worth = _worth(one)
        points += [
            (float(score[at]), number, float(window[at]), float(worth[at]))
            for at in range(min(int(0.15 * len(score)), 750), len(score))
        ]
    points.sort(key=lambda one: -one[0])
    windows = sum(len(one.windows) for one in tweets)
    total = -miss_cost * windows
    best: dict[tuple[int, float], float] = {}
    found = [(np.inf, 0.0)]
    for position, (threshold, number, window_, worth_) in enumerate(points):
        if window_ < 0:
            total += false_cost * worth_
        else:
            before = best.get((number, window_), -miss_cost)
            best[number, window_] = max(before, worth_)
            total += best[number, window_] - before
        if position + 1 == len(points) or points[position + 1][0] != threshold:
            scaled = 100 * (total + miss_cost * windows) / ((1 + miss_cost) * windows)
            found.append((threshold, scaled))
    return found


def best(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the threshold with the best score, and the score."""
    return max(points, key=lambda one: one[1])


def at(points: Sequence[tuple[float, float]], threshold: float) -> float:
    """Return the score at a threshold."""
    return [score for one, score in points if one >= threshold][-1]


def windowed_gaussian(counts: Reals) -> Reals:
    """The published peer: two-sided normal tail over the last 6,400 points, renewed every 100."""
    scores = np.zeros(len(counts))
    window: list[float] = []
    waiting: list[float] = []
    mean, spread = 0.0, 1.0
    for number, value in enumerate(counts.tolist()):
        if window:
            scores[number] = 1 - 0.5 * erfc(abs(value - mean) / spread / 1.4142)
        if len(window) < 6_400:
            window.append(value)
        else:
            waiting.append(value)
            if len(waiting) < 100:
                continue
            window, waiting = window[100:] + waiting, []
        mean, spread = float(np.mean(window)), float(np.std(window)) or 1e-6
    return scores


def ours(tweets: Sequence[Tweets]) -> list[Reals]:
    """The loudness of each point; one that is no louder than the last twelve hours says nothing new."""
    found = []
    for one in tweets:
        loud = loudness(one.counts[:, None], one.start, STEP_MINUTES)[:, 0]
        news = loud.copy()
        for number in np.flatnonzero(loud):
            before = loud[max(0, number - _HUSH_STEPS) : number]
            if len(before) and before.max() >= loud[number]:
                news[number] = 0.0
        found.append(news)
    return found
