"""Runs whose validation loss is a curve, for rules that read it."""

import contextlib

from tests.rig import running

BUMPY = [1.0, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9]


@contextlib.contextmanager
def measured(curve=BUMPY, *policies, every=2, **options):
    """A run whose validation loss is a curve, one value each `every` steps."""
    made = []

    def evaluate():
        return {"val/loss": curve[min(made[0]._engine.step // every, len(curve)) - 1]}

    with running(evaluate=evaluate, eval_every=every, policies=policies, **options) as run:
        made.append(run)
        yield run
