"""Which checkpoints go: a pure function of the tree, of what is stored, and of what may be.

An evicted node is not lost: it is trained again from the nearest kept one before it. So the ones that go first are
those that nobody asked for, and among equals those that are reached again in the fewest steps.
"""

import heapq
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retune_widget.tracking.tree import Branch, Node, Tree
from retune_widget.tracking.ways import is_saved, way_back, way_to

OUTSIDE, FORMER_BEST, INTERVAL, WISHED, BEST = range(5)
"""What a checkpoint is worth: interval nodes outside the window; best nodes that were surpassed; other interval nodes;
those of changes, people and policies; the best ones."""


class Piece(NamedTuple):
    """Bytes in the store that are freed when none of the checkpoints that need them is left."""

    bytes: int
    checkpoints: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evict.

    Attributes:
        evict: ids of checkpoints, in order.
        excess: bytes above the limit that are left even then.
    """

    evict: tuple[str, ...]
    excess: int


def to_evict(
    tree: Tree, head: Node, step: int, pieces: Sequence[Piece], *, limit: int | None, window: int | None
) -> Plan:
    """The checkpoints that should go, least valuable first.

    Never one that is pinned, the root's, the head's, the tip of a branch, one that is not durable or cannot be read, or
    one that could not be reached again from what is kept and can be read.

    Args:
        tree: the run's.
        head: the last node on the way to where the run is.
        step: where the run is.
        pieces: what the store holds.
        limit: the bytes that all checkpoints may take; None: no limit.
        window: interval nodes on the way to the head go once they are more steps behind; None: they stay.
    """
    eviction = _Eviction(tree, head, step, pieces, window)
    eviction.free(limit)
    if limit is not None:
        eviction.take_back(limit)
    return Plan(tuple(eviction.gone), max(0, eviction.weights.total - limit) if limit is not None else 0)


def why_kept(tree: Tree, head: Node, node: Node) -> str | None:
    """Why a node's checkpoint must not be evicted, in words; None if it may be."""
    handle = node.checkpoint
    together = [its for its in tree.nodes if its.checkpoint is handle]
    way = way_back(together[0])
    reasons = {
        "its checkpoint is not in the store": not handle.saved,
        f"it cannot be read: {handle.unreadable}": handle.unreadable is not None,
        "it is the start, from which everything is reached again": tree.root in together,
        "it is pinned": any(its.pinned for its in together),
        "the run stands on it": head in together,
        "nothing before it is kept": way is None,
        "it is the tip of a branch, or the last saved node before one": handle.id in _guarded(tree, head),
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    return found or (way.doubt if way is not None else None)


def _groups(tree: Tree) -> dict[str, list[Node]]:
    """The nodes of each durable checkpoint, by its id; the first of them is the one that was reached by training."""
    groups: dict[str, list[Node]] = {}
    for node in tree.nodes:
        if node.checkpoint.saved:
            groups.setdefault(node.checkpoint.id, []).append(node)
    return groups


def _guarded(tree: Tree, head: Node) -> Container[str]:
    """Ids of the checkpoints that stay whatever happens; where one is not durable, or damaged, the last before."""
    guarded = {tree.root.checkpoint.id}
    guarded.update(node.checkpoint.id for node in tree.nodes if node.pinned)
    for tip in (head, *_tips(tree).values()):
        at: Node | None = tip
        while at is not None:
            guarded.add(at.checkpoint.id)
            at = None if is_saved(at.checkpoint) else at.parent
    return guarded


def _tips(tree: Tree) -> Mapping[Branch, Node]:
    tips = {branch: branch.fork for branch in tree.branches if branch.fork is not None}
    return tips | {node.branch: node for node in tree.nodes}


def _worth(tree: Tree, head: Node, step: int, window: int | None) -> dict[str, int]:
    """What each node is worth, by its id."""
    way = set(tree.lineage(head))
    best = {next((n for n in reversed(tree.lineage(tip)) if n.cause == "best"), None) for tip in _tips(tree).values()}
    worth: dict[str, int] = {}
    for node in tree.nodes:
        if node.cause == "best":
            value = BEST if node in best else FORMER_BEST
        elif node.cause == "interval":
            behind = window is not None and node in way and step - node.step > window
            value = OUTSIDE if behind and not node.note else INTERVAL
        else:
            value = WISHED
        worth[node.id] = value
    return worth


class _Eviction:
    """Checkpoints go in order of their worth, then of the steps to train again, then of their age."""

    def __init__(self, tree: Tree, head: Node, step: int, pieces: Sequence[Piece], window: int | None) -> None:
        self._groups = _groups(tree)
        worth, guarded = _worth(tree, head, step, window), _guarded(tree, head)
        self._worth = {its: max(worth[node.id] for node in nodes) for its, nodes in self._groups.items()}
        self._order = {checkpoint: number for number, checkpoint in enumerate(self._groups)}
        self.weights = _Weights(pieces, set(self._groups))
        self._kept = {its for its, nodes in self._groups.items() if is_saved(nodes[0].checkpoint)}
        self._free_to_go = [its for its in self._groups if its in self._kept and its not in guarded]
        self.gone: list[str] = []

    def free(self, limit: int | None) -> None:
        """Evict what is outside the window, and then until what is left keeps to the limit."""
        heap = [key for checkpoint in self._free_to_go if (key := self._key(checkpoint)) is not None]
        heapq.heapify(heap)
        while heap:
            key = heapq.heappop(heap)
            checkpoint = key.checkpoint
            now = self._key(checkpoint)  # what was evicted meanwhile may have made the way longer
            if now is not None and now != key:
                heapq.heappush(heap, now)
            elif now is not None:
                if key.worth != OUTSIDE and (limit is None or self.weights.total <= limit):
                    return
                self._kept.discard(checkpoint)
                self.gone.append(checkpoint)
                self.weights.drop(checkpoint)

    def take_back(self, limit: int) -> None:
        """Of what was evicted for its bytes, keep what need not go: it frees nothing, or more than enough went."""
        for checkpoint in [its for its in reversed(self.gone) if self._worth[its] != OUTSIDE]:
            before = self.weights.total
            self.weights.take_back(checkpoint)
            if self.weights.total <= limit or self.weights.total == before:
                self.gone.remove(checkpoint)
            else:
                self.weights.drop(checkpoint)

    def _key(self, checkpoint: str) -> "_Key | None":
        way = way_to(self._groups[checkpoint][0], lambda its: its.id in self._kept and its.id != checkpoint)
        if way is None or way.doubt is not None:
            return None
        return _Key(self._worth[checkpoint], way.steps, self._order[checkpoint], checkpoint)


class _Key(NamedTuple):
    worth: int
    steps: int
    order: int
    checkpoint: str


class _Weights:
    """The bytes that are needed while checkpoints go, and come back."""

    def __init__(self, pieces: Iterable[Piece], kept: Container[str]) -> None:
        self._pieces = [piece for piece in pieces if any(its in kept for its in piece.checkpoints)]
        self._users = Counter({i: sum(its in kept for its in p.checkpoints) for i, p in enumerate(self._pieces)})
        self._of: dict[str, list[int]] = {}
        for index, piece in enumerate(self._pieces):
            for checkpoint in piece.checkpoints:
                self._of.setdefault(checkpoint, []).append(index)
        self.total = sum(piece.bytes for piece in self._pieces)

    def drop(self, checkpoint: str) -> None:
        """It goes."""
        for index in self._of.get(checkpoint, ()):
            self._users[index] -= 1
            if self._users[index] == 0:
                self.total -= self._pieces[index].bytes

    def take_back(self, checkpoint: str) -> None:
        """It stays after all."""
        for index in self._of.get(checkpoint, ()):
            if self._users[index] == 0:
                self.total += self._pieces[index].bytes
            self._users[index] += 1
