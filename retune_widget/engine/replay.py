"""Trains a stretch again beside the run: the live state is put back afterwards, bit for bit."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from retune_widget.engine.claims import Made
from retune_widget.engine.engine import Engine
from retune_widget.engine.memory import MemoryWatch
from retune_widget.engine.rng import mix
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.steps import Metrics
from retune_widget.errors import StatusError

OnReplayed = Callable[[int, Metrics], None]


class ReplayCancelledError(StatusError):
    """A replay was given up because somebody asked to pause, to stop or to close. Nothing was changed."""


@contextmanager
def beside_the_run(engine: Engine) -> Iterator[Snapshot]:
    """Whatever is done to the engine inside leaves no trace; gives the live state."""
    tainted, keep_gradients, live = engine.tainted, engine.live.keep_gradients, engine.capture()
    registered = dict(engine.registered)
    memory, engine.memory = engine.memory, MemoryWatch()
    engine.replayer = threading.get_ident()
    try:
        yield live
    finally:
        engine.registered = registered
        try:
            engine.restore(live)
        finally:
            engine.replayer = None
        engine.tainted, engine.live.keep_gradients = tainted, keep_gradients
        engine.memory = memory


def replay(
    engine: Engine,
    start: Snapshot,
    made: Iterable[Made],
    until: int,
    on_step: OnReplayed = lambda _step, _metrics: None,
    *,
    noise: int | None = None,
) -> Snapshot:
    """The state at the step `until`, trained again from `start`; nothing is evaluated or recorded.

    Args:
        engine: trains; call it within `beside_the_run`.
        start: the state to begin with.
        made: changes that are put in force there. They were checked when they were made.
        until: the step to stop at.
        on_step: told the metrics of each step.
        noise: a number that makes other noise from there on, as `reseed` does; None: the same noise.

    Raises:
        RestoreError: a hyperparameter is not there any more, or a schedule is not known.
        ReplayCancelledError: somebody asked to pause, to stop or to close.
        StatusError: the run has no step of its own: it is trained by the caller's loop.
    """
    known = start.values["registered"]  # those that were registered later are no part of it
    engine.registered = {key: its for key, its in engine.registered.items() if key in known}
    engine.restore(start)
    engine.apply(engine.claims.again(made))
    if noise is not None:
        engine.reseed(mix(engine.noise_seed, noise))
    if engine.step < until and engine.train_on is None:
        raise StatusError("A run that is trained by a loop over run.batches() cannot be replayed without that loop.")
    while engine.step < until and engine.train_on is not None:
        if engine.is_cancelled():
            raise ReplayCancelledError(f"It was cancelled, {until - engine.step:,} steps before the node was reached.")
        metrics = engine.train_on(engine.begin_step())
        engine.count_step()
        on_step(engine.step, metrics)
    return engine.capture()
