"""What a person asks for in the browser, as commands of one run. Handlers only enqueue."""

from collections.abc import Callable
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import (
    Command,
    DeleteBranch,
    Evict,
    GrowBranch,
    Pause,
    Restore,
    SetHyperparameters,
    Start,
    Stop,
    TakeCheckpoint,
    TrainSteps,
    Undo,
    Verify,
)
from retune_widget.errors import UnknownNodeError
from retune_widget.run import Run
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.view import access, controls, rule_intents, wire, wire_schedules
from retune_widget.view.messages import Content, Messages
from retune_widget.view.outlook import about
from retune_widget.view.pump import Pump
from retune_widget.view.schedule_intents import ScheduleIntents
from retune_widget.view.state import ViewState

BUSY = {"restore": "restoring", "branch": "branching", "undo": "undoing", "delete_branch": "deleting",
        "verify": "verifying", "evict": "freeing", "recover": "going back"}  # fmt: skip
STAYS = frozenset({"verify", "evict"})
"""What trains steps again and leaves the run where it is."""


class Intents(Messages):
    """Turns messages of the parts into commands of one run."""

    def __init__(
        self,
        run: Callable[[], Run | None],
        state: ViewState,
        pump: Pump,
        reset_zoom: Callable[[], None],
        select: rule_intents.Select,
    ) -> None:
        """`reset_zoom` and `select` are called in the pump's thread."""
        super().__init__(pump)
        self._rules = rule_intents.RuleIntents(state, pump, select)
        self._run, self._state, self._reset_zoom = run, state, reset_zoom
        self._schedules = ScheduleIntents(state, pump)
        kinds = ((wire_schedules.INTENTS, self._schedules), (rule_intents.KINDS, self._rules))
        self._others: dict[str, ScheduleIntents | rule_intents.RuleIntents] = {
            kind: its for known, its in kinds for kind in known
        }

    def _carry_out(self, kind: str, content: Content) -> Answer[Any] | None:
        run = self._run()
        if run is None:
            raise UnknownNodeError("This run is gone: its variable was deleted, or the kernel has let go of it.")
        if kind in BUSY:
            self._pump.post(lambda: self._state.begin(content["id"], busy_with(run, kind, content)))
        if kind in self._others:
            return self._others[kind].carry_out(run, kind, content)
        match kind:
            case "set":
                return self._set(run, content["key"], content["value"])
            case "reset_zoom":
                self._pump.post(self._reset_zoom)
            case "dismiss_error":
                error = run.error
                self._pump.post(lambda: self._state.dismiss(error))
            case "rename":
                run.rename(branch_of(run, content["branch"]), content["name"])
            case "note":
                run.note(content["node"], content["note"])
            case "pin":
                run.pin(content["node"], content["pinned"])
            case _:
                return access.submit(run, command_of(run, kind, content))
        return None

    def _set(self, run: Run, key: str, value: Any) -> Answer[Any]:
        self._pump.post(lambda: self._state.mark(key, controls.asked(value)))
        return access.submit(run, SetHyperparameters({key: value}))

    def _note(self, content: Content, result: Any, error: BaseException | None) -> None:
        kind = content.get("kind")
        if kind == "set" and isinstance(content.get("key"), str):
            self._note_set(content["key"], content.get("value"), result, error)
        self._schedules.note(content, result, error)
        if isinstance(kind, str) and kind in BUSY:
            self._state.end(content["id"])
            if error is None and kind not in STAYS:
                self._state.forget_marks()

    def _note_set(self, key: str, value: Any, result: Any, error: BaseException | None) -> None:
        if error is not None:
            self._state.mark(key, controls.refused(value, error))
        else:
            self._state.mark(key, controls.applied(key, value, result))

    def _say(self, kind: str, result: Any) -> tuple[bool, str]:
        if isinstance(result, Verdict) and not result:
            return False, f"{result.node.id} is not reached again: {result.found}."
        return True, said(kind, result)


def busy_with(run: Run, kind: str, content: Content) -> wire.Busy:
    """What takes a while, in words; restoring a node whose checkpoint was freed takes a good while."""
    name = content.get("node")
    node = next((node for node in run.tree.nodes if node.id == name), None)
    text = f"{BUSY[kind]} {name or ''}".strip()
    rebuilds = node is not None and node.checkpoint.evicted and kind not in STAYS
    if node is not None and rebuilds:
        seconds = run.seconds_to_restore(node)
        text = f"rebuilding {name}" + ("" if seconds is None else f", {about(seconds)}")
    return {"node": node.id if node is not None else None, "text": text, "cancellable": rebuilds or kind in STAYS}


def command_of(run: Run, kind: str, content: Content) -> Command:
    """The command of an intent."""
    make: dict[str, Callable[[], Command]] = {
        "start": Start,
        "pause": Pause,
        "stop": Stop,
        "undo": Undo,
        "step": lambda: TrainSteps(content["n"]),
        "checkpoint": lambda: TakeCheckpoint(content["note"] or ""),
        "restore": lambda: Restore(content["node"]),
        "verify": lambda: Verify(content["node"]),
        "evict": lambda: Evict(content["node"]),
        "branch": lambda: GrowBranch(content["node"], content["name"] or None, reseed=False, values={}),
        "delete_branch": lambda: DeleteBranch(branch_of(run, content["branch"])),
    }
    return make[kind]()


def branch_of(run: Run, branch_id: str) -> Branch:
    """The branch with this id.

    Raises:
        UnknownNodeError: it is gone.
    """
    for branch in run.tree.branches:
        if str(branch.id) == branch_id:
            return branch
    raise UnknownNodeError("This branch is no longer in the tree.")


def said(kind: str, result: Any) -> str:
    """What was done, in a few words; empty where the page shows it anyway."""
    text = rule_intents.said(kind, result)
    match kind, result:
        case "checkpoint", Node():
            text = f"Kept as {result.id}, step {result.step:,}."
        case "restore", Node():
            text = f"At {result.id}, step {result.step:,}: paused."
        case "branch" | "undo", Branch():
            text = f"On {result.name} from step {result.fork_step:,}: paused."
        case "verify", Verdict():
            found = "is exact" if result.node.exact else "is reached again"  # what was before it may stand against it
            text = f"{result.node.id} {found}: {result.found}."
        case "evict", _:
            text = "Freed: restoring it trains its steps again."
        case "delete_branch", Branch():
            text = f"{result.name} is deleted."
    return text
