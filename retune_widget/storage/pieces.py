"""What the checkpoint files of a run directory take, and which checkpoints need which of them."""

import threading
from pathlib import Path

from retune_widget.storage import schema
from retune_widget.storage.directory import CHECKPOINTS, DATABASE, SUFFIX, checkpoint_file
from retune_widget.tracking.retention import Piece


class Sizes:
    """Reads with a connection of its own: it waits for no save."""

    def __init__(self, path: Path) -> None:
        """Open the directory of a run that is there."""
        self._path = path
        self._lock = threading.Lock()
        self._db = schema.connect(path / DATABASE, read_only=True)

    def total(self) -> int:
        """The bytes of all checkpoint files; one that goes away meanwhile does not count."""
        return sum(_bytes(file) for file in (self._path / CHECKPOINTS).iterdir() if file.suffix == SUFFIX)

    def pieces(self) -> list[Piece]:
        """Each file with the checkpoints that cannot be read without it."""
        with self._lock:
            rows = self._db.execute(
                "SELECT files.name, checkpoints.id FROM checkpoints JOIN files ON files.id = file UNION "
                "SELECT files.name, checkpoints.id FROM tensors JOIN blobs ON blobs.id = blob "
                "JOIN files ON files.id = blobs.file JOIN checkpoints ON checkpoints.position = checkpoint"
            ).fetchall()
        users: dict[str, set[str]] = {}
        for name, checkpoint_id in rows:
            users.setdefault(name, set()).add(checkpoint_id)
        return [Piece(_bytes(checkpoint_file(self._path, name)), frozenset(ids)) for name, ids in users.items()]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
