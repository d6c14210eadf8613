"""Messages from the browser: checked, handed on, and each one answered."""

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.errors import RetuneError
from retune_widget.view import wire
from retune_widget.view.part import Part
from retune_widget.view.pump import Pump

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
    "pin": {"node": TEXT, "pinned": (bool,)},
    "evict": {"node": TEXT},
    "delete_branch": {"branch": TEXT},
    "add_rule": {"rule": TEXT, "arguments": (dict,)},
    "try_rule": {"rule": TEXT, "arguments": (dict,)},
    "suspend_rule": {"rule": TEXT},
    "resume_rule": {"rule": TEXT},
    "remove_rule": {"rule": TEXT},
    "recover": {"how": TEXT},
    "select": {"node": TEXT, "tab": MAYBE_TEXT},
    **{kind: {"key": TEXT} for kind in ("draft_schedule", "unschedule", "hold", "release")},
    **{kind: {"key": TEXT, "form": (dict,)} for kind in ("preview_schedule", "schedule")},
}


class Messages(ABC):
    """Receives messages of the parts. A handler runs in the main thread, or in a subshell's while a cell is busy."""

    def __init__(self, pump: Pump) -> None:
        """`pump`: sends the answers."""
        self._pump = pump

    def receive(self, part: Part, content: Any, _buffers: Any = None) -> None:
        """Handle a message; always answered, never raises."""
        name = content.get("id") if isinstance(content, dict) else None
        if not isinstance(name, str):
            logger.warning("A message without an id came from the browser; it was left alone.")
            return
        try:
            answer = self._carry_out(checked_kind(content), content)
        except Exception as error:  # noqa: BLE001  # the answer carries it to the person
            self._settle(part, content, error, None)
            return
        if answer is None:
            self._settle(part, content, None, None)
        else:
            answer.add_done_callback(lambda _done: self._settle(part, content, answer.exception(), answer))

    @abstractmethod
    def _carry_out(self, kind: str, content: Content) -> Answer[Any] | None:
        """Do what is asked, or only ask for it: nothing here waits for a step."""

    def _note(self, content: Content, result: Any, error: BaseException | None) -> None:  # noqa: B027  # may do nothing
        """Put down what became of it, in the pump's thread, before the answer is sent."""

    def _say(self, kind: str, result: Any) -> tuple[bool, str]:  # noqa: ARG002  # for those that have more to say
        """Whether it came out well, and what to say of it; nothing where the page shows it anyway."""
        return True, ""

    def _settle(self, part: Part, content: Content, error: BaseException | None, done: Answer[Any] | None) -> None:
        """Answer, from whichever thread knows. The state that the answer speaks of is sent before it."""
        result = done.result() if done is not None and error is None else None
        if error is not None and not isinstance(error, RetuneError | ValueError | TypeError):
            logger.warning("%s failed", content.get("kind"), exc_info=error)
        answer: wire.Consent | wire.Found | wire.Refusal
        ok, text = (False, told(error)) if error is not None else self._say(content["kind"], result)
        answer = {"id": content["id"], "ok": True, "text": text} if ok else refusal(content, text)
        if ok and isinstance(result, dict):
            answer = {"id": content["id"], "ok": True, "text": text, "found": result}
        self._pump.post(lambda: self._note(content, result, error), frame="light", then=lambda: part.send(answer))


def told(error: BaseException) -> str:
    """An error as a person reads it."""
    return str(error) if isinstance(error, RetuneError | ValueError) else f"{type(error).__name__}: {error}"


def refusal(content: Content, text: str) -> wire.Refusal:
    """The answer to what was not carried out."""
    return {"id": content["id"], "ok": False, "error": text}


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
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            raise ValueError(f"{kind}: {name} is too large a number.")
    if kind == "step" and content["n"] < 1:
        raise ValueError(f"step takes a whole number from 1, not {content['n']}.")
    return kind
