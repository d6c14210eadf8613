"""How a column's pairs (step, value) are kept: in pieces, so that appending rewrites little."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retune_widget.tracking.history import Pairs

PIECE = 1024
"""Pairs from which on a piece is left alone and the next append begins another."""


class Appended(NamedTuple):
    """The pairs to write, and whether they take the last piece's place or follow it."""

    pairs: Pairs
    replaces_last: bool


def append(last: Pairs | None, new: Pairs) -> Appended:
    """Add `new` after the `last` piece, whose pairs from the first new step on give way.

    Every piece that begins at the first new step or later must have been taken out before.
    """
    steps, values = new
    if last is None or (len(last[0]) >= PIECE and last[0][-1] < steps[0]):
        return Appended((steps.copy(), values.copy()), replaces_last=False)
    keep = int(np.searchsorted(last[0], steps[0], "left"))
    return Appended(join([(last[0][:keep], last[1][:keep]), new]), replaces_last=True)


def join(pieces: Sequence[Pairs]) -> Pairs:
    """One copy of all pieces, end to end."""
    return np.concatenate([steps for steps, _ in pieces]), np.concatenate([values for _, values in pieces])
