"""What a checkpoint and a restore cost at 126 MB of state, beside `torch.save` and `torch.load`."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import retune_widget as rt
from benchmarks.measure import Row, seconds

ROUNDS = 7


def rows() -> list[Row]:
    """The stall of a checkpoint, and a restore from memory; both in the thread that trains."""
    model = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(10)))
    optimizer = torch.optim.AdamW(model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        run = rt.Run(model, optimizer, None, step=_step(model, optimizer), path=Path(folder) / "run")
        run.step(2)
        stalls, restores, saves, loads, clones = [], [], [], [], []
        other = Path(folder) / "torch.pt"
        for _ in range(ROUNDS):
            run.step()
            run.flush()
            stalls.append(seconds(run.checkpoint))
            clones.append(seconds(lambda: [p.clone() for p in _state(model, optimizer)]))
            run.flush()
            saves.append(seconds(lambda: torch.save({"m": model.state_dict(), "o": optimizer.state_dict()}, other)))
            restores.append(seconds(lambda: run.restore(run.tree.nodes[-1])))
            loads.append(seconds(lambda: torch.load(other, weights_only=True)))
        megabytes = sum(p.nbytes for p in _state(model, optimizer)) / 1e6
        run.close()
    ms = {name: statistics.median(values) * 1e3 for name, values in
          {"stall": stalls, "clone": clones, "save": saves, "restore": restores, "load": loads}.items()}  # fmt: skip
    return [
        Row(f"stall of a checkpoint, {megabytes:.0f} MB of state (eager copy)", f"{ms['stall']:.0f} ms",
            f"`clone()` {ms['clone']:.0f} ms, `torch.save` without fsync {ms['save']:.0f} ms",
            "≤ 1 ms, with the lazy copy that is still to come", ms["stall"] <= 1),
        Row(f"restore from disk, {megabytes:.0f} MB", f"{ms['restore']:.0f} ms", f"`torch.load` {ms['load']:.0f} ms",
            "≤ 30 ms", ms["restore"] <= 30),
    ]  # fmt: skip


def _step(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[object], torch.Tensor]:
    inputs = torch.randn(8, 1024)

    def step(_batch: object) -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    states = [value for state in optimizer.state.values() for value in state.values()]
    return [*(p.detach() for p in model.parameters()), *states]
