"""Which nodes there are besides those that people make, and which of all keep their checkpoint."""

from collections.abc import Collection, Mapping
from typing import Any

from retune_widget.byhand import ByHand
from retune_widget.engine.engine import Engine
from retune_widget.engine.replay import ReplayCancelledError
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.status import Status
from retune_widget.errors import StatusError, StoreError
from retune_widget.rebuild import OtherStateError, load, rebuild
from retune_widget.storage.writer import Writer
from retune_widget.tracking.budget import DiskUse, in_words
from retune_widget.tracking.goal import not_measured
from retune_widget.tracking.history import History
from retune_widget.tracking.recorder import Recorder
from retune_widget.tracking.retention import to_evict, why_kept
from retune_widget.tracking.retention_settings import RetentionSettings
from retune_widget.tracking.tree import Cause, CheckpointHandle, Node, Tree
from retune_widget.tracking.ways import way_back

ROLLING_SECONDS = 300.0
"""Of training, after which the state is kept for a crash if no other node was made."""


class Keeping(ByHand):
    """Frees checkpoints that can be trained again, and keeps to the budget.

    Attributes:
        recorder: writes the history, and knows what the step at hand uses.
    """

    def __init__(
        self, engine: Engine, tree: Tree, history: History, writer: Writer, settings: RetentionSettings
    ) -> None:
        """Take the parts; `begin` or `resume` comes next."""
        super().__init__(engine, tree, history, writer)
        self.recorder = Recorder(history)
        self._settings = settings
        self._trusted = False
        """Whether a node was trained again to its bits in this process."""
        self._mistrust: str | None = None
        self._unread: dict[str, CheckpointHandle] = {}
        """By node, the checkpoints that could not be read when something was to be freed."""
        self._over: str | None = None
        self._tidied: tuple[int, int, int] | None = None
        self._kept_at = 0.0

    @property
    def disk_use(self) -> DiskUse:
        """What the checkpoints take, and may take."""
        return DiskUse(self._writer.stored, self._settings.budget)

    @property
    def notices(self) -> list[str]:
        """What a person should know of what is kept."""
        goal, measured = self._settings.goal, self._engine.measured
        unknown = goal is not None and measured is not None and goal.metric not in measured
        missing = not_measured(goal.metric, measured or ()) if goal is not None and unknown else None
        at = f"Training waits: steps are trained again, now number {self._engine.step + 1:,}. Pausing gives that up."
        replay = at if self._engine.replaying else None
        unread = {node: its.unreadable for node, its in tuple(self._unread.items()) if its.unreadable is not None}
        why = next(iter(unread.values()), None)
        damaged = f"What cannot be read is not evicted: {', '.join(unread)}. {why}" if unread else None
        return [notice for notice in (replay, self._mistrust, damaged, self._over, missing) if notice is not None]

    def on_status(self, status: Status) -> None:
        """Training begins or ends; must not raise."""
        self.recorder.clock.run(running=status is Status.RUNNING)
        self.rest(status)

    # Nodes that nobody asked for.

    def is_best(self, step: int, metrics: Mapping[str, Any]) -> bool:
        """Whether the evaluation after this step gave the best value so far."""
        goal = self._settings.goal
        if goal is None or goal.metric not in metrics or goal.metric not in (self._engine.measured or ()):
            return False
        return goal.is_reached(self.history, self.tree.path(self._branch), step)

    def is_rolling_due(self) -> bool:
        """Whether a crash now would lose more than `ROLLING_SECONDS` of training."""
        by_time = self._settings.every is None and self._writer.survives
        return by_time and self.recorder.clock.elapsed() - self._kept_at >= ROLLING_SECONDS

    def drop_rolling(self) -> None:
        """Take out the rolling nodes before the newest one that is saved: nobody asked for them."""
        rolling = [its for its in self.tree.lineage(self._node) if its.rolling and its.branch is self._node.branch]
        saved = [node.step for node in rolling if node.saved]
        forks = {branch.fork for branch in self.tree.branches}
        for node in rolling:
            children = tuple(self.tree.children(node))
            needed = node.origin != "trained" and any(its.checkpoint.evicted for its in children)
            if saved and node.step < saved[-1] and not needed and node not in forks:
                self._take_out(node)

    def _take_out(self, node: Node) -> None:
        with self.edits:
            if not node.rolling:  # it was pinned or noted a moment ago
                return
            for child in self.tree.remove(node):
                if node.origin != "trained":  # what was done by hand on the way to the one is on the way to the other
                    child.origin = "edited"
                self._writer.save_node(child.record())
            shared = any(its.checkpoint is node.checkpoint for its in self.tree.nodes)
            self._writer.delete([], [node.id], [] if shared else [node.checkpoint.id])

    def _new_node(self, cause: Cause, snapshot: Snapshot, **options: Any) -> Node:
        self._kept_at = self.recorder.clock.elapsed()
        return super()._new_node(cause, snapshot, **options)

    # What is freed.

    def evict(self, node: Node) -> Node:
        """Free the checkpoint of a node.

        Raises:
            StatusError: it could not be trained again, or must stay.
            StoreError: the checkpoint from which it would be trained again cannot be read.
        """
        handle = node.checkpoint
        if handle.evicted and not self._writer.holds(handle):
            raise StatusError(f"{node.id} was evicted already.")
        handle.unreadable = None  # a person asks: it is read again
        self._unread = {name: its for name, its in self._unread.items() if its is not handle}
        reason = self._mistrust or self._engine.why_not_replayed or why_kept(self.tree, self._node, node)
        if reason is None and not self._are_readable([handle]):
            reason = why_kept(self.tree, self._node, node)
        if reason is None and not self._is_trusted([handle]):
            reason = self._mistrust
        if reason is not None:
            raise StatusError(f"{node.id} keeps its checkpoint: {reason.rstrip('.')}.")
        self._free([handle])
        return node

    @property
    def _seen(self) -> tuple[int, int, int]:
        return self._writer.stored, self._writer.unsaved, self.tree.revision

    @property
    def is_untidy(self) -> bool:
        """Whether `tidy` may find something to free. Any thread may ask."""
        ruled = self._settings.budget is not None or self._settings.window is not None
        return ruled and not self._closed and self._seen != self._tidied

    def tidy(self) -> None:
        """Free what the window and the budget say, the least valuable first. Cheap where nothing has changed."""
        if not self.is_untidy:
            return
        settings, self._tidied = self._settings, self._seen
        unsaved = self._writer.unsaved
        size = next((its.checkpoint.bytes for its in reversed(self.tree.nodes) if its.checkpoint.bytes), 0)
        coming = size * unsaved
        excess = max(0, self._writer.stored + coming - (settings.budget or 0)) if settings.budget is not None else 0
        try:
            if self._mistrust is None and self._engine.why_not_replayed is None and (excess or settings.window):
                excess = self._evict_to(settings.budget - coming if excess and settings.budget is not None else None)
        except ReplayCancelledError:
            self._tidied = None  # at the next occasion
        except StoreError as error:
            self._over = f"Nothing could be freed: {error}"
        else:
            self._over = None
            if excess and settings.budget is not None:
                saving = f"{unsaved} were still being saved, and may go at the next step or flush()"
                left = saving if unsaved else "none of those that are left can be freed"
                self._over = (
                    f"The checkpoints take {in_words(settings.budget + excess)}, and the budget is "
                    f"{in_words(settings.budget)}: {left}."
                )

    def _evict_to(self, limit: int | None) -> int:
        """Evict down to a limit; returns the bytes that are still above it."""
        pieces = self._writer.pieces() if limit is not None else []
        handles = {node.checkpoint.id: node.checkpoint for node in self.tree.nodes}
        while True:
            plan = to_evict(self.tree, self._node, self._engine.step, pieces, limit=limit, window=self._settings.window)
            chosen, unread = [handles[its] for its in plan.evict], len(self._unread)
            try:
                if chosen and self._are_readable(chosen) and self._is_trusted(chosen):
                    self._free(chosen)
            except StoreError:
                if len(self._unread) == unread:
                    raise
            if len(self._unread) == unread:
                return plan.excess

    def _free(self, handles: Collection[CheckpointHandle]) -> None:
        """Say of the nodes that they are evicted, then delete: a crash in between leaves them kept."""
        with self.edits:
            pinned = {node.checkpoint for node in self.tree.nodes if node.pinned}  # a moment ago, by another thread
            freed = [its for its in self.tree.nodes if its.checkpoint in handles and its.checkpoint not in pinned]
            going = {node.checkpoint.id: node.checkpoint for node in freed}
            for handle in going.values():
                handle.evicted, handle.saved, handle.bytes = True, False, 0
            for node in freed:
                self._writer.save_node(node.record())
            self._writer.delete([], [], sorted(going))
            self.tree.edited()

    def _is_trusted(self, handles: Collection[CheckpointHandle]) -> bool:
        """Train the shortest way to one of these again, once a process, before anything is freed.

        Raises:
            ReplayCancelledError: somebody asked to pause, to stop or to close meanwhile.
            StoreError: the checkpoint before cannot be read; it is noted as such.
        """
        if self._trusted:
            return True
        first = {node.checkpoint: node for node in reversed(self.tree.nodes) if node.checkpoint in handles}
        ways = [way_back(node) for node in first.values()]
        trained = [way for way in ways if way is not None and way.steps]
        if not trained:
            return True
        shortest = min(trained, key=lambda way: way.steps)
        node = shortest.nodes[-1]
        try:
            rebuild(self._engine, self._writer, node)
        except ReplayCancelledError:
            raise
        except StoreError as error:
            self._note_unreadable(shortest.start.checkpoint, error)
            raise
        except Exception as error:  # noqa: BLE001  # the step is the user's: whatever it raises, nothing is freed
            self._distrust(node, error)
            return False
        self._trusted = True
        return True

    def _distrust(self, node: Node, error: Exception) -> None:
        found = "came to another state" if isinstance(error, OtherStateError) else f"raised {error!r}"
        self._mistrust = (
            f"Nothing is evicted: training the steps to {node.id} again {found}. "
            f"run.verify({node.id!r}) says what differs."
        )

    def _are_readable(self, handles: Collection[CheckpointHandle]) -> bool:
        """A checkpoint of an earlier process is read once, for the digest that a replay must give."""
        for handle in handles:
            if handle.training_digest is None:
                try:
                    state = self._writer.load_checkpoint(handle)
                except StoreError as error:
                    self._note_unreadable(handle, error)
                else:
                    handle.digest, handle.training_digest = state.digest(), state.training_digest()
        return all(handle.unreadable is None for handle in handles)

    def _note_unreadable(self, handle: CheckpointHandle, error: StoreError) -> None:
        """It stays, and nothing is freed that would be trained again from it."""
        handle.unreadable = str(error)
        self._unread[next(node.id for node in self.tree.nodes if node.checkpoint is handle)] = handle

    # The way back.

    def _state_of(self, node: Node) -> Snapshot:
        try:
            return load(self._engine, self._writer, node)
        except OtherStateError as error:
            self._distrust(node, error)
            raise

    def _save_again(self, node: Node, state: Snapshot) -> None:
        """An evicted node that was trained again has its checkpoint again."""
        if node.checkpoint.evicted and not self._writer.holds(node.checkpoint):
            self._writer.save_checkpoint(node.checkpoint, state)
