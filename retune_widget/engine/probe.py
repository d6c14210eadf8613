"""Measures how fast the run trains by batch size, beside the run: some steps with each, then everything is put back."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from retune_widget.engine import beyond, memory
from retune_widget.engine.dataset_feed import DatasetFeed
from retune_widget.engine.engine import Engine
from retune_widget.engine.replay import ReplayCancelledError, beside_the_run
from retune_widget.errors import StatusError

WARM_UP = 2
"""Steps that do not count: the optimizer makes its state, kernels are chosen, a compiled model is compiled."""
ROUNDS, LONGEST = 10, 5
"""What is timed: so many rounds, of at most so many steps."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast steps were with one batch size.

    Attributes:
        batch_size: samples a batch.
        samples: a step; more than a batch where gradients are accumulated.
        seconds: a step; None where memory ran out.
    """

    batch_size: int
    samples: int
    seconds: float | None


def probe(engine: Engine, *, start: int, limit: int, seconds: float) -> list[Throughput]:
    """Train some steps with each power of two from `start` to `limit`, or until memory runs out; no trace is left.

    Args:
        engine: is not training meanwhile.
        start: the smallest size.
        limit: the largest; sizes above the number of samples are left out.
        seconds: about how long each size is timed.

    Raises:
        StatusError: the loop is the caller's; or batches of another size cannot be asked for here.
        ValueError: there is no power of two from `start` to `limit`.
        ReplayCancelledError: somebody asked to pause, to stop or to close.
    """
    if engine.train_on is None or engine.own_loop:
        raise StatusError(
            "Batch sizes are tried out by training some steps, and this run is trained by a loop over run.batches(): "
            "pass loss_fn= or step= to Run."
        )
    data = beyond.inner(engine.feed)
    if not isinstance(data, DatasetFeed):
        raise StatusError(
            "The batch size cannot be changed here, so it cannot be tried out: pass a Dataset and batch_size= to Run."
        )
    sizes = [2**power for power in range(63) if start <= 2**power <= min(limit, data.length)]
    if not sizes:
        raise ValueError(f"There is no power of two from {start} to {min(limit, data.length)} to try out.")
    measured: list[Throughput] = []
    with beside_the_run(engine) as live:
        wait = _waiting(engine)
        for size in sizes:
            engine.restore(live)
            engine.hyperparameters["batch_size"].write(size)
            samples = data.upcoming(beyond.count_of(engine.feed), from_start=True)
            try:
                measured.append(Throughput(size, samples, _seconds(engine, data, samples, seconds, wait)))
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                memory.free(error)
                measured.append(Throughput(size, samples, None))
                break
    return measured


def _seconds(engine: Engine, data: DatasetFeed, samples: int, budget: float, wait: Callable[[], None]) -> float:
    """The seconds of a step in the fastest of some rounds: what else the machine does makes the others slower."""

    def timed(steps: int) -> float:
        wait()
        begun = time.perf_counter()
        for _ in range(steps):
            _step(engine, data, samples)
        wait()
        return (time.perf_counter() - begun) / steps

    for _ in range(WARM_UP):
        about = timed(1)
    steps = max(1, min(LONGEST, int(budget / ROUNDS / about)))
    rounds = max(1, min(ROUNDS, int(budget / about)))
    return min(timed(steps) for _ in range(rounds))


def _step(engine: Engine, data: DatasetFeed, samples: int) -> None:
    """One step with so many samples: where an epoch has no more of them, the next one begins. No schedule moves on."""
    if engine.is_cancelled():
        raise ReplayCancelledError("The batch sizes were not tried out: it was cancelled.")
    if data.upcoming(beyond.count_of(engine.feed)) != samples:
        data.leave_epoch()
    if engine.train_on is not None:
        engine.train_on(engine.begin_step())
    engine.feed.advance()
    engine.step += 1


def _waiting(engine: Engine) -> Callable[[], None]:
    """Waits until the devices that the models are on have done all that they were asked for."""
    devices = {its.device for model in engine.live.models.values() for its in _tensors(model)}
    accelerators = [device for device in devices if hasattr(getattr(torch, device.type, None), "synchronize")]

    def wait() -> None:
        for device in accelerators:
            getattr(torch, device.type).synchronize(*(() if device.type == "mps" else (device,)))

    return wait


def _tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()
