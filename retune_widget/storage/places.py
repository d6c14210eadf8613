"""Where a run is kept: which store, in which folder."""

import platform
import time
from pathlib import Path
from typing import Any

import torch

from retune_widget.errors import StoreError
from retune_widget.storage.directory import holds_a_run
from retune_widget.storage.disk import DiskStore
from retune_widget.storage.memory import MemoryStore

FOLDER = Path("retune_runs")
IN_MEMORY = ":memory:"


def open_store(path: str | Path | None) -> DiskStore | MemoryStore:
    """The store for a new run.

    Args:
        path: a folder that holds no run yet; None: a new one under `retune_runs/`, named by time; ":memory:": none.

    Raises:
        StoreError: the folder holds a run already, or cannot be used.
    """
    if path is None:
        return DiskStore(_new_folder())
    if str(path) == IN_MEMORY:
        return MemoryStore()
    if holds_a_run(path):
        raise StoreError(f"There is a run in {str(path)!r} already: nothing is overwritten. Choose another path=.")
    return DiskStore(path)


def describe(seed: int) -> dict[str, Any]:
    """What the store keeps about a new run as a whole."""
    return {
        "created": time.time(),
        "seed": seed,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }


def _new_folder() -> Path:
    name = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder, number = FOLDER / name, 2
    while folder.exists():
        folder, number = FOLDER / f"{name}_{number}", number + 1
    return folder
