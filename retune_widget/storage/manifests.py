"""Checkpoints in a run directory: manifests in the database and, the same again, in the files."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage.blobs import Blob, BlobType, read_file, write_file
from retune_widget.storage.directory import SUFFIX, checkpoint_file
from retune_widget.storage.schema import FORMAT_VERSION
from retune_widget.storage.store import CheckpointRecord, from_json, to_json


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which blobs, by content key, are the tensors of a checkpoint, and its values as JSON."""

    id: str
    digest: str
    tensors: dict[str, tuple[str, BlobType]]
    values: str

    @classmethod
    def of(cls, checkpoint_id: str, snapshot: Snapshot, blobs: Mapping[str, Blob]) -> "Manifest":
        """The manifest of a snapshot whose tensors are these blobs."""
        tensors = {name: (blob.key, blob.type) for name, blob in blobs.items()}
        return cls(checkpoint_id, snapshot.digest(), tensors, to_json(snapshot.values))

    def metadata(self) -> dict[str, str]:
        """The manifest as the metadata of a safetensors file."""
        tensors = {name: [key, type_.dtype, type_.shape] for name, (key, type_) in self.tensors.items()}
        return {
            "format": f"retune-widget {FORMAT_VERSION}",
            "id": self.id,
            "digest": self.digest,
            "tensors": to_json(tensors),
            "values": self.values,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Manifest":
        """What `metadata` wrote.

        Raises:
            KeyError, TypeError, ValueError: it was written by nobody of ours.
        """
        tensors = {
            name: (key, BlobType.of(dtype, shape))
            for name, (key, dtype, shape) in from_json(metadata["tensors"]).items()
        }
        return cls(metadata["id"], metadata["digest"], tensors, metadata["values"])


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint in the database: its manifest, and the file that holds each blob."""

    manifest: Manifest
    files: dict[str, str]

    def read(self, path: Path) -> Snapshot:
        """Read it from the run directory `path`."""
        values = from_json(self.manifest.values)
        if not isinstance(values, dict):
            raise TypeError("the values of a checkpoint are no dict")
        wanted: dict[str, dict[str, BlobType]] = {}
        for key, type_ in self.manifest.tensors.values():
            wanted.setdefault(self.files[key], {})[key] = type_
        blobs = {}
        for name, types in wanted.items():
            blobs.update(read_file(checkpoint_file(path, name), types))
        tensors = {name: blobs[key] for name, (key, _) in self.manifest.tensors.items()}
        return Snapshot(tensors, values)


def find(db: sqlite3.Connection, checkpoint_id: str) -> StoredCheckpoint:
    """The checkpoint of this id.

    Raises:
        StoreError: there is none.
    """
    row = db.execute('SELECT position, digest, "values" FROM checkpoints WHERE id = ?', (checkpoint_id,)).fetchone()
    if row is None:
        raise StoreError(f"There is no checkpoint {checkpoint_id!r} in this store.")
    position, digest, values = row
    tensors, files = {}, {}
    for name, key, dtype, shape, file in db.execute(
        "SELECT tensors.name, key, dtype, shape, files.name FROM tensors JOIN blobs ON blobs.id = blob "
        "JOIN files ON files.id = file WHERE checkpoint = ? ORDER BY number",
        (position,),
    ):
        tensors[name] = key, BlobType.of(dtype, from_json(shape))
        files[key] = file
    return StoredCheckpoint(Manifest(checkpoint_id, digest, tensors, values), files)


def is_stored(db: sqlite3.Connection, manifest: Manifest) -> bool:
    """Whether this checkpoint is there already.

    Raises:
        StoreError: its id belongs to another state.
    """
    if db.execute("SELECT 1 FROM checkpoints WHERE id = ?", (manifest.id,)).fetchone() is None:
        return False
    if find(db, manifest.id).manifest != manifest:
        raise StoreError(f"The checkpoint {manifest.id!r} is already stored, with another state.")
    return True


def free_file_name(db: sqlite3.Connection, checkpoint_id: str, freed: Collection[str]) -> str:
    """A name for a new file; the plain one may still be needed by others after its checkpoint was deleted.

    Args:
        db: the database.
        checkpoint_id: the checkpoint that the file is written for.
        freed: names of files that will be gone when the transaction ends.
    """
    name, number = f"{checkpoint_id}{SUFFIX}", 2
    while name in freed or db.execute("SELECT 1 FROM files WHERE name = ?", (name,)).fetchone():
        name, number = f"{checkpoint_id}.{number}{SUFFIX}", number + 1
    return name


def save(
    db: sqlite3.Connection, manifest: Manifest, blobs: Mapping[str, Blob], file: Path, more: Mapping[str, str]
) -> int:
    """Write the blobs that are not stored yet to `file`, note the checkpoint; returns the file's size.

    Args:
        db: the database.
        manifest: of the checkpoint.
        blobs: its tensors, by key.
        file: the new file.
        more: metadata of the file beside the manifest.
    """
    known = {key for key in blobs if db.execute("SELECT 1 FROM blobs WHERE key = ?", (key,)).fetchone()}
    new = {key: blob for key, blob in blobs.items() if key not in known}
    size = write_file(file, new, {**manifest.metadata(), **more})
    file_id = insert_file(db, file.name, {key: blob.type for key, blob in new.items()})
    insert_checkpoint(db, manifest, file_id, size)
    return size


def insert_file(db: sqlite3.Connection, name: str, blobs: Mapping[str, BlobType]) -> int:
    """Note a file, and the blobs in it that no other one has; returns the id of the file."""
    file_id = db.execute("INSERT INTO files (name) VALUES (?)", (name,)).lastrowid
    assert file_id is not None  # noqa: S101  # sqlite3 gives it after every INSERT
    db.executemany(
        "INSERT OR IGNORE INTO blobs (key, dtype, shape, file) VALUES (?, ?, ?, ?)",
        [(key, type_.dtype, to_json(type_.shape), file_id) for key, type_ in blobs.items()],
    )
    return file_id


def insert_checkpoint(db: sqlite3.Connection, manifest: Manifest, file_id: int, size: int) -> None:
    """Note a checkpoint whose blobs are noted already, and which came with a file of this size in bytes."""
    position = db.execute(
        'INSERT INTO checkpoints (id, "values", digest, bytes, file) VALUES (?, ?, ?, ?, ?)',
        (manifest.id, manifest.values, manifest.digest, size, file_id),
    ).lastrowid
    db.executemany(
        "INSERT INTO tensors SELECT ?, ?, ?, id FROM blobs WHERE key = ?",
        [(position, number, name, key) for number, (name, (key, _)) in enumerate(manifest.tensors.items())],
    )


def delete(db: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Forget checkpoints; returns the names of the files that nothing refers to any more."""
    db.executemany("DELETE FROM checkpoints WHERE id = ?", [(checkpoint_id,) for checkpoint_id in ids])
    unused = db.execute(
        "SELECT id, name FROM files WHERE id NOT IN (SELECT file FROM checkpoints) AND NOT EXISTS "
        "(SELECT 1 FROM blobs JOIN tensors ON blob = blobs.id WHERE blobs.file = files.id)"
    ).fetchall()
    db.executemany("DELETE FROM files WHERE id = ?", [(file_id,) for file_id, _ in unused])
    return [name for _, name in unused]


def file_names(db: sqlite3.Connection) -> Iterator[str]:
    """The names of all files that the database refers to."""
    return (name for (name,) in db.execute("SELECT name FROM files"))


def records(db: sqlite3.Connection) -> list[CheckpointRecord]:
    """All checkpoints, oldest first."""
    rows = db.execute("SELECT id, bytes, digest FROM checkpoints ORDER BY position")
    return [{"id": checkpoint_id, "bytes": size, "digest": digest} for checkpoint_id, size, digest in rows]
