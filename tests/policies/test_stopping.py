"""Early stopping, goals, budgets, and a loss that explodes."""

import math

import pytest

from retune_widget.policies import Divergence, EarlyStop, Target
from tests.policies.curves import show, steps_of

CURVE = [1.0, 0.8, 0.9, 0.9, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]


@pytest.mark.parametrize("action", ["stop", "pause"])
def test_early_stop_ends_after_the_patience_at_the_best_step_and_once(action):
    ((step, its),) = show(EarlyStop("val/loss", patience=3, action=action), CURVE)
    assert (step, its.kind, its.back_to) == (8, action, 5)
    assert its.reason == "val/loss no better than 0.7 of step 5, 3 times in a row"


def test_early_stop_branches_from_the_best_step_with_a_lower_value_each_time_then_stops():
    fired = show(EarlyStop("val/loss", patience=2, action="branch", branches=2), [1.0, *[2.0] * 8])
    assert [(step, its.kind, its.back_to) for step, its in fired] == [
        (3, "branch", 1),
        (5, "branch", 1),
        (7, "stop", 1),
    ]
    assert [its.values["lr"].factor for _, its in fired[:2]] == [0.1, pytest.approx(0.01)]


def test_min_delta_makes_small_improvements_none():
    slow = [1 - 0.01 * step for step in range(8)]
    assert show(EarlyStop("val/loss", patience=3), slow) == []
    assert steps_of(show(EarlyStop("val/loss", patience=3, min_delta=0.5), slow)) == [4]


def test_a_target_pauses_when_it_is_reached_and_once():
    ((step, its),) = show(Target("val/accuracy", 0.9), [0.5, math.nan, 0.9, 0.95])
    assert (step, its.kind) == (3, "pause")
    assert its.reason == "the goal is reached: val/accuracy 0.9 at step 3, 3.0 s"
    assert steps_of(show(Target("val/loss", 0.2), [0.5, 0.3, 0.2, 0.1])) == [3]
    assert show(Target("val/loss", 0.2), [0.5, 0.3]) == []


def test_a_budget_is_spent_in_steps_or_in_seconds_of_training():
    assert steps_of(show(Target(steps=4), [math.nan] * 9)) == [4]
    ((step, its),) = show(Target("val/loss", 0.1, seconds=6), [1.0] * 9)
    assert (step, its.reason) == (6, "the budget of 6 s is spent")


def test_divergence_pauses_before_where_the_loss_exploded():
    usual = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95] * 3
    rule = Divergence(factor=5, steps=3)
    assert show(rule, usual * 4) == []
    ((step, its),) = show(Divergence(factor=5, steps=3), [*usual, 9.0, 1.0, 8.0, 50.0, math.inf, 90.0])
    assert (step, its.kind, its.back_to) == (23, "pause", 20)


def test_divergence_of_a_loss_below_zero_is_seen_too():
    assert steps_of(show(Divergence(factor=2, steps=2), [-1.0] * 10 + [-0.5] * 3 + [0.5] * 2)) == [15]


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStop("val/loss", action="restart"),
        lambda: EarlyStop("val/loss", patience=1.5),
        lambda: Target("val/loss"),
        Target,
        lambda: Target(goal=math.nan, metric="val/loss"),
        lambda: Target(seconds=-1),
        lambda: Divergence(factor=1),
    ],
)
def test_arguments_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match=r"must be|A goal is|Nothing is asked"):
        make()
