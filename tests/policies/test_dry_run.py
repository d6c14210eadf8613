"""Where a rule would have fired: the same as where it did, on a history that has its own changes in it."""

import math

import numpy as np
import pandas as pd
import pytest

import retune_widget as rt
from retune_widget.policies import Action, EarlyStop, Overfit, Plateau, Policy, Target, Times
from tests.policies.curves import table


def test_a_table_of_ones_own_is_enough():
    losses = [1.0, math.nan, 1.0, math.nan, 1.0, 0.5]
    found = Plateau("val/loss", patience=2).dry_run(table(**{"val/loss": losses, "lr": [0.1] * 6}))
    assert found.to_dict("records") == [
        {"branch": "", "step": 5, "action": "set", "key": "lr", "old": 0.1, "new": 0.05,
         "reason": "val/loss no better than 1 for 2 measurements: lr × 0.5"}
    ]  # fmt: skip


def test_what_it_would_have_set_stays_in_force_so_that_a_floor_counts():
    flat = table(**{"val/loss": [1.0] * 9, "lr": [0.1] * 9})
    found = Plateau("val/loss", patience=2, floor=0.03).dry_run(flat)
    assert found[["step", "old", "new"]].to_numpy().tolist() == [[3, 0.1, 0.05], [5, 0.05, 0.03]]
    changed = table(**{"val/loss": [1.0] * 9, "lr": [0.1] * 5 + [1.0] * 4})
    assert Plateau("val/loss", patience=2, floor=0.03).dry_run(changed)["old"].tolist() == [0.1, 0.05, 1.0, 0.5]


def test_a_rule_that_reads_two_metrics_and_its_ceiling_counts():
    """The gap grows all the time; the training loss falls slowly up to step 6, and by a tenth a step from there."""
    train = [math.exp(-0.01 * min(step, 6) - 0.1 * max(0, step - 6)) for step in range(1, 15)]
    history = table(**{"val/loss": [1.0] * 14, "train/loss": train, "l2": [0.0] * 14})
    rule = Overfit("l2", patience=2, cooldown=1, floor=0.1, ceiling=0.3, rate=0.05, window=3)
    found = rule.dry_run(history)[["step", "old", "new"]].to_numpy().tolist()
    assert found == [[7, 0.0, 0.1], [9, 0.1, 0.2], [11, 0.2, 0.3]]


def test_pauses_and_branches_are_firings_and_what_is_kept_is_none():
    history = table(**{"val/loss": [1.0, 2.0, 2.0, 2.0]})
    assert EarlyStop("val/loss", patience=2).dry_run(history)[["step", "action"]].to_numpy().tolist() == [[3, "stop"]]
    assert Target(steps=2).dry_run(history)["action"].tolist() == ["pause"]
    assert len(Target("val/loss", 0.1).dry_run(history)) == 0


def test_each_branch_is_looked_at_along_its_own_way():
    main = pd.DataFrame({"branch": "main", "step": range(1, 5), "val/loss": 1.0})
    low = pd.DataFrame({"branch": "low", "step": range(3, 7), "val/loss": 1.0})
    deep = pd.DataFrame({"branch": "deep", "step": range(6, 9), "val/loss": 1.0})
    history = pd.concat([main, low, deep])
    rule = Plateau("val/loss", patience=3)
    with pytest.raises(rt.PolicyError, match="several branches"):
        rule.dry_run(history)
    history.attrs["forks"] = {"low": ("main", 2), "deep": ("low", 5)}
    history["lr"] = 0.1
    found = rule.dry_run(history)
    assert found[["branch", "step"]].to_numpy().tolist() == [["main", 4], ["low", 4], ["deep", 7]]
    assert rule.state == rule.start()


class Spike(Policy):
    metric, keys = "train/loss", ("lr",)

    def update(self, now):
        before, self.state["last"] = self.state.get("last"), now.value
        if before is not None and now.value > 2 * before:
            return Action.set({"lr": Times(0.5)}, "the loss has doubled")
        return None


def test_a_rule_of_ones_own_takes_five_lines():
    found = Spike().dry_run(table(**{"train/loss": [1.0, 1.5, 4.0, 4.0, 9.0], "lr": np.full(5, 0.1)}))
    assert found[["step", "new"]].to_numpy().tolist() == [[3, 0.05], [5, 0.025]]
