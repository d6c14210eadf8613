"""What a person asks for in the browser, as commands; and the answers. Handlers only enqueue.

A handler runs in the main thread, or in a subshell's while a cell is busy.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import (
    Command,
    DeleteBranch,
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
from retune_widget.errors import RetuneError, UnknownNodeError
from retune_widget.run import Run
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.view import access, controls, wire
from retune_widget.view.part import Part
from retune_widget.view.pump import Pump
from retune_widget.view.state import ViewState

logger = logging.getLogger(__name__)

Content = Mapping[str, Any]
Fields = dict[str, tuple[type, ...]]
TEXT, MAYBE_TEXT = (str,), (str, type(None))
FIELDS: dict[str, Fields] = {
    "step": {"n": (int,)},
    "checkpoint": {"note": MAYBE_TEXT},
    "set": {"key": TEXT, "value": (int, float, bool)},
    "restore": {"node": TEXT},
    "verify": {"node": TEXT},
    "branch": {"node": TEXT, "name": MAYBE_TEXT},
    "rename": {"branch": TEXT, "name": TEXT},
    "note": {"node": TEXT, "note": TEXT},
    "delete_branch": {"branch": TEXT},
}
BUSY = {"restore": "restoring", "branch": "branching", "undo": "undoing", "delete_branch": "deleting",
        "verify": "verifying"}  # fmt: skip


class Intents:
    """Turns messages of the parts into commands of one run."""

    def __init__(
        self, run: Callable[[], Run | None], state: ViewState, pump: Pump, reset_zoom: Callable[[], None]
    ) -> None:
        """`reset_zoom` is called in the pump's thread."""
        self._run, self._state, self._pump, self._reset_zoom = run, state, pump, reset_zoom

    def receive(self, part: Part, content: Any, _buffers: Any = None) -> None:
        """Handle a message; always answered, never raises."""
        name = content.get("id") if isinstance(content, dict) else None
        if not isinstance(name, str):
            logger.warning("A message without an id came from the browser; it was left alone.")
            return
        try:
            answer = self._carry_out(content)
        except Exception as error:  # noqa: BLE001  # the answer carries it to the person
            self._settle(part, content, error, None)
            return
        if answer is None:
            self._settle(part, content, None, None)
        else:
            answer.add_done_callback(lambda _done: self._settle(part, content, answer.exception(), answer))

    def _carry_out(self, content: Content) -> Answer[Any] | None:
        kind = checked_kind(content)
        run = self._run()
        if run is None:
            raise UnknownNodeError("This run is gone: its variable was deleted, or the kernel has let go of it.")
        if kind in BUSY:
            what = f"{BUSY[kind]} {content.get('node', '')}".strip()
            self._pump.post(lambda: self._state.set_busy(what))
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
            case _:
                return access.submit(run, command_of(run, kind, content))
        return None

    def _set(self, run: Run, key: str, value: Any) -> Answer[Any]:
        self._pump.post(lambda: self._state.mark(key, controls.asked(value)))
        return access.submit(run, SetHyperparameters({key: value}))

    def _settle(self, part: Part, content: Content, error: BaseException | None, done: Answer[Any] | None) -> None:
        """Answer, from whichever thread knows. The state that the answer speaks of is sent before it."""
        kind = content.get("kind")
        result = done.result() if done is not None and error is None else None

        def note() -> None:
            if kind == "set" and isinstance(content.get("key"), str):
                self._note_set(content["key"], content.get("value"), result, error)
            if isinstance(kind, str) and kind in BUSY:
                self._state.set_busy(None)
                if error is None and kind != "verify":
                    self._state.forget_marks()

        if error is not None and not isinstance(error, RetuneError | ValueError | TypeError):
            logger.warning("%s failed", kind, exc_info=error)
        answer = answered(content, result, error)
        self._pump.post(note, frame="light", then=lambda: part.send(answer))

    def _note_set(self, key: str, value: Any, result: Any, error: BaseException | None) -> None:
        if error is not None:
            self._state.mark(key, controls.refused(value, error))
        else:
            self._state.mark(key, controls.applied(key, value, result))


def checked_kind(content: Content) -> str:
    """The kind of a message that has all its fields.

    Raises:
        ValueError: it is of no known kind.
        TypeError: a field is missing or of the wrong type.
    """
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in wire.INTENTS:
        raise ValueError(f"The widget knows no {kind!r}: reload the page if the package was updated.")
    for name, types in FIELDS.get(kind, {}).items():
        value = content.get(name)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"{kind}: {name} cannot be {value!r}.")
    if kind == "step" and content["n"] < 1:
        raise ValueError(f"step takes a whole number from 1, not {content['n']}.")
    return kind


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


def answered(content: Content, result: Any, error: BaseException | None) -> wire.Consent | wire.Refusal:
    """The answer to a message."""
    if error is not None:
        text = str(error) if isinstance(error, RetuneError | ValueError) else f"{type(error).__name__}: {error}"
        return {"id": content["id"], "ok": False, "error": text}
    if isinstance(result, Verdict) and not result:
        return {"id": content["id"], "ok": False, "error": f"{result.node.id} is not reached again: {result.found}."}
    return {"id": content["id"], "ok": True, "text": said(content["kind"], result)}


def said(kind: str, result: Any) -> str:
    """What was done, in a few words; empty where the page shows it anyway."""
    match kind, result:
        case "checkpoint", Node():
            return f"Kept as {result.id}, step {result.step:,}."
        case "restore", Node():
            return f"At {result.id}, step {result.step:,}: paused."
        case "branch" | "undo", Branch():
            return f"On {result.name} from step {result.fork_step:,}: paused."
        case "verify", Verdict():
            found = "is exact" if result.node.exact else "is reached again"  # what was before it may stand against it
            return f"{result.node.id} {found}: {result.found}."
        case "delete_branch", Branch():
            return f"{result.name} is deleted."
    return ""
