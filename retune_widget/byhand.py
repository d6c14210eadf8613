"""Sees what was written by hand while nobody trained: that state becomes a node, which no replay could reach."""

import uuid
from typing import TYPE_CHECKING

from retune_widget.engine.mark import Mark, mark
from retune_widget.engine.status import Status
from retune_widget.standing import Standing
from retune_widget.tracking.tree import CheckpointHandle

if TYPE_CHECKING:
    from retune_widget.tracking.tree import Node

EDITED = "edited by hand"


class ByHand(Standing):
    """Compares the state when training ends or pauses with that when it goes on, or when something is asked."""

    _at_rest = True
    _mark: Mark | None = None

    def rest(self, status: Status) -> None:
        """Training begins or ends; must not raise."""
        self._at_rest = status is not Status.RUNNING
        if self._engine.own_loop:  # all by hand; and it may end as the interpreter does, with the tensors half gone
            self._mark = None
        else:
            self.take_mark()

    def take_mark(self) -> None:
        """From here on, what is written is written by hand."""
        self._mark = None
        if self._at_rest and self._engine.train_on is not None:
            try:
                self._mark = mark(self._engine)
            except Exception:  # noqa: BLE001  # of the user's objects: the next checkpoint raises it to whoever asks for it
                return

    def look_again(self) -> None:
        """Before training goes on, or anything is done: was the state written by hand?"""
        self.refresh_root()
        self.notice_edits()

    def refresh_root(self) -> None:
        """Before the first step the person may still have loaded weights: the root is the state as it is now."""
        root = self.tree.root
        trained = len(self.tree.nodes) > 1 or self.history.tip(self._branch) > 0
        if trained or self._is_held() or self._before is None:
            return
        with self.edits:
            outdated, root.checkpoint = root.checkpoint, CheckpointHandle(uuid.uuid4().hex)
            root.values, self._by_hand = dict(self._engine.values()), False
            self._writer.save_node(root.record())
        self._writer.save_checkpoint(root.checkpoint, self._before)
        self._writer.delete([], [], [outdated.id])
        self.take_mark()

    def know(self, key: str) -> None:
        """A value was registered that a checkpoint had waited for: it is as it was captured."""
        if self._mark is not None:
            self._mark["values"][key] = dict(self._engine.values())[key]

    def notice_edits(self) -> None:
        """Keep the state as a node of its own if it was written by hand since training paused."""
        if self._mark is None:
            return
        now = mark(self._engine)
        if now == self._mark:
            return
        self._mark = now
        if not self._is_held():
            self._by_hand = True
            self._keep_here(EDITED)

    def _keep_here(self, note: str) -> "Node":
        if self._forks:
            self._fork(f"{self._branch} @{self._node.step}", by_hand=False)
        self._node = self._new_node("manual", self._engine.capture(), note=note)
        self._arrive()
        return self._node
