"""What a checkpoint and a restore cost at 126 MB of state, beside what else keeps a state; torch and safetensors."""

import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import retune_widget as rt
from benchmarks.measure import Row, seconds
from retune_widget.engine.snapshot import Snapshot

ROUNDS = 9
Times = dict[str, list[float]]


def rows() -> list[Row]:
    """The stall of a checkpoint in the thread that trains, and restores from memory and from the disk."""
    times: Times = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        on_disk, in_memory = _run(Path(folder) / "run"), _run(":memory:")
        for run in (on_disk, in_memory):
            run.step(3)  # the first one tries out whether copies may be made later
            run.checkpoint()
            run.flush()
        stalls = _time_the_stall(on_disk)
        for _ in range(ROUNDS):
            _checkpoint(on_disk)
            _peers(_state(on_disk), Path(folder), times)
            for run, name in ((on_disk, "from disk"), (in_memory, "from memory")):
                times[name].append(seconds(lambda run=run: run.restore(run.tree.nodes[-1])))
        megabytes = sum(tensor.nbytes for tensor in _state(on_disk).values()) / 1e6
        on_disk.close()
        in_memory.close()
    times["stall"] = [sum(parts) for parts in stalls[:ROUNDS]]
    ms = {name: statistics.median(its) * 1e3 for name, its in times.items()}
    return _rows(ms, max(times["stall"]) * 1e3, megabytes)


def _rows(ms: dict[str, float], worst: float, megabytes: float) -> list[Row]:
    loads = f"`torch.load` {ms['load']:.0f} ms, safetensors {ms['load_file']:.0f} ms, DCP {ms['dcp.load']:.0f} ms"
    return [
        Row(f"stall of a checkpoint, {megabytes:.0f} MB of state",
            f"{ms['stall']:.2f} ms (worst of {ROUNDS}: {worst:.1f} ms)",
            f"`clone()` {ms['clone']:.0f} ms, DCP `async_save` {ms['dcp']:.0f} ms; without fsync `torch.save` "
            f"{ms['save']:.0f} ms, safetensors {ms['save_file']:.0f} ms",
            "≤ 1 ms", ms["stall"] <= 1),
        Row(f"restore from memory, {megabytes:.0f} MB", f"{ms['from memory']:.0f} ms", loads,
            "≤ 25 ms", ms["from memory"] <= 25),
        Row(f"restore from disk, {megabytes:.0f} MB", f"{ms['from disk']:.0f} ms", loads,
            "≤ 30 ms", ms["from disk"] <= 30),
    ]  # fmt: skip


def _run(path: Path | str) -> rt.Run:
    model = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(10)))
    data = [(torch.randn(32, 1024), torch.randn(32, 1024))]
    return rt.Run(model, torch.optim.AdamW(model.parameters()), data, loss_fn=nn.functional.mse_loss, path=path)


def _time_the_stall(run: rt.Run) -> list[list[float]]:
    """What the training thread spends on each snapshot from now on: to begin the copies, and to wait for them."""
    engine = run._engine  # noqa: SLF001
    capture, wait = engine.capture, engine.live.copies.wait
    stalls: list[list[float]] = []

    def timed_capture() -> Snapshot:
        begin = time.perf_counter()
        snapshot = capture()
        stalls.append([time.perf_counter() - begin])
        return snapshot

    def timed_wait() -> None:
        begin = time.perf_counter()
        wait()
        if stalls:
            stalls[-1].append(time.perf_counter() - begin)

    engine.capture, engine.live.copies.wait = timed_capture, timed_wait  # type: ignore[method-assign]
    return stalls


def _checkpoint(run: rt.Run) -> None:
    """Take one while it trains."""
    run.start()
    run.checkpoint()
    run.step(2)
    run.flush()


def _state(run: rt.Run) -> dict[str, Tensor]:
    live = run._engine.live  # noqa: SLF001
    state = {name: its.detach() for name, its in live.models["model"].named_parameters()}
    for number, its in enumerate(live.optimizers["optimizer"].state.values()):
        state |= {f"{number}.{name}": value for name, value in its.items()}
    return state


def _peers(state: dict[str, Tensor], folder: Path, times: Times) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times["clone"].append(seconds(lambda: [tensor.clone() for tensor in state.values()]))
        times["save"].append(seconds(lambda: torch.save(state, folder / "torch.pt")))
        times["load"].append(seconds(lambda: torch.load(folder / "torch.pt", weights_only=True)))
        times["save_file"].append(seconds(lambda: save_file(state, folder / "peer.safetensors")))
        times["load_file"].append(seconds(lambda: load_file(folder / "peer.safetensors")))
        saving: list[Any] = []
        place = folder / "dcp"
        times["dcp"].append(seconds(lambda: saving.append(dcp.async_save(state, checkpoint_id=place, no_dist=True))))
        saving[0].result()
        copy = {name: tensor.clone() for name, tensor in state.items()}
        times["dcp.load"].append(seconds(lambda: dcp.load(copy, checkpoint_id=place, no_dist=True)))
