"""Optimizers with modes, which evaluate other weights than they train: an evaluation leaves no trace, in no bit."""

import pytest
import torch
from schedulefree import AdamWScheduleFree

import retune_widget as rt
from tests.engine.laboratory import BATCH, N, Noisy, assert_golden, cross_entropy, losses, network

INPUTS = torch.linspace(-1, 1, 24).reshape(4, 6)
TARGETS = torch.arange(4) % 3


class Parts:
    """A model with its schedule-free optimizer, in training mode, and evaluations of one's own."""

    def __init__(self):
        self.model = network()
        self.optimizer = AdamWScheduleFree(self.model.parameters(), lr=0.05, warmup_steps=4)
        self.optimizer.train()

    def measure(self):
        return {"loss": cross_entropy(self.model(INPUTS), TARGETS)}

    def there_and_back(self):
        self.optimizer.eval()
        found = self.measure()
        self.optimizer.train()
        return found

    def there(self):
        self.optimizer.eval()
        return self.measure()

    def back_and_there(self):
        self.optimizer.train()
        self.optimizer.eval()
        return self.measure()

    def run(self, **options):
        return rt.Run(
            self.model, self.optimizer, Noisy(), loss_fn=cross_entropy, batch_size=BATCH, path=":memory:", **options
        )


def trained(evaluation, **options):
    parts = Parts()
    run = parts.run(**({"evaluate": getattr(parts, evaluation)} if evaluation else {}), **options)
    run.step(N)
    result = losses(run), run.digest()
    measured = run.history["val/loss"].tolist() if evaluation or options else []
    run.close()
    return result, measured


@pytest.mark.parametrize("evaluation", ["measure", "there_and_back", "there", "back_and_there"])
def test_evaluating_has_no_effect_on_training(evaluation):
    assert trained(evaluation, eval_every=1)[0] == trained(None)[0]


def test_the_weights_to_evaluate_are_evaluated():
    parts = Parts()
    run = parts.run(val_data=[(INPUTS, TARGETS)], eval_every=1)
    run.step(9)
    parts.optimizer.eval()
    parts.model.eval()
    assert run.history["val/loss"].iloc[-1] == parts.measure()["loss"].item()
    parts.optimizer.train()
    assert run.history["val/loss"].iloc[-1] != parts.measure()["loss"].item()
    run.close()


def test_an_error_in_the_evaluation_leaves_the_optimizer_in_training_mode():
    parts = Parts()

    def fail():
        parts.optimizer.eval()
        raise ZeroDivisionError

    run = parts.run(evaluate=fail, eval_every=3)
    with pytest.raises(ZeroDivisionError):
        run.step(3)
    run.step(2)
    plain = Parts().run()
    plain.step(5)
    assert (losses(run), run.digest()) == (losses(plain), plain.digest())
    run.close()
    plain.close()


def test_going_back_with_an_evaluation_at_each_step():
    def make():
        parts = Parts()
        return parts.run(evaluate=parts.there_and_back, eval_every=1)

    assert_golden(make)
