"""Where a run is kept: which store, in which folder."""

import platform
import time
from pathlib import Path
from typing import Any

from retune_widget.engine.fingerprint import Fingerprint
from retune_widget.errors import StoreError
from retune_widget.storage.checked_state import check_state
from retune_widget.storage.directory import holds_a_run
from retune_widget.storage.disk import DiskStore
from retune_widget.storage.memory import MemoryStore

FOLDER = Path("retune_runs")
IN_MEMORY = ":memory:"


def open_store(path: str | Path | None, *, resume: bool = False) -> DiskStore | MemoryStore:
    """The store for a run.

    Args:
        path: a folder that holds no run yet; None: a new one under `retune_runs/`, named by time; ":memory:": none.
        resume: the folder may hold a run, to go on with.

    Raises:
        StoreError: the folder holds a run already, or cannot be used.
        ValueError: there is no folder to resume from.
    """
    if resume and (path is None or str(path) == IN_MEMORY):
        raise ValueError("resume=True needs path=, the folder of the run to go on with.")
    if path is None:
        return DiskStore(_new_folder())
    if str(path) == IN_MEMORY:
        return MemoryStore()
    if holds_a_run(path) and not resume:
        raise StoreError(
            f"There is a run in {str(path)!r} already, and nothing is overwritten: pass resume=True to go on with it, "
            "or choose another path=."
        )
    return DiskStore(path, check_state)


def describe(seed: int, fingerprint: Fingerprint) -> dict[str, Any]:
    """What the store keeps about a new run as a whole."""
    return {
        "created": time.time(), "seed": seed, "python": platform.python_version(), "fingerprint": fingerprint,
    }  # fmt: skip


def _new_folder() -> Path:
    name = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder, number = FOLDER / name, 2
    while folder.exists():
        folder, number = FOLDER / f"{name}_{number}", number + 1
    return folder
