"""Snapshots, records and bit patterns for the tests of the stores."""

import struct
from pathlib import Path

import numpy as np
import torch

from retune_widget.engine.snapshot import Snapshot
from retune_widget.storage import ChangeRecord, DiskStore
from retune_widget.tracking.history import HistoryChunk
from retune_widget.tracking.tree import BranchRecord, NodeRecord

QUIET_NAN, PAYLOAD_NAN = 0x7FC00000, 0x7FC0BEEF


def bits(tensor: torch.Tensor) -> tuple[torch.dtype, tuple[int, ...], bytes]:
    """What two tensors share exactly when they are the same, NaN payloads included."""
    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return tensor.dtype, tuple(tensor.shape), data


def float32(pattern: int) -> float:
    return struct.unpack("<f", struct.pack("<I", pattern))[0]


def every_kind() -> dict[str, torch.Tensor]:
    """A tensor of each type and shape that training state is made of."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(6, 5, generator=generator)
    return {
        "model.weight": normal,
        "model.transposed": normal.t(),
        "model.every second": normal[::2],
        "model.overlapping": normal.reshape(-1)[3:9],
        "rng.odd bytes": torch.arange(7, dtype=torch.uint8),
        "half": normal.half(),
        "bf16": normal.bfloat16(),
        "float64": normal.double() / 3,
        "int8": torch.tensor([-128, 127], dtype=torch.int8),
        "int16": torch.tensor([-(2**15)], dtype=torch.int16),
        "int32": torch.tensor([2**31 - 1], dtype=torch.int32),
        "step": torch.tensor(2**62 + 1),
        "mask": torch.tensor([True, False, True]),
        "complex64": torch.complex(normal, -normal),
        "complex128": torch.complex(normal.double(), normal.double()),
        "0-dim": torch.tensor(1e-45),
        "empty": torch.empty(0, 3),
        "empty complex": torch.empty(2, 0, dtype=torch.complex64),
        "nan": torch.tensor(np.array([QUIET_NAN, PAYLOAD_NAN, 0xFF800001, 0x80000000], np.uint32).view(np.float32)),
        "same as the weight": normal.clone(),
    }


VALUES = {
    "step": 7,
    "lr": 0.1 + 0.2,
    "nan": float("nan"),
    "bounds": [float("-inf"), float("inf"), -0.0, 5e-324],
    "groups": [{"name": "häd 🙂", "fused": None, "nesterov": True, "betas": [0.9, 0.999]}],
    "mt19937": list(range(2**32 - 624, 2**32)),
    "": {},
}


def snapshot(step: int = 0, frozen: int = 0) -> Snapshot:
    """A small state: `weight` differs from step to step, `frozen.*` never do."""
    generator = torch.Generator().manual_seed(step)
    tensors = {"weight": torch.randn(40, 5, generator=generator)}
    tensors |= {f"frozen.{i}": torch.full((40, 5), float(i)) for i in range(frozen)}
    return Snapshot(tensors, {"step": step})


def branch(branch_id: int = 0, name: str = "main") -> BranchRecord:
    return {"id": branch_id, "name": name, "named_by_hand": False, "fork": None, "created": 1.5}


def node(node_id: str = "n0", note: str = "", branch_id: int = 0) -> NodeRecord:
    return {
        "id": node_id,
        "branch": branch_id,
        "step": 3,
        "epoch": 0,
        "parent": None,
        "cause": "change",
        "changes": [
            ("lr", 0.1, float("inf"), None),
            ("nesterov", False, True, "momentum is 0"),
            ("batch_size", 64, 32, None),
        ],
        "author": "user",
        "note": note,
        "exact": True,
        "why": None,
        "created": 2.5,
        "pinned": False,
        "checkpoint": "c0",
        "verified": None,
        "differs": None,
    }


def change(step: int, branch_id: int = 0) -> ChangeRecord:
    return {
        "branch": branch_id,
        "step": step,
        "key": "lr",
        "old": 0.1,
        "new": 1,
        "author": "user",
        "node": "n0",
        "note": "<b>&",
        "created": 3.5,
    }


def chunk(first: int, count: int, column: str = "train/loss", branch_id: int = 0, offset: float = 0.0) -> HistoryChunk:
    """`count` pairs from step `first` on, each value being its step plus `offset`."""
    steps = np.arange(first, first + count, dtype=np.int64)
    return HistoryChunk(branch_id, column, "metric", steps, steps + offset)


def files(path: Path) -> list[str]:
    return sorted(entry.name for entry in (path / "checkpoints").iterdir())


def fill(store: DiskStore) -> None:
    store.save_info({"seed": 1})
    store.save_branch(branch())
    store.save_node(node())
    store.append_changes([change(1)])
    store.append_history([chunk(0, 5)])
    store.save_checkpoint("c0", Snapshot(every_kind(), {"step": 0}))
