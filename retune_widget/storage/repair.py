"""Rebuilds the database of a run from its files: the journal, the checkpoints, and what a damaged one still gives."""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retune_widget.errors import StoreError
from retune_widget.storage import directory, entries, manifests, records, schema
from retune_widget.storage.blobs import sync_directory
from retune_widget.storage.checked_run import wrong_run
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.faults import ADVICE, translated
from retune_widget.storage.found import FoundFile, found_files, whole_checkpoints
from retune_widget.storage.journal import JOURNAL, Journal
from retune_widget.storage.mend import mend
from retune_widget.storage.merge import Journaled, journaled, merged
from retune_widget.storage.salvage import Salvage, salvage
from retune_widget.storage.store import RunRecord

NEW = f"{directory.DATABASE}.new"


@dataclass(frozen=True)
class Repaired:
    """What `repair` found and did. As text it is a few lines for people.

    Attributes:
        path: the run directory.
        damage: what was wrong; empty if nothing was, and then nothing was done.
        lost: what did not come back, or came back otherwise than it was.
        kept: the files that were put aside, by their new names.
        branches, nodes, checkpoints, rows: how many there are now; rows are those of the history.
    """

    path: Path
    damage: tuple[str, ...]
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    branches: int
    nodes: int
    checkpoints: int
    rows: int

    def __str__(self) -> str:
        there = f"{self.nodes} nodes on {self.branches} branches, {self.checkpoints} checkpoints, {self.rows:,} rows"
        if not self.damage:
            return f"Nothing is wrong with the run at {self.path}: {there}."
        return "\n".join(
            [
                f"The run at {self.path} was rebuilt: {there}.",
                *(f"  found: {its}" for its in self.damage),
                *(f"  lost: {its}" for its in self.lost or ("nothing.",)),
                *(f"  kept: {its}" for its in self.kept),
            ]
        )

    __repr__ = __str__


def repair(path: str | Path) -> Repaired:
    """Rebuild a run whose database is missing, empty or damaged, or some of whose checkpoints are.

    Nothing is overwritten: the old database, and what else was damaged, stays beside the new one under another name.
    A run with which nothing is wrong is left as it is.

    Raises:
        StoreError: there is no run, somebody writes it now, or nothing of it can be read.
    """
    path = Path(path)
    with translated(path, "repaired"):
        if not directory.holds_a_run(path):
            raise StoreError(f"There is no run in {str(path)!r}.")
        directory.check_plain(path)
        guard = directory.lock(path)
        try:
            return _repair(path)
        finally:
            guard.release()


def _repair(path: Path) -> Repaired:
    salvaged, journal = salvage(path), journaled(path)
    files, damage = found_files(path)
    number = -1 if salvaged.number is None else salvaged.number
    if not salvaged.problems and number < journal.last:
        salvaged.problems.append(f"The database is old: it has {number} of {journal.last} transactions.")
    if not salvaged.problems:
        salvaged.problems, unreadable = _trouble(path)
        damage += unreadable
    run, deleted = _gathered(salvaged, journal, files)
    there = whole_checkpoints(path, files, salvaged.manifests)
    whole = [its for its in there if deleted.get(its.manifest.id, -1) < its.number or not its.number]
    if not salvaged.problems and salvaged.checkpoints is not None:
        whole = [its for its in whole if its.manifest.id in salvaged.checkpoints]
    damage = [*dict.fromkeys(salvaged.problems), *damage]
    told: list[str] = []
    kept: list[str] = []
    if damage:
        used = {its["checkpoint"] for its in run.nodes}
        sure = journal.whole or not salvaged.problems
        orphans = [] if sure else [its for its in whole if its.manifest.id not in used]
        run, told = mend(run, orphans)
        if not run.nodes:
            raise StoreError(f"Nothing of the run at {path} can be read: {' '.join(damage)}")
        told += [*_unrestorable(run, whole), *_head(run, whole)]
        last = max(number, journal.last, *(its.number for its in files), 0) + 1
        used_files = _build(path, run, files, whole, last)
        sound = {its.name for its in files if not its.spoiled}
        spoiled = [its for its in _checkpoint_files(path) if its.name not in used_files | sound]
        kept = _swap(path, [*spoiled, *([] if journal.whole else [path / JOURNAL])])
        Journal(path).begin(last, lambda: entries.of_run(run))
    rows = sum(len(chunk.steps) for chunk in run.history if chunk.column == "elapsed")
    return Repaired(
        path, tuple(damage), tuple(told), tuple(kept), len(run.branches), len(run.nodes), len(whole), rows
    )  # fmt: skip


def _trouble(path: Path) -> tuple[list[str], list[str]]:
    """What stands against the records of a database that seems whole, and against its checkpoints."""
    try:
        reader = DiskReader(path)
    except StoreError as error:
        return [_plain(error)], []
    try:
        run = reader.load()
        if reason := wrong_run(run):
            return [f"The records of the run do not fit together: {reason}."], []
        return [], [_plain(why) for its in run.checkpoints if (why := _reading(reader, its["id"]))]
    except StoreError as error:
        return [_plain(error)], []
    finally:
        reader.close()


def _reading(reader: DiskReader, checkpoint_id: str) -> StoreError | None:
    try:
        reader.load_checkpoint(checkpoint_id)
    except StoreError as error:
        return error
    return None


def _plain(error: StoreError) -> str:
    return str(error).partition(ADVICE)[0]


def _gathered(salvaged: Salvage, journal: Journaled, files: Sequence[FoundFile]) -> tuple[RunRecord, dict[str, int]]:
    """The records from the best source that is whole, or from all of them."""
    number = -1 if salvaged.number is None else salvaged.number
    if not salvaged.problems:
        return merged(salvaged, [])
    if journal.whole and number <= journal.last:
        return merged(Salvage(), journal.lines)
    return merged(salvaged, [*(line for file in files for line in file.lines), *journal.lines])


def _unrestorable(run: RunRecord, whole: Sequence[FoundFile]) -> list[str]:
    there = {its.manifest.id for its in whole}
    lost = [its["id"] for its in run.nodes if its["checkpoint"] not in there and not its.get("evicted")]
    return [f"The checkpoints of these nodes: {', '.join(lost)}."] if lost else []


def _head(run: RunRecord, whole: Sequence[FoundFile]) -> list[str]:
    """Put the head where training can go on from, if no node on the way to it is left with its checkpoint."""
    there = {its.manifest.id for its in whole}
    nodes = {its["id"]: its for its in run.nodes}
    at = nodes.get(run.info["head"]["node"])
    while at is not None and at["checkpoint"] not in there:
        at = nodes.get(at["parent"] or "")
    left = [its for its in run.nodes if its["checkpoint"] in there]
    if at is not None or not left:
        return []
    run.info["head"] = {"branch": left[-1]["branch"], "node": left[-1]["id"], "changed": False, "forks": True}
    return [f"Every checkpoint on the way to the head: it is at {left[-1]['id']} now."]


def _build(path: Path, run: RunRecord, files: Sequence[FoundFile], whole: Sequence[FoundFile], number: int) -> set[str]:
    """Write the new database beside the old one; returns the names of the files that it refers to."""
    (path / NEW).unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path / NEW, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        schema.create(db)
        db.execute("BEGIN")
        records.save_info(db, run.info)
        for branch in run.branches:
            records.save_branch(db, branch)
        for node in run.nodes:
            records.save_node(db, node)
        records.append_changes(db, run.changes)
        for chunk in run.history:
            records.append_chunk(db, chunk)
        needed = {key for its in whole for key, _ in its.manifest.tensors.values()}
        ids = {its.manifest.id for its in whole}
        names = {
            its.name: manifests.insert_file(db, its.name, its.blobs)
            for its in files
            if needed & set(its.blobs) or its.manifest.id in ids
        }
        for its in whole:
            manifests.insert_checkpoint(db, its.manifest, names[its.name], its.size)
        db.execute("UPDATE counter SET transactions = ?", (number,))
        db.execute("COMMIT")
    return set(names)


def _swap(path: Path, spoiled: Sequence[Path]) -> list[str]:
    """Put the old files aside and the new database in their place; returns the new names of the old files.

    The log goes before the database it belongs to: SQLite would read it into the new one.
    """
    database, *beside = directory.DATABASE_FILES
    count = 1
    while any(path.rglob(f"*.damaged{count}*")):
        count += 1
    word = f".damaged{count}"
    aside = [(its, f"{its.name}{word}") for its in spoiled]
    aside += [(path / name, name.replace(database, f"{database}{word}")) for name in (*beside, database)]
    kept = []
    for old, name in aside:
        if old.exists():
            kept.append(str(old.rename(old.with_name(name)).relative_to(path)))
    (path / NEW).rename(path / database)
    sync_directory(path)
    return kept


def _checkpoint_files(path: Path) -> list[Path]:
    return sorted((path / directory.CHECKPOINTS).glob(f"*{directory.SUFFIX}"))
