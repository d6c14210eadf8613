"""Fewer points for the screen: a line keeps its extremes and its gaps."""

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

Floats = NDArray[np.float64]
MOST = 2000
"""Points a line at most: what a screen can show and a browser can redraw ten times a second."""
MOST_GAPS = 200


def reduced(x: Floats, y: Floats, most: int = MOST) -> tuple[Floats, Floats]:
    """The line through (x, y) in at most `most` points; x rises. What is not finite becomes NaN, which is a gap."""
    y = np.where(np.isfinite(y), y, np.nan)
    if len(y) <= most:
        return x, y
    gaps = _gaps(y)
    finite = np.flatnonzero(~np.isnan(y))
    room = most - len(gaps)
    if len(finite) > room:
        picked = MinMaxLTTBDownsampler().downsample(x[finite], y[finite], n_out=room)
        finite = finite[np.asarray(picked, np.int64)]
    kept = np.union1d(finite, gaps)
    return x[kept], y[kept]


def _gaps(y: Floats) -> NDArray[np.int64]:
    """The first index of each run of NaN; of very many, some."""
    missing = np.isnan(y)
    first = np.flatnonzero(missing & ~np.concatenate([[False], missing[:-1]]))
    if len(first) > MOST_GAPS:
        first = first[np.linspace(0, len(first) - 1, MOST_GAPS).astype(np.int64)]
    return first
