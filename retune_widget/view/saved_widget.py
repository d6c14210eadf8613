"""The widget of a run that is only looked at: no model, nothing to steer."""

import time
from collections.abc import Callable

from retune_widget.engine.answer import Answer
from retune_widget.engine.fields import KNOWN
from retune_widget.errors import StatusError
from retune_widget.policies.active import PolicyStatus, statuses
from retune_widget.saved import SavedRun
from retune_widget.storage.reopen import LOST, Reopened
from retune_widget.tracking.tree import Node
from retune_widget.tracking.ways import seconds_to_restore
from retune_widget.view import outlook, wire
from retune_widget.view.box import Box
from retune_widget.view.firings import Firings
from retune_widget.view.following import Following
from retune_widget.view.messages import Content, Messages
from retune_widget.view.outlook import Outlook, about
from retune_widget.view.pump import Pump
from retune_widget.view.rule_intents import Select
from retune_widget.view.savedbar import SavedBar

ON_ITS_WAY = 60.0
"""Seconds in which a new node of a run that is being trained may still be saved."""


class SavedWidget(Box[SavedRun]):
    """What a saved run looks like in a notebook; it follows while another process trains it.

    Attributes:
        bar: that it is a saved run, where it was, and the line that goes on with it.
    """

    def __init__(self, saved: SavedRun) -> None:
        self.bar = SavedBar()
        self._following, self._firings = Following(saved), Firings()
        super().__init__(saved, self.bar, steerable=False)

    def _messages(self) -> Messages:
        return Looking(self.pump, self.charts.reset_zoom, self._find, self.select)

    def _revision(self, record: SavedRun) -> object:
        following = self._following
        return following.look(record).stamp, following.is_live, following.problem

    def _look(self, record: SavedRun) -> Outlook:
        run, live = self._following.look(record).run, self._following.is_live
        return Outlook(
            tree=run.tree,
            history=run.history,
            head=run.head,
            running=live,
            keys=tuple(run.history.names("hyperparameter")),
            is_log=lambda key: KNOWN.get(key.rpartition(".")[2], ("linear",))[0] == "log",
            checkpoint_of=lambda node: checkpoint_of(node, live=live),
            checkpoints=live,
            disk=disk_of(run),
            rebuilding=lambda node: rebuilding(run, node),
            rules=rules_at(run),
            firings=self._firings.read(run.changes),
        )

    def _find(self, name: str) -> str:
        saved = self._record()
        if saved is None:
            raise StatusError("This run is gone: its variable was deleted.")
        return self._following.look(saved).run.tree.node(name).id

    def _draw_more(self, record: SavedRun) -> None:
        following = self._following
        run = following.look(record).run
        self.bar.update(str(record.path), run.head, following=following.is_live, problem=following.problem)


class Looking(Messages):
    """Answers what a browser may ask of a run that is only looked at."""

    def __init__(self, pump: Pump, reset_zoom: Callable[[], None], find: Callable[[str], str], select: Select) -> None:
        """`reset_zoom` and `select` are called in the pump's thread; `find` gives the id of a node that is there."""
        super().__init__(pump)
        self._reset_zoom, self._find, self._select = reset_zoom, find, select

    def _carry_out(self, kind: str, content: Content) -> Answer[object] | None:
        match kind:
            case "reset_zoom":
                self._pump.post(self._reset_zoom)
            case "select":
                node, tab = self._find(content["node"]), content["tab"]
                self._pump.post(lambda: self._select(node, tab), frame="full")
            case _:
                raise StatusError("This is a saved run, to look at: to steer it, go on with it (resume=True).")
        return None


def rules_at(run: Reopened) -> tuple[PolicyStatus, ...]:
    """The rules as the last node keeps them, with what was done there."""
    node = run.tree.node(run.head.node_id)
    return statuses(node.policies_after or node.policies)


def checkpoint_of(node: Node, *, live: bool) -> wire.Checkpoint:
    """Where a node's checkpoint is; one that is not there may be on its way while another process trains."""
    its = outlook.checkpoint_of(node)
    if live and its["reason"] == LOST and time.time() - node.created < ON_ITS_WAY:
        return {**its, "status": "saving", "reason": None}
    return its


def rebuilding(run: Reopened, node: Node) -> str:
    """What restoring a node will take whose checkpoint was freed."""
    seconds = seconds_to_restore(run.tree, run.history, node)
    words = "rebuilt by replay once the run is resumed"
    return "cannot be rebuilt" if seconds is None else f"{words}, {about(seconds)}"


def disk_of(run: Reopened) -> wire.Disk:
    """What the run's checkpoints take; several nodes may share one."""
    handles = {node.checkpoint.id: node.checkpoint for node in run.tree.nodes}
    return {"bytes": sum(handle.bytes for handle in handles.values() if handle.saved), "budget": None}
