"""One run out of what several sources still have of it: a journal, checkpoint files, a damaged database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retune_widget.storage import entries
from retune_widget.storage.checked import (
    BRANCH,
    CHANGE,
    HEAD,
    INFO,
    checkpoint_id,
    listing,
    node_id,
    whole,
    wrong,
    wrong_chunk,
    wrong_node,
)
from retune_widget.storage.journal import COMMIT, FIRST, HISTORY, JOURNAL, Line, read
from retune_widget.storage.memory import MemoryStore
from retune_widget.storage.salvage import Salvage
from retune_widget.storage.schema import FORMAT_VERSION
from retune_widget.storage.store import RunRecord, to_json
from retune_widget.tracking.history import HistoryChunk


@dataclass
class Journaled:
    """The transactions of a journal: their lines, the number of the last one, and whether none is missing."""

    lines: list[Line] = field(default_factory=list)
    last: int = -1
    whole: bool = False


def journaled(path: Path) -> Journaled:
    """Read the journal of a run directory: whole transactions only."""
    its = Journaled()
    if not (path / JOURNAL).exists():
        return its
    at_hand: list[Line] = []
    sound = begun = True
    for line in read(path / JOURNAL):
        if line is None or (begun and (line.kind != FIRST or line.body != FORMAT_VERSION)):
            sound = False  # which does no harm in what follows the last commit
        elif line.kind == COMMIT:
            its.whole = sound and (its.last < 0 or line.number == its.last + 1)
            sound = its.whole
            its.lines += [held for held in at_hand if held.number == line.number]
            its.last, at_hand = line.number, []
        elif line.kind != FIRST:
            at_hand.append(line)
        begun = False
    return its


def merged(salvaged: Salvage, lines: Iterable[Line]) -> tuple[RunRecord, dict[str, int]]:
    """Everything that the sources have, the later word counting, and which checkpoints were deleted, and when.

    Args:
        salvaged: of a database.
        lines: of journals, in any order.
    """
    merge = _Merge()
    upto = -1 if salvaged.number is None else salvaged.number
    ordered = list({(its.number, its.kind, to_json(its.body)): its for its in lines}.values())
    ordered.sort(key=lambda its: its.number)
    with merge.store.transaction():
        merge.add_lines(its for its in ordered if its.number <= upto)
    with merge.store.transaction():
        merge.add_salvaged(salvaged.entries, upto)
        merge.add_lines(its for its in ordered if its.number > upto)
    return merge.store.load(), merge.deleted


class _Merge:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.deleted: dict[str, int] = {}
        self._changes: set[str] = set()

    def add_lines(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._add(line.kind, line.body, line.number)

    def add_salvaged(self, found: Sequence[tuple[str, Any]], number: int) -> None:
        """Add what a database has; its history beside what is there, since pieces of it may be missing."""
        for kind, body in found:
            if kind != HISTORY:
                self._add(kind, body, number)
        there = {chunk[:2]: chunk for chunk in self.store.load().history}
        for kind, body in found:
            if kind == HISTORY and wrong_chunk(body) is None:
                self.store.append_history([_union([*([there[body[:2]]] if body[:2] in there else []), body])])

    def _add(self, kind: str, body: Any, number: int) -> None:
        checked = self._checked(kind, body)
        if checked is None:
            return
        entries.apply(self.store, kind, checked)
        if kind == "delete":
            self.deleted |= dict.fromkeys(checked[2], number)

    def _checked(self, kind: str, body: Any) -> Any:
        """What an entry holds, as a store takes it, or None where it cannot be used."""
        its: Any = None
        match kind:
            case "info" if wrong(body, INFO, optional=True) is None:
                its = {name: fact for name, fact in body.items() if name != "head" or wrong(fact, HEAD) is None}
            case "branch" if wrong(body, BRANCH) is None:
                its = body
            case "node" if wrong_node(body) is None:
                its = {**body, "changes": [tuple(change) for change in body["changes"]]}
            case "changes" if isinstance(body, list):
                its = [change for change in body if wrong(change, CHANGE) is None and self._is_new(change)]
            case "history":
                its = self._chunk(body)
            case "delete" if isinstance(body, list) and len(body) == len(_DELETED):
                its = body if all(check(part) for check, part in zip(_DELETED, body, strict=True)) else None
        return its

    def _is_new(self, change: Any) -> bool:
        text = to_json(change)
        there = text in self._changes
        self._changes.add(text)
        return not there

    def _chunk(self, body: Any) -> HistoryChunk | None:
        try:
            chunk = body if isinstance(body, HistoryChunk) else entries.chunk_of(body)
        except (TypeError, ValueError):
            return None
        return chunk if wrong_chunk(chunk) is None else None


_DELETED = listing(whole), listing(node_id), listing(checkpoint_id)


def _union(chunks: Sequence[HistoryChunk]) -> HistoryChunk:
    """The pairs of all of these, the last one's word counting where several have a step."""
    steps = np.concatenate([chunk.steps for chunk in chunks][::-1])
    values = np.concatenate([chunk.values for chunk in chunks][::-1])
    steps, first = np.unique(steps, return_index=True)
    return HistoryChunk(*chunks[-1][:3], steps, values[first])
