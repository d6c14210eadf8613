"""The run directory: what lies where, whether it may be used, and the sweeping of what a crash left behind.

<run directory>/run.db                     tree, changes, history and manifests (with -wal and -shm beside it)
<run directory>/journal                    every record once more, to rebuild the database from
<run directory>/checkpoints/c7.safetensors the tensors that were new with checkpoint c7, and its manifest
"""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from retune_widget.errors import StoreError
from retune_widget.storage.blobs import sync_directory
from retune_widget.storage.faults import damaged
from retune_widget.storage.journal import JOURNAL

DATABASE = "run.db"
DATABASE_FILES = tuple(f"{DATABASE}{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))
LOCK = "lock"
CHECKPOINTS = "checkpoints"
SUFFIX = ".safetensors"
SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""The end of a rollback journal of SQLite's that names another file, which is then deleted."""


def holds_a_run(path: str | Path) -> bool:
    """Whether a run was begun in this directory."""
    return _has_database(Path(path)) or holds_files(Path(path))


def holds_files(path: Path) -> bool:
    """Whether there is something of a run beside its database."""
    return (path / JOURNAL).exists() or any(path.glob(f"{CHECKPOINTS}/*{SUFFIX}"))


def check_plain(path: Path) -> None:
    """Refuse a run directory whose own files are links, pipes or the like: they could lead anywhere, or hang.

    Raises:
        StoreError: one of them is.
    """
    for name in (*DATABASE_FILES, LOCK, JOURNAL, f"{JOURNAL}.tmp"):
        _check_kind(path / name, stat.S_ISREG, "file")
    _check_kind(path / CHECKPOINTS, stat.S_ISDIR, "directory")
    rollback = path / f"{DATABASE}-journal"
    if rollback.exists() and rollback.read_bytes().endswith(SUPER_JOURNAL):
        raise StoreError(f"{rollback} names files outside the run directory: it is none of ours, and is not opened.")


def prepare(path: Path) -> None:
    """Make the directory of a run, or check that one is there or could be.

    Raises:
        StoreError: something else is there, or it cannot be made.
    """
    existed = path.exists()
    if existed and not path.is_dir():
        raise StoreError(f"{path} is a file, and a run needs a directory. Choose another path.")
    if existed:
        check_plain(path)
    if existed and not _has_database(path):
        check_database(path)
        ours = (CHECKPOINTS, LOCK, *DATABASE_FILES)
        names = [entry.name for entry in path.iterdir()]
        others = [name for name in names if not name.startswith(".") and name not in ours]
        if others:
            raise StoreError(
                f"{path} is not a run directory: it holds {min(others)!r}"
                + (f" and {len(others) - 1} more. " if len(others) > 1 else ". ")
                + "Choose an empty directory, or a path that does not exist yet."
            )
    folder = path.absolute() / CHECKPOINTS
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in new:
        sync_directory(place.parent)


def check_database(path: Path) -> None:
    """Refuse a directory with a run in it whose database is gone.

    Raises:
        StoreError: it says how to rebuild it.
    """
    if not _has_database(path) and holds_a_run(path):
        raise damaged(path, f"{path} holds a run whose database, {DATABASE}, is missing or empty.")


def lock(path: Path) -> FileLock:
    """Keep other processes, and other runs of this one, from writing here; it ends with the process at the latest.

    Raises:
        StoreError: somebody else writes here.
    """
    guard = FileLock(path / LOCK, blocking=False)
    try:
        guard.acquire()
    except Timeout as error:
        raise StoreError(
            f"The run at {path} is open already, here or in another process: close() it there. To look at it "
            f"meanwhile: retune_widget.open({str(path)!r})."
        ) from error
    return guard


def sweep(path: Path, known: Iterable[str]) -> None:
    """Remove checkpoint files that were never acknowledged: half written, or not known to the database."""
    names = set(known)
    for entry in (path / CHECKPOINTS).iterdir():
        if entry.suffix == ".tmp" or (entry.suffix == SUFFIX and entry.name not in names):
            entry.unlink()


def checkpoint_file(path: Path, name: str) -> Path:
    """Where the checkpoint file of this name lies.

    Raises:
        StoreError: the name leads out of the directory.
    """
    if Path(name).name != name or not name.endswith(SUFFIX) or "\\" in name or "\0" in name:
        raise StoreError(f"The database of the run at {path} names a file outside it, {name!r}.")
    file = path / CHECKPOINTS / name
    _check_kind(file, stat.S_ISREG, "file")
    return file


def _has_database(path: Path) -> bool:
    """A crash right after the file was made leaves it empty, with nothing lost."""
    database = path / DATABASE
    return database.exists() and database.stat().st_size > 0


def _check_kind(path: Path, is_kind: Callable[[int], bool], word: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not is_kind(mode):
        raise StoreError(
            f"{path} is no plain {word}. A run directory holds plain files only: a link would lead out of it. Put the "
            f"{word} itself there, or make the whole run directory a link."
        )
