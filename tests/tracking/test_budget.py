"""Budgets as text, sizes in words, and what is best."""

import math

import pytest

from retune_widget.tracking.budget import as_bytes, in_words
from retune_widget.tracking.goal import Goal, as_goal
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Tree


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None), (5000, 5000), (2.5e9, 2_500_000_000), ("2 GB", 2 * 10**9), ("2gb", 2 * 10**9), ("800 B", 800),
        (" 1.5 GiB ", 3 * 2**29), (".5 MB", 500_000), ("3 TB", 3 * 10**12), ("16 KiB", 16384), ("7 kb", 7000),
    ],
)  # fmt: skip
def test_a_budget_in_bytes(given, expected):
    assert as_bytes(given) == expected


@pytest.mark.parametrize("given", ["2", "2 G", "GB", "2 GB or so", "-1 MB", "1e3 MB", -5, 0, math.nan, math.inf, [2]])
def test_a_budget_that_means_nothing_is_refused(given):
    with pytest.raises(ValueError, match=r"budget must be a number of bytes, or text such as '2 GB' or '500 MB', not "):
        as_bytes(given)


def test_sizes_in_words():
    assert [in_words(its) for its in (0, 999, 1000, 820_400, 1_500_000_000, 2 * 10**12)] == [
        "0 B", "999 B", "1 KB", "820 KB", "1.5 GB", "2 TB",
    ]  # fmt: skip


def test_the_best_is_strictly_better_than_all_before_and_never_nan():
    tree, history = Tree(), History(list)
    main = tree.branches[0]
    found = {"min": [], "max": []}
    for step, value in enumerate([math.nan, 3.0, math.inf, 2.0, 2.0, math.nan, -math.inf, 5.0, 1.0], 1):
        history.record(main.id, step, 0.0, {"val/x": value})
        for direction, steps in found.items():
            if Goal("val/x", direction).is_reached(history, tree.path(main), step):
                steps.append(step)
    assert found == {"min": [2, 4, 9], "max": [2, 8]}
    assert not Goal("val/x", "min").is_reached(history, tree.path(main), 10)  # not measured there


def test_a_goal_in_words():
    assert as_goal("val/loss") == Goal("val/loss", "min")
    assert as_goal(("val/accuracy", "max")) == Goal("val/accuracy", "max")
    assert as_goal("val/inaccuracy").direction == "min"
