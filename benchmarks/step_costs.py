"""What a step costs beyond the training itself: the boundary, the seeding, the recording."""

import math
import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

import retune_widget as rt
from benchmarks.measure import Row, paired
from retune_widget.engine.engine import Engine
from retune_widget.engine.gradients import Gradients
from retune_widget.engine.length import Length
from retune_widget.engine.loop import Loop
from retune_widget.engine.plain_feeds import NoData
from retune_widget.engine.rng import mix, seed_generators
from retune_widget.engine.runner import Runner
from retune_widget.engine.state import LiveState
from retune_widget.engine.status import Status
from retune_widget.engine.supervised import NORM_EVERY

STEPS = 20_000
ROUNDS = 9


def rows() -> list[Row]:
    """Boundary, boundary with seeding, recording, the gradient's norm, the guard: each per step."""
    return [_boundary(), _begin_step(), _recording(), _gradient_norm(), _guard()]


def _bare() -> int:
    """The bare loop: a generator that yields the same number of times."""

    def steps() -> Iterator[int]:
        yield from range(STEPS)

    count = 0
    for _ in steps():
        count += 1
    return count


def _per_step(ours: Callable[[], object], steps: int = STEPS) -> tuple[float, float]:
    """Microseconds a step of ours beyond the bare loop, and of the bare loop."""
    mine, bare, _ = paired(ours, _bare, ROUNDS)
    bare_step = bare / STEPS
    return (mine / steps - bare_step) * 1e6, bare_step * 1e6


class _StillEngine(Engine):
    """An engine whose steps do nothing, to leave the boundary alone."""

    def begin_step(self) -> None:
        return None

    def complete_step(self, metrics: dict[str, object]) -> None:  # noqa: ARG002  # as its base class
        self.step += 1


def _boundary() -> Row:
    model = nn.Linear(2, 2)
    live = LiveState({"model": model}, {"optimizer": torch.optim.AdamW(model.parameters())}, {}, keep_gradients=False)

    def ours() -> None:
        runner = Runner(_StillEngine(live, NoData(), lambda _batch: {}), lambda _command: None)
        for _ in runner.batches():
            if runner._engine.step == STEPS - 1:  # noqa: SLF001  # the loop is ended from inside, as a user's break
                break

    def loop_alone() -> None:
        engine = _StillEngine(live, NoData(), lambda _batch: {})
        runner = Runner(engine, lambda _command: None, length=Length(STEPS))
        runner.status = Status.RUNNING
        for _ in Loop(engine, runner._boundary, runner._finish).steps():  # noqa: SLF001  # the boundary by itself
            pass

    cost, bare = _per_step(loop_alone)
    own, _ = _per_step(ours)
    return Row(
        "boundary with nothing to do",
        f"{cost:.2f} µs a step ({own:.2f} in an own loop over `batches()`)",
        f"bare generator loop {bare:.2f} µs",
        "≤ 2 µs",
        cost <= 2,
    )


def _begin_step() -> Row:
    def ours() -> None:
        for step in range(STEPS):
            seed_generators(mix(0, step))

    def torch_alone() -> None:
        for step in range(STEPS):
            torch.manual_seed(step)
            np.random.seed(step)  # noqa: NPY002  # what people call, and what we replace
            random.seed(step)

    mine, theirs, _ = paired(ours, torch_alone, 5)
    cost = mine / STEPS * 1e6
    return Row(
        "the three generators seeded for a step",
        f"{cost:.1f} µs a step",
        f"`torch.manual_seed` and the two others {theirs / STEPS * 1e6:.1f} µs",
        "≤ 12 µs with the boundary",
        cost <= 10,
    )


def _recording() -> Row:
    model = nn.Linear(2, 2)
    run = rt.Run(model, torch.optim.AdamW(model.parameters()), None, step=lambda _batch: None, path=":memory:")
    loss, accuracy = torch.tensor(0.5), torch.tensor(0.9)
    record, position = run._helm.record_step, [0]  # noqa: SLF001  # the recording by itself

    def ours() -> None:
        for _ in range(STEPS):
            position[0] += 1
            record(position[0], {"train/loss": loss, "train/accuracy": accuracy})

    cost, bare = _per_step(ours)
    run.close()
    return Row(
        "recording two metrics and the hyperparameters (8, AdamW), flush included",
        f"{cost:.2f} µs a step",
        f"bare loop {bare:.2f} µs",
        "≤ 10 µs",
        cost <= 10,
    )


def _gradient_norm() -> Row:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model(torch.randn(8, 64)).sum().backward()
    gradients = Gradients(torch.optim.AdamW(model.parameters()))

    def ours() -> None:
        for _ in range(2000):
            gradients.norm()

    def torch_alone() -> None:
        for _ in range(2000):
            nn.utils.clip_grad_norm_(model.parameters(), math.inf)

    mine, theirs, _ = paired(ours, torch_alone, ROUNDS)
    cost = mine / 2000 * 1e6
    return Row(
        f"the gradient's global norm (4 tensors), measured every {NORM_EVERY} steps",
        f"{cost / NORM_EVERY:.2f} µs a step ({cost:.1f} at a step that measures it)",
        f"`clip_grad_norm_` {theirs / 2000 * 1e6:.1f} µs",
        "≤ 10 µs with the recording",
        cost / NORM_EVERY <= 5,
    )


def _guard() -> Row:
    """The loss and the four gradients of a small network looked at before the optimizer steps, over their norm."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    run = rt.Run(model, torch.optim.AdamW(model.parameters()), None, step=lambda _batch: None, path=":memory:")
    engine = run._engine  # noqa: SLF001  # the check by itself
    guard, loss = engine.nan_guard, model(torch.ones(3, 4)).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]

    def ours() -> None:
        for step in range(STEPS):
            guard.arm(step)
            guard.check(loss)
            guard.disarm()

    def norm() -> None:
        for _ in range(STEPS):
            torch.nn.utils.get_total_norm(gradients).item()

    ours()
    mine, theirs, _ = paired(ours, norm, 5)
    run.close()
    cost = mine / STEPS * 1e6
    return Row(
        "loss and gradients looked at before the optimizer steps (4 parameters)",
        f"{cost:.1f} µs a step",
        f"`get_total_norm(gradients).item()` {theirs / STEPS * 1e6:.1f} µs",
        "≤ 10 µs",
        cost <= 10,
    )
