"""What a person asks about rules, and after one of them stopped the run."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import (
    AddPolicy,
    Command,
    Recover,
    RemovePolicy,
    ResumePolicy,
    Start,
    Stop,
    SuspendPolicy,
)
from retune_widget.errors import StatusError
from retune_widget.policies.active import PolicyStatus
from retune_widget.policies.catalogue import make
from retune_widget.policies.policy import Policy
from retune_widget.run import Run
from retune_widget.view import access
from retune_widget.view.messages import Content
from retune_widget.view.pump import Pump
from retune_widget.view.state import ViewState
from retune_widget.view.trials import Trial, try_out

if TYPE_CHECKING:
    from concurrent.futures import Future

KINDS = frozenset({
    "add_rule", "try_rule", "forget_trial", "suspend_rule", "resume_rule", "remove_rule", "recover", "select",
    "dismiss_incident",
})  # fmt: skip
FACTOR = 0.1
"""What the button takes of the learning rate."""
Select = Callable[[str, str | None], None]
"""Selects a node in the tree, and brings a tab in sight, if one is named. For the pump's thread."""


class Recovered(NamedTuple):
    """The run goes on after a step that was stopped, or waits for the person's own loop to begin again."""

    text: str


class RuleIntents:
    """Turns messages about rules into commands."""

    def __init__(self, state: ViewState, pump: Pump, select: Select) -> None:
        """`select` is called in the pump's thread."""
        self._state, self._pump, self._select = state, pump, select

    def carry_out(self, run: Run, kind: str, content: Content) -> Answer[Any] | None:
        """Do what is asked, or ask for it.

        Raises:
            ValueError: the arguments of a rule are refused.
            UnknownNodeError: there is no such node.
        """
        match kind:
            case "try_rule":
                return self._try(run, make(content["rule"], content["arguments"]))
            case "forget_trial":
                self._pump.post(lambda: self._state.try_out(None), frame="full")
            case "select":
                node, tab = run.tree.node(content["node"]), content["tab"]
                self._pump.post(lambda: self._select(node.id, tab), frame="full")
            case "recover":
                return recover(run, content["how"])
            case "dismiss_incident":
                title = access.out_of_memory(run)
                self._pump.post(lambda: self._state.read_incident(title))
            case _:
                return access.submit(run, self._command_of(kind, content))
        return None

    def _command_of(self, kind: str, content: Content) -> Command:
        name = content["rule"]
        if kind == "add_rule":
            self._pump.post(lambda: self._state.try_out(None))
            return AddPolicy(make(name, content["arguments"]))
        make_command: dict[str, type[SuspendPolicy | ResumePolicy | RemovePolicy]] = {
            "suspend_rule": SuspendPolicy, "resume_rule": ResumePolicy, "remove_rule": RemovePolicy,
        }  # fmt: skip
        return make_command[kind](name)

    def _try(self, run: Run, policy: Policy) -> Answer[Trial]:
        """In a thread of its own: a long history takes seconds, and neither the page nor training waits for it."""
        answer: Answer[Trial] = Answer()

        def work() -> None:
            try:
                trial = try_out(policy, run.history)
            except Exception as error:  # noqa: BLE001  # the answer carries it to the person
                answer.set_exception(error)
            else:
                self._pump.post(lambda: self._state.try_out(trial), frame="full")
                answer.set_result(trial)

        threading.Thread(target=work, name="retune-try-rule", daemon=True).start()
        return answer


def recover(run: Run, how: str) -> Answer[Recovered]:
    """Go back to where the run was put, do what was chosen, and train on; one answer for all of it."""
    stopped, head = access.stopped(run), run.head
    moved = stopped is not None and (head.node_id, head.step) != (stopped.node, stopped.at)
    prepared = access.submit(run, Recover(how, stopped.node if stopped is not None and moved else None, FACTOR))
    done = "The batch is skipped" if how == "skip batch" else f"Every learning rate × {FACTOR:g}"
    answer: Answer[Recovered] = Answer()

    def settle(its: "Future[Any]", text: str) -> None:
        error = its.exception()
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(Recovered(text))

    def go_on(its: "Future[Any]") -> None:
        if its.exception() is not None or not access.trains_itself(run):
            settle(its, f"{done}: run the cell of your loop again.")
            return
        over = run.max_steps is not None and run.head.step >= run.max_steps  # an epoch's last batch may be left out
        then = f"{done}. It was the last one that was planned: training has ended." if over else f"{done}, and on."
        try:
            access.submit(run, Stop() if over else Start()).add_done_callback(lambda its: settle(its, then))
        except StatusError as closed:
            answer.set_exception(closed)

    prepared.add_done_callback(go_on)
    return answer


def said(kind: str, result: Any) -> str:
    """What was done, in a few words; empty where the page shows it anyway."""
    match kind, result:
        case "add_rule", PolicyStatus():
            return f"{result.name} acts from the next step on."
        case "try_rule", Trial():
            return result.text
        case "recover", Recovered():
            return result.text
    return ""
