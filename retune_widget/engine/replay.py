"""Trains a stretch again beside the run: the live state is put back afterwards, bit for bit."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from retune_widget.engine.engine import Engine
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.steps import Metrics
from retune_widget.errors import StatusError


@contextmanager
def beside_the_run(engine: Engine) -> Iterator[None]:
    """Whatever is done to the engine inside leaves no trace."""
    tainted, keep_gradients, live = engine.tainted, engine.live.keep_gradients, engine.capture()
    try:
        yield
    finally:
        engine.restore(live)
        engine.tainted, engine.live.keep_gradients = tainted, keep_gradients


def replay(
    engine: Engine,
    start: Snapshot,
    values: Mapping[str, Any],
    until: int,
    on_step: Callable[[int, Metrics], None],
) -> Snapshot:
    """The state at the step `until`, trained again from `start`; nothing is evaluated or recorded.

    Args:
        engine: trains; call it within `beside_the_run`.
        start: the state to begin with.
        values: hyperparameters that are put in force there.
        until: the step to stop at.
        on_step: told the metrics of each step.

    Raises:
        StatusError: the run has no step of its own: it is trained by the caller's loop.
    """
    engine.restore(start)
    engine.apply(engine.plan(values))
    if engine.step < until and engine.train_on is None:
        raise StatusError("A run that is trained by a loop over run.batches() cannot be replayed without that loop.")
    while engine.step < until and engine.train_on is not None:
        metrics = engine.train_on(engine.begin_step())
        engine.feed.advance()
        engine.step += 1
        on_step(engine.step, metrics)
    return engine.capture()
