"""One colour a branch: told apart by colour-blind people, readable on white and on a dark page."""

from collections.abc import Iterable

from retune_widget.tracking.tree import Branch

PALETTE = ("#7f8da3", "#3b7ddd", "#d9761a", "#1f9e77", "#b565c9", "#cc4b4b", "#a28a17", "#18a0b8")
"""Grey-blue for the first branch, then hues of similar lightness, after Okabe and Ito."""


def colour_of(branch: Branch) -> str:
    """The branch's colour; it never changes."""
    if branch.id == 0:
        return PALETTE[0]
    return PALETTE[1 + (branch.id - 1) % (len(PALETTE) - 1)]


def colours_of(branches: Iterable[Branch]) -> dict[int, str]:
    """The colour of each branch by its id."""
    return {branch.id: colour_of(branch) for branch in branches}
