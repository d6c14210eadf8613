"""The journal: every record that was committed, once more, in a file that is only ever appended to.

A line is the CRC-32 of its text, a blank, and JSON: `[number, kind, body]`. `number` is that of the transaction, and a
transaction counts once its `commit` line is there. The database stays the one that is read; the journal is what
`repair` makes another one of, and tells by its last number whether the database has lost something.
"""

import os
from binascii import crc32
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from retune_widget.storage.blobs import sync_directory
from retune_widget.storage.schema import FORMAT_VERSION, LARGEST_NUMBER
from retune_widget.storage.store import from_json, to_json

JOURNAL = "journal"
FIRST, COMMIT, HISTORY = "retune-widget", "commit", "history"
TAIL = 200
"""Bytes in which the last `commit` line fits."""
LARGEST = 10_000_000
"""Characters of records that a checkpoint's file repeats at most."""


class Entry(NamedTuple):
    """One record: what kind it is, and its content as JSON."""

    kind: str
    text: str

    @classmethod
    def of(cls, kind: str, body: Any) -> "Entry":
        """A record that is now what it will be."""
        return cls(kind, to_json(body))

    def numbered(self, number: int) -> str:
        """Its JSON in the transaction of this number."""
        return f'[{number},"{self.kind}",{self.text}]'


class Line(NamedTuple):
    """A line that was read: its transaction, its kind and body, and where the next one begins."""

    number: int
    kind: str
    body: Any
    end: int


class Journal:
    """Appends to the journal of a run; used under the store's lock.

    Attributes:
        problem: why the journal is behind the database now, or None.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._open: list[Entry] = []
        self._in_file: int | None = None
        self._since: list[str] = []
        self._pending = b""
        self._size = 0
        self.problem: str | None = None

    def begin(self, number: int, entries: Callable[[], Iterable[Entry]]) -> None:
        """Go on with the journal where it ends with transaction `number`; else write it anew, from all `entries`."""
        last, self._size = last_commit(self._path)
        if last == number:
            return
        temporary = self._path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            file.write(_encoded(number, [Entry.of(FIRST, FORMAT_VERSION), *entries(), Entry.of(COMMIT, None)]))
            file.flush()
            os.fsync(file.fileno())
            self._size = file.tell()
        temporary.replace(self._path)
        sync_directory(self._path.parent)

    def add(self, entry: Entry) -> None:
        """Note a record that the transaction at hand saves."""
        self._open.append(entry)

    def for_file(self, number: int) -> str:
        """What the file of a checkpoint in transaction `number` repeats: the records since the last file, as JSON."""
        self._in_file = len(self._open)
        lines = [*self._since, *_texts(number, self._open)]
        return f"[{','.join(lines)}]" if sum(map(len, lines)) <= LARGEST else "[]"

    def commit(self, number: int) -> None:
        """The transaction is in the database: append its records. What cannot be written waits for the next time."""
        if self._in_file is not None:
            self._since = []
        self._since += _texts(number, self._open[self._in_file or 0 :])
        self._pending += _encoded(number, [*self._open, Entry.of(COMMIT, None)])
        self.roll_back()
        try:
            with self._path.open("r+b") as file:
                file.truncate(self._size)  # without what a failed write left
                file.seek(self._size)
                file.write(self._pending)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.problem = f"The journal {self._path} cannot be written: {error.strerror or error}."
        else:
            self._size, self._pending, self.problem = self._size + len(self._pending), b"", None

    def roll_back(self) -> None:
        """Forget the transaction at hand."""
        self._open, self._in_file = [], None


def last_commit(path: Path) -> tuple[int, int]:
    """The number of the last transaction in a journal, and the size up to its end; (-1, 0) where there is none."""
    if not path.exists():
        return -1, 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        tail = file.read()
    if tail.endswith(b"\n"):
        line = _decoded(tail[:-1].rpartition(b"\n")[2], size)
        if line is not None and line.kind == COMMIT:
            return line.number, size
    commits = [(line.number, line.end) for line in read(path) if line is not None and line.kind == COMMIT]
    return commits[-1] if commits else (-1, 0)


def read(path: Path) -> Iterator[Line | None]:
    """The lines of a journal, in order; None for one that is damaged."""
    end = 0
    with path.open("rb") as file:
        for raw in file:
            end += len(raw)
            yield _decoded(raw[:-1], end) if raw.endswith(b"\n") else None


def line_of(parts: Any, end: int = 0) -> Line | None:
    """The line that is made of `[number, kind, body]`, or None where they are something else."""
    match parts:
        case [int(number), str(kind), body] if 0 <= number <= LARGEST_NUMBER:
            return Line(number, kind, body, end)
        case _:
            return None


def _decoded(raw: bytes, end: int) -> Line | None:
    try:
        if int(raw[:8], 16) != crc32(raw[9:]):
            return None
        return line_of(from_json(raw[9:].decode()), end)
    except (ValueError, RecursionError):
        return None


def _encoded(number: int, entries: Iterable[Entry]) -> bytes:
    texts = (entry.numbered(number).encode() for entry in entries)
    return b"".join(b"%08x %s\n" % (crc32(text), text) for text in texts)


def _texts(number: int, entries: Iterable[Entry]) -> list[str]:
    return [entry.numbered(number) for entry in entries if entry.kind != HISTORY]
