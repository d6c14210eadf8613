"""What the checkpoint files of a run say by themselves, each tensor compared with the hash that is its name."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retune_widget.errors import StoreError
from retune_widget.storage.blobs import BlobType, read_metadata, sound_keys
from retune_widget.storage.checked import checkpoint_id, whole
from retune_widget.storage.directory import CHECKPOINTS, SUFFIX
from retune_widget.storage.journal import Line, line_of
from retune_widget.storage.manifests import Manifest, StoredCheckpoint
from retune_widget.storage.store import from_json


@dataclass(frozen=True)
class FoundFile:
    """A checkpoint file.

    Attributes:
        name: of the file.
        size: in bytes.
        number: of the transaction that it was written in.
        manifest: of its checkpoint.
        blobs: the types of the tensors in it that are sound, by key.
        lines: the records that it repeats.
        spoiled: how many of its tensors are not what they were.
        modified: when it was written, in seconds since 1970.
    """

    name: str
    size: int
    number: int
    manifest: Manifest
    blobs: dict[str, BlobType]
    lines: list[Line]
    spoiled: int
    modified: float

    @property
    def step(self) -> int:
        """Of the state in it; 0 where it does not say."""
        step = from_json(self.manifest.values).get("step")
        return step if whole(step) else 0


def found_files(path: Path) -> tuple[list[FoundFile], list[str]]:
    """The files of a run directory that can be read, in the order in which they were written, and what is wrong."""
    files, problems = [], []
    for entry in sorted((path / CHECKPOINTS).glob(f"*{SUFFIX}")):
        try:
            file = _read(entry)
        except (StoreError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            problems.append(f"{entry.name} cannot be read: {error}")
            continue
        files.append(file)
        if file.spoiled:
            problems.append(f"{entry.name} is damaged: {file.spoiled} of its tensors are not what was saved.")
    return sorted(files, key=lambda its: its.number), problems


def whole_checkpoints(path: Path, files: Sequence[FoundFile], others: Mapping[str, Manifest]) -> Iterator[FoundFile]:
    """The files of the checkpoints that come back with every bit, the last one for each id.

    Args:
        path: the run directory.
        files: what it holds.
        others: manifests from a database, by id, for files whose own is damaged.
    """
    lies_in = {key: file.name for file in files for key in file.blobs}
    for file in {file.manifest.id: file for file in files}.values():
        for manifest in (file.manifest, others.get(file.manifest.id, file.manifest)):
            if _is_whole(path, manifest, lies_in):
                yield replace(file, manifest=manifest)
                break


def _is_whole(path: Path, manifest: Manifest, lies_in: dict[str, str]) -> bool:
    if not all(key in lies_in for key, _ in manifest.tensors.values()):
        return False
    try:
        return StoredCheckpoint(manifest, lies_in).read(path).digest() == manifest.digest
    except (StoreError, ArithmeticError, LookupError, TypeError, ValueError):
        return False


def _read(entry: Path) -> FoundFile:
    if not stat.S_ISREG(entry.lstat().st_mode):
        raise StoreError("it is no plain file.")
    metadata = read_metadata(entry)
    manifest = Manifest.from_metadata(metadata)
    if not checkpoint_id(manifest.id) or not isinstance(from_json(manifest.values), dict):
        raise ValueError("it is no checkpoint.")
    number = int(metadata.get("number", 0))
    if not whole(number):
        raise ValueError("its number is none.")
    types = dict(manifest.tensors.values())
    sound, spoiled = sound_keys(entry, types)
    lines = [line_of(parts) for parts in from_json(metadata.get("records", "[]"))]
    return FoundFile(
        entry.name, entry.stat().st_size, number, manifest,
        {key: types[key] for key in types if key in sound}, [its for its in lines if its is not None], len(spoiled),
        entry.stat().st_mtime,
    )  # fmt: skip
