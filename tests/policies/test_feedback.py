"""Each rule fires at the step at which it should, and nowhere else."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retune_widget.policies import Action, Overfit, Plateau, Times
from retune_widget.policies.action import resolve
from tests.policies.curves import show, steps_of

curves = st.lists(st.floats(-1e6, 1e6), max_size=60)


def test_plateau_fires_when_the_patience_is_used_up():
    falling = [1.0, 0.9, 0.8]
    assert show(Plateau("val/loss", patience=3), falling) == []
    fired = show(Plateau("val/loss", patience=3), [*falling, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7])
    assert steps_of(fired) == [6]
    assert fired[0][1] == Action.set({"lr": Times(0.5)}, "val/loss no better than 0.8 for 3 measurements: lr × 0.5")


@pytest.mark.parametrize(("cooldown", "expected"), [(0, [3, 5, 7, 9]), (1, [3, 6, 9]), (4, [3, 9])])
def test_plateau_rests_for_its_cooldown(cooldown, expected):
    assert steps_of(show(Plateau("val/loss", patience=2, cooldown=cooldown), [1.0] * 9)) == expected


def test_plateau_wants_more_than_min_delta_and_knows_which_way_is_better():
    slow = [1 - 0.01 * step for step in range(6)]
    assert steps_of(show(Plateau("val/loss", patience=3, min_delta=0.1), slow)) == [4]
    assert show(Plateau("val/loss", patience=3), slow) == []
    assert steps_of(show(Plateau("val/accuracy", patience=3), slow)) == [4]
    assert steps_of(show(Plateau("val/loss", patience=3, mode="max"), slow)) == [4]


def test_plateau_at_its_floor_fires_no_more():
    assert steps_of(show(Plateau("val/loss", patience=1, floor=0.1), [1.0] * 4, in_force={"lr": 0.1})) == []
    assert steps_of(show(Plateau("val/loss", patience=1, floor=0.05), [1.0] * 3, in_force={"lr": 0.1})) == [2, 3]


def test_what_was_not_measured_counts_for_nothing():
    assert steps_of(show(Plateau("val/loss", patience=2), [1.0, math.nan, 1.0, math.nan, math.nan, 1.0])) == [6]


@given(curves, st.integers(1, 5), st.integers(0, 8))
def test_plateau_never_fires_within_patience_and_cooldown(values, patience, cooldown):
    rule = Plateau("val/loss", patience=patience, cooldown=cooldown)
    steps = steps_of(show(rule, values))
    assert all(later - earlier >= patience + cooldown for earlier, later in pairwise(steps))


OVER = {"val/loss": [1.0, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3], "train/loss": [0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]}


def overfit(**options):
    return Overfit(**{"key": "weight_decay", "patience": 3, "cooldown": 2, "factor": 2.0, **options})


def test_overfit_regularises_when_the_gap_grew_so_often_in_a_row():
    fired = show(overfit(), OVER["val/loss"], in_force={"weight_decay": 0.1}, others=OVER)
    assert steps_of(fired) == [4, 7]  # the gap is 0.1, 0.2, 0.35, 0.5, …; then two that do not count, and one more
    assert resolve(fired[0][1].values, {"weight_decay": 0.1}) == {"weight_decay": 0.2}
    assert "the gap grew 3 measurements in a row, to 0.5: weight_decay × 2" in fired[0][1].reason


def test_overfit_does_nothing_where_the_gap_stays_or_nothing_was_raised():
    both = [1 - 0.1 * step for step in range(7)]
    stalled = [0.5] * 9
    for values in (both, stalled):
        assert show(overfit(), values, in_force={"weight_decay": 0.1}, others={"train/loss": values}) == []


def test_overfit_begins_at_its_floor_and_ends_at_its_ceiling():
    rise = {"weight_decay": Times(2.0, floor=1e-4, ceiling=3e-4)}
    seen, value = [], 0.0
    for _ in range(5):
        value = resolve(rise, {"weight_decay": value}).get("weight_decay", value)
        seen.append(value)
    assert seen == [1e-4, 2e-4, 3e-4, 3e-4, 3e-4]


def test_overfit_relaxes_when_training_stalls_down_to_where_it_began():
    rule = overfit(patience=2, cooldown=0)
    train = [0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3]
    values = {"weight_decay": 0.1}
    fired = []
    for step in range(1, 8):
        gap = 0.1 * min(step, 3)
        curve = {"train/loss": train[:step], "val/loss": [math.nan] * (step - 1) + [train[step - 1] + gap]}
        for _, action in show(rule, curve["val/loss"], in_force=dict(values), others=curve):
            values |= resolve(action.values, values)
            fired.append((step, values["weight_decay"]))
    assert fired == [(3, 0.2), (5, 0.1)]


KINK = 12
"""The last step of the slow fall; from there on the training loss falls by a tenth of itself a step."""


def kinked(steps=20):
    """Training falls slowly, then fast; validation stays, so the gap grows at each measurement."""
    log_train = [-0.01 * min(step, KINK) - 0.1 * max(0, step - KINK) for step in range(1, steps + 1)]
    return {"train/loss": [math.exp(its) for its in log_train], "val/loss": [1.0] * steps}


def fired_on(curve, **options):
    rule = overfit(**{"patience": 2, "cooldown": 3, **options})
    return show(rule, curve["val/loss"], in_force={"weight_decay": 0.1}, others=curve)


def test_overfit_with_a_rate_waits_until_training_falls_too_fast():
    """Over four points the slope is -0.01 up to step 12, then -0.037, -0.073 and -0.1."""
    assert steps_of(fired_on(kinked())) == [3, 7, 11, 15, 19]
    fired = fired_on(kinked(), rate=0.06)
    assert steps_of(fired) == [14, 18]
    reason = "the gap grew 13 measurements in a row, to 0.2739 while log train/loss fell by 0.073 a step"
    assert fired[0][1].reason == f"{reason}: weight_decay × 2"
    assert steps_of(fired_on(kinked(), rate=0.03)) == [13, 17]
    assert steps_of(fired_on(kinked(), rate=0.06, window=2)) == [13, 17]
    assert fired_on(kinked(), rate=0.11) == []


def test_a_fast_fall_alone_is_no_reason_nor_is_a_loss_without_a_logarithm():
    fast = [math.exp(-0.1 * step) for step in range(20)]
    assert fired_on({"train/loss": fast, "val/loss": [1.2 * its for its in fast]}, rate=0.06) == []
    below = [its - 1 for its in fast]
    assert fired_on({"train/loss": below, "val/loss": [1.0] * 20}, rate=1e-9) == []
    assert steps_of(fired_on({"train/loss": below, "val/loss": [1.0] * 20})) != []


def test_the_slope_is_a_step_whatever_lies_between_two_measurements():
    """Measured at every fifth step; the points are the means of five steps, so the kink is smoothed."""
    curve = kinked(60)
    curve["val/loss"] = [1.0 if step % 5 == 0 else math.nan for step in range(1, 61)]
    assert steps_of(fired_on(curve, rate=0.06)) == [25, 45]
    rule = overfit(rate=0.06)
    show(rule, curve["val/loss"], in_force={"weight_decay": 0.1}, others=curve)
    assert rule.words.endswith(", log train/loss -0.1 a step, cooldown 1")


def measurements(low):
    """Pairs of validation and training."""
    return st.lists(st.tuples(st.floats(0, 10), st.floats(low, 10)), max_size=50)


@given(measurements(0), st.integers(1, 4), st.integers(1, 8), st.sampled_from([None, 0.0, 0.1]), st.integers(2, 5))
def test_overfit_never_acts_twice_within_its_cooldown_nor_leaves_its_bounds(pairs, patience, cooldown, rate, window):
    """In force is what it set, so it goes up and down."""
    rule = overfit(patience=patience, cooldown=cooldown, rate=rate, window=window, ceiling=0.5)
    values, train = [its[0] for its in pairs], [its[1] for its in pairs]
    in_force = {"weight_decay": 0.1}
    fired = show(rule, values, in_force=in_force, others={"train/loss": train}, acts=True)
    assert all(later - earlier > cooldown for earlier, later in pairwise(steps_of(fired)))
    assert 0.1 <= in_force["weight_decay"] <= 0.5


@given(measurements(0.01), st.floats(0.001, 1))
def test_with_a_rate_it_rises_only_where_the_gap_grew_and_training_fell_so_fast(pairs, rate):
    values, train = [its[0] for its in pairs], [its[1] for its in pairs]
    fired = show(overfit(rate=rate), values, in_force={"weight_decay": 0.1}, others={"train/loss": train})
    for step in steps_of(fired):
        gaps = [value - its for value, its in pairs[step - 4 : step]]
        assert all(one < other for one, other in pairwise(gaps))
        assert np.polyfit(range(4), np.log(train[step - 4 : step]), 1)[0] < -rate * 0.999


@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.floats(0.01, 100))
def test_bounds_never_move_a_value_the_other_way(old, bound, factor):
    new = Times(factor, floor=bound if factor < 1 else None, ceiling=bound if factor > 1 else None).of(old)
    assert (new - old) * (factor - 1) >= 0


def test_a_key_of_several_groups_means_all_of_them():
    in_force = {"head.lr": 0.1, "body.lr": 0.01, "head.momentum": 0.9}
    assert resolve({"lr": Times(0.5)}, in_force) == {"head.lr": 0.05, "body.lr": 0.005}
    assert resolve({"head.lr": 0.1}, in_force) == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Plateau("val/loss", patience=0),
        lambda: Plateau("val/loss", factor=0),
        lambda: Plateau("val/loss", cooldown=-1),
        lambda: Plateau("val/loss", mode="down"),
        lambda: Overfit(factor=0.5),
        lambda: Overfit(min_delta=math.nan),
        lambda: Overfit(rate=-0.1),
        lambda: Overfit(rate=math.nan),
        lambda: Overfit(rate=0.1, window=1),
    ],
)
def test_arguments_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()
