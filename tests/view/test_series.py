import numpy as np
import pytest

from retune_widget.engine.steps import to_floats
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import CheckpointHandle, Tree
from retune_widget.view.colours import PALETTE, colour_of
from retune_widget.view.reduce import MOST, reduced
from retune_widget.view.series import (
    MOST_BRANCHES,
    families,
    metric_points,
    shown_branches,
    smooth,
    value_points,
    wanted_lines,
)


def line(count, seed=0):
    return np.arange(count, dtype=np.float64), np.random.default_rng(seed).normal(size=count)


def test_a_short_line_is_left_alone():
    x, y = line(MOST)
    assert np.array_equal(reduced(x, y)[1], y)


@pytest.mark.parametrize("count", [2001, 5000, 100_000])
def test_a_long_line_keeps_its_extremes_and_ends(count):
    x, y = line(count)
    y[count // 3], y[count // 2] = 99.0, -99.0
    short_x, short_y = reduced(x, y)
    assert len(short_x) <= MOST
    assert (short_y.max(), short_y.min()) == (99.0, -99.0)
    assert (short_x[0], short_x[-1]) == (0, count - 1)
    assert np.all(np.diff(short_x) > 0)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_what_is_not_finite_is_a_gap_and_takes_nothing_else_along(missing):
    x, y = line(50_000)
    y[20_000:20_100], y[20_200] = missing, 99.0
    short_x, short_y = reduced(x, y)
    gap = short_x[np.isnan(short_y)]
    assert len(gap) == 1
    assert gap[0] == 20_000
    assert short_y[short_x < 20_000].size
    assert np.nanmax(short_y) == 99.0


def test_very_many_gaps_still_fit():
    x, y = line(50_000)
    y[::7] = np.nan
    assert len(reduced(x, y)[0]) <= MOST


def test_nothing_but_gaps_and_nothing_at_all():
    x, y = line(5000)
    assert np.isnan(reduced(x, np.full_like(y, np.nan))[1]).all()
    assert reduced(np.empty(0), np.empty(0))[0].size == 0


@pytest.mark.parametrize("factor", [0.3, 0.9, 0.99])
def test_smoothing_is_the_exponential_average_without_bias(factor):
    _, values = line(500)
    total = weight = 0.0
    expected = []
    for value in values:
        total, weight = factor * total + (1 - factor) * value, factor * weight + (1 - factor)
        expected.append(total / weight)
    np.testing.assert_allclose(smooth(values, factor), expected, rtol=1e-9)


def test_smoothing_starts_at_the_first_value_and_keeps_gaps():
    values = np.array([4.0, 4.0, np.nan, 4.0])
    np.testing.assert_allclose(smooth(values, 0.9), [4.0, 4.0, np.nan, 4.0])


def test_metrics_that_belong_together_share_a_chart_and_the_loss_is_first():
    names = ["val/accuracy", "train/loss", "val/loss", "norm"]
    assert families(names) == {"loss": ["train/loss", "val/loss"], "accuracy": ["val/accuracy"], "norm": ["norm"]}
    assert next(iter(families(names))) == "loss"


@pytest.fixture
def grown():
    """`main` to step 6, a branch from the node at step 4 to step 7."""
    tree, history = Tree(), History(to_floats)
    main = tree.branches[0]

    def node(branch, step, parent):
        return tree.add_node({
            "branch": branch, "step": step, "epoch": 0, "parent": parent, "cause": "manual", "values": {},
            "checkpoint": CheckpointHandle("c"),
        })  # fmt: skip

    root = node(main, 0, None)
    fork = node(main, 4, root)
    history.record_values(0, 1, [("lr", 0.1)])
    for step in range(1, 7):
        history.record(0, step, float(step), {"train/loss": 10.0 - step})
    branch = tree.add_branch("other", fork, named_by_hand=True)
    history.record_values(1, 5, [("lr", 0.2)])
    for step in range(5, 8):
        history.record(1, step, float(step), {"train/loss": 20.0 + step})
    return tree, history, branch


def test_the_shared_prefix_is_drawn_once_and_the_lines_meet(grown):
    tree, history, branch = grown
    x, y = metric_points(tree, history, tree.branches[0], "train/loss", 0.0)
    assert list(x) == [1, 2, 3, 4, 5, 6]
    x, y = metric_points(tree, history, branch, "train/loss", 0.0)
    assert list(x) == [4, 5, 6, 7]
    assert list(y) == [6, 25, 26, 27]


def test_smoothing_goes_on_across_the_fork(grown):
    tree, history, branch = grown
    _, whole = metric_points(tree, history, tree.branches[0], "train/loss", 0.5)
    x, y = metric_points(tree, history, branch, "train/loss", 0.5)
    assert list(x) == [4, 5, 6, 7]
    assert y[0] == pytest.approx(whole[3])


def test_a_hyperparameter_stands_from_the_step_before_it_was_used_to_the_tip(grown):
    tree, history, branch = grown
    assert [list(part) for part in value_points(tree, history, tree.branches[0], "lr")] == [[0, 6], [0.1, 0.1]]
    assert [list(part) for part in value_points(tree, history, branch, "lr")] == [[4, 4, 7], [0.1, 0.2, 0.2]]


def test_the_raw_line_stays_behind_its_smoothed_one(grown):
    tree, _, _ = grown
    names = ["train/loss", "val/loss"]
    plain = wanted_lines(tree.branches, names, smoothing=0.0)
    assert [(n.metric, n.layer) for n in plain[::2]] == [("train/loss", "plain"), ("val/loss", "plain")]
    both = wanted_lines(tree.branches, names, smoothing=0.5)
    assert [(n.metric, n.layer) for n in both[::2]] == [
        ("train/loss", "raw"),
        ("train/loss", "smooth"),
        ("val/loss", "plain"),
    ]


def test_of_many_branches_the_way_to_the_head_and_the_newest_are_drawn(grown):
    tree, _, branch = grown
    for _ in range(20):
        tree.add_branch("more", tree.nodes[1], named_by_hand=False)
    drawn = shown_branches(tree, branch)
    assert len(drawn) == MOST_BRANCHES
    assert drawn[:2] == [tree.branches[0], branch]
    assert drawn[-1] is tree.branches[-1]


def test_colours_are_distinct_and_readable_on_white_and_on_black(grown):
    tree, _, branch = grown
    assert len(set(PALETTE)) == len(PALETTE) == 8
    assert colour_of(tree.branches[0]) != colour_of(branch)
    for colour in PALETTE:
        light = luminance(colour)
        assert 1.05 / (light + 0.05) > 2.8, colour
        assert (light + 0.05) / (luminance("#111418") + 0.05) > 3, colour


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
