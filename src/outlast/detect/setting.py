"""One setting for every series, from a cell with one report an hour to a service with a thousand a minute.

Nothing here is tuned to a data set: the same values are used on 15-minute counts of user reports, on
5-minute counts of mentions and on live minutes, and `make evaluate` says how they do on each. Lengths are
minutes, so that a coarser series uses the same setting.
"""

from dataclasses import dataclass

SLOT_MINUTES = 15
"""Length of one slot of the daily and weekly profile."""

DAY_SLOTS = 24 * 60 // SLOT_MINUTES
WEEK_SLOTS = 7 * DAY_SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a series is judged.

    Attributes:
        level_minutes: memory of the level. A week: the profile carries the day, so the level need not.
        dispersion_ratio: of the negative binomial, the square of the relative spread beyond Poisson. Fixed;
            what a series has beyond it, its own calibrated tail takes up.
        day_weight, week_weight: how many effective reports the daily profile needs before it counts as much
            as "every hour is alike", and the weekly one before it counts as much as the daily.
        profile_keep: share of a slot's evidence that is kept from one visit to the next.
        tail_share: the share of minutes that lie beyond a series' own threshold, 0 to 1.
        tail_start, tail_mean: where threshold and mean excess beyond it start, in units of a standard normal
            deviate; `tail_weight` says how many clusters of excesses outweigh that start.
        tail_clusters: the most clusters that the mean excess remembers.
        threshold_gain: how fast the threshold follows, per step.
        threshold_least: it never falls below this.
        cluster_minutes: excesses closer than this are one cluster and count once, by their maximum: the
            minutes of one outage are not so many witnesses (peaks over threshold, declustered).
        excess_cap: a cluster's maximum counts as at most so many mean excesses.
        winsor: a count enters the baseline as at most so many standard deviations above the expected one.
        freeze_loudness: from this loudness on the baseline learns nothing, for at most `freeze_minutes`;
            a shift that lasts longer is the new normal.
        reports_least, ratio_least: fewer than `reports_least + ratio_least * expected` reports in a window
            are no outage to speak of, however unlikely they are by chance.
        learning_minutes: nothing is an alarm before so much has been seen.
        false_alarms_a_day: how many alarms chance may raise, over everything that is watched together.
        quiet_minutes: an alarm is over after so long without an excess, and at least two steps.
        hush_minutes: within so long after it an alarm of the same series speaks again only if it is louder.
        surge_most: how many times louder everybody may talk about everything before it counts as news.
    """

    level_minutes: float = 10_080.0
    dispersion_ratio: float = 0.1
    day_weight: float = 200.0
    week_weight: float = 2_000.0
    profile_keep: float = 0.9
    tail_share: float = 0.02
    tail_start: float = 2.0
    tail_mean: float = 0.5
    tail_weight: float = 5.0
    tail_clusters: float = 300.0
    threshold_gain: float = 0.02
    threshold_least: float = 1.2
    cluster_minutes: int = 60
    excess_cap: float = 6.0
    winsor: float = 4.0
    freeze_loudness: float = 6.0
    freeze_minutes: int = 1_440
    reports_least: float = 25.0
    ratio_least: float = 2.0
    learning_minutes: int = 120
    false_alarms_a_day: float = 1 / 30
    quiet_minutes: int = 15
    hush_minutes: int = 720
    surge_most: float = 3.0
