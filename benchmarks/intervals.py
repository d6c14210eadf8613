"""What a few seeds say about the ratio of two means: the percentile bootstrap, and a claim held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

RESAMPLES = 10_000
Answer = Literal["yes", "no", "open"]


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % confidence interval."""

    figure: float
    low: float
    high: float

    def is_at_most(self, limit: float) -> Answer:
        """Whether the interval lies at or below a limit, above it, or on both sides."""
        return "yes" if self.high <= limit else "no" if self.low > limit else "open"

    def is_at_least(self, limit: float) -> Answer:
        """Whether the interval lies at or above a limit, below it, or on both sides."""
        return "yes" if self.low >= limit else "no" if self.high < limit else "open"


def mean(values: Sequence[float]) -> Interval:
    """The mean over the seeds."""
    its = np.asarray(values, float)
    return _interval(float(its.mean()), its[_resampled(len(its))].mean(1))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The ratio of two means; both lists are of the same seeds in the same order, which are drawn together."""
    ours_, theirs_ = np.asarray(ours, float), np.asarray(theirs, float)
    drawn = _resampled(len(ours_))
    return _interval(float(ours_.mean() / theirs_.mean()), ours_[drawn].mean(1) / theirs_[drawn].mean(1))


def _resampled(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (RESAMPLES, count))


def _interval(figure: float, drawn: np.ndarray) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(figure, float(low), float(high))
