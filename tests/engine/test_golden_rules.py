"""The golden test where schedules and rules steer: batch size, dropout, penalties, the learning rate."""

import pytest
import torch
from torch.utils.data import TensorDataset

from retune_widget import schedules
from retune_widget.policies import NaNGuard, Overfit, Plateau
from tests.engine.laboratory import assert_golden
from tests.engine.regularised import make

AT = 6
"""In the middle of the second epoch."""
CURVES = {
    "batch_size": schedules.linear(4, 9, 12),
    "dropout": schedules.cyclic(0.1, 0.5, 3, 4),
    "l1": schedules.exponential(0.01, 0.5, 4),
    "l2": schedules.linear(0.0, 0.1, 15),
    "label_smoothing": schedules.step(0.2, every=4, factor=0.5),
    "grad_clip": schedules.piecewise({0: 5.0, 7: 0.1}),
}


def rules():
    """The gap to a validation set of random labels grows; the loss is noisy, so it often becomes no better."""
    return [
        NaNGuard(),
        Plateau("train/loss", "lr", patience=2, cooldown=1, factor=0.7),
        Overfit("weight_decay", patience=1, cooldown=1, floor=1e-3, ceiling=0.1, rate=1e-6, window=2),
        Overfit("l2", patience=1, cooldown=0, floor=1e-3, ceiling=0.2, factor=1.5),
    ]


def begin(**options):
    generator = torch.Generator().manual_seed(2)
    held_out = TensorDataset(torch.randn(9, 6, generator=generator), torch.arange(9) % 3)
    return make(val_data=held_out, eval_every=2, **options)


class Steered:
    """Trains step by step, and notes what the rules did; changes values by hand after step `AT`."""

    def __init__(self, by_hand=None):
        self.by_hand, self.fired = by_hand or (lambda _run: None), set()

    def __call__(self, run, steps):
        for _ in range(steps):
            if run.head.step == AT:
                self.by_hand(run)
            run.step(1)
        self.fired |= {(its.name, step) for its in run.policies for step, _ in its.fired}


@pytest.mark.parametrize("key", CURVES)
def test_a_schedule_that_is_scaled_and_held(key):
    def by_hand(run):
        run.set({key: round(run.hyperparameters[key].value * 0.8, 3) if key != "batch_size" else 5})
        run.hold("dropout")

    def begun():
        return begin(schedules={key: CURVES[key], "dropout": CURVES["dropout"]})

    def take_back(run):
        run.release(key)
        run.schedule("dropout", None)
        run.step(2)

    assert_golden(begun, k=9, n=18, go=Steered(by_hand), before_restore=take_back)


def test_rules_that_act_before_and_after_the_restore():
    go = Steered()

    def take_back(run):
        run.remove_policy("Plateau")
        run.suspend_policy("Overfit")
        run.step(3)

    assert_golden(lambda: begin(policies=rules()), k=13, n=27, go=go, before_restore=take_back)
    for name in ("Plateau", "Overfit", "Overfit (2)"):
        assert min(step for its, step in go.fired if its == name) < 13, name
        assert max(step for its, step in go.fired if its == name) > 13, name


def test_all_of_them_together_with_a_hand_in_it():
    go = Steered(lambda run: run.set({"batch_size": 6, "head.lr": 0.02, "l1": 0.02}))

    def begun():
        curves = {key: CURVES[key] for key in ("batch_size", "dropout", "l1")}
        return begin(policies=rules(), schedules=curves)

    assert_golden(begun, k=13, n=27, go=go, before_restore=lambda run: run.set(l2=0.3))
    assert {its for its, _ in go.fired} >= {"Overfit", "Overfit (2)"}
