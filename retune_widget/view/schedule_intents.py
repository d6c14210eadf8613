"""What a person asks of schedules in the browser: a form and its preview, to set one or take it away, hold, release."""

from collections.abc import Callable
from functools import partial
from typing import Any

from retune_widget.engine.answer import Answer
from retune_widget.engine.commands import Command, Hold, Release, SetSchedules
from retune_widget.engine.governors import fitted
from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.engine.keys import unknown
from retune_widget.engine.ownership import Ownership
from retune_widget.policies.schedule import Schedule
from retune_widget.run import Run
from retune_widget.tracking.changes import Change
from retune_widget.tracking.value_changes import short
from retune_widget.view import access, controls
from retune_widget.view.ahead import grid
from retune_widget.view.messages import Content
from retune_widget.view.pump import Pump
from retune_widget.view.schedule_draft import UNPLANNED, Standing, draft
from retune_widget.view.schedule_fields import schedule_of
from retune_widget.view.state import ViewState
from retune_widget.view.wire_schedules import SchedulePreview

WORDS = {"schedule": "a schedule", "unschedule": "no schedule", "hold": "to hold it", "release": "to release it"}
"""What changes something, as it is said until it is acknowledged."""


class ScheduleIntents:
    """Turns messages about schedules into commands; what is only looked up is looked up in the pump's thread."""

    def __init__(self, state: ViewState, pump: Pump) -> None:
        """For one widget."""
        self._state, self._pump = state, pump

    def carry_out(self, run: Run, kind: str, content: Content) -> Answer[Any]:
        """Ask for what a message asks.

        Raises:
            UnknownHyperparameterError, ScheduleError: the message says something that cannot be.
        """
        key = content["key"]
        its = run.hyperparameters.get(key)
        if its is None:
            raise unknown(list(run.hyperparameters), key)
        if kind == "draft_schedule":
            return self._looked_up(lambda: dict(draft(standing(run, its))))
        schedule = schedule_of(content["form"]) if "form" in content else None
        if kind == "preview_schedule" and schedule is not None:
            return self._looked_up(lambda: dict(preview(run, its, schedule)))
        self._pump.post(lambda: self._state.mark(key, controls.asked(what=WORDS[kind])))
        return access.submit(run, command_of(run, kind, key, schedule))

    def note(self, content: Content, result: Any, error: BaseException | None) -> None:
        """Put down what became of it. For the pump's thread."""
        kind, key = content.get("kind"), content.get("key")
        if not isinstance(kind, str) or kind not in WORDS or not isinstance(key, str):
            return
        if error is not None:
            self._state.mark(key, controls.refused(None, error))
        elif isinstance(result, Change):
            self._state.mark(key, controls.applied(key, None, result))

    def _looked_up(self, what: Callable[[], Any]) -> Answer[Any]:
        answer: Answer[Any] = Answer()
        self._pump.post(partial(_settle, answer, what))
        return answer


def _settle(answer: Answer[Any], what: Callable[[], Any]) -> None:
    try:
        answer.set_result(what())
    except Exception as error:  # noqa: BLE001  # the answer carries it to the person
        answer.set_exception(error)


def command_of(run: Run, kind: str, key: str, schedule: Schedule | None) -> Command:
    """The command of an intent."""
    match kind:
        case "hold":
            return Hold({key: None})
        case "release":
            return Release([key])
    return SetSchedules({key: schedule}, run.max_steps, restart=False)


def standing(run: Run, its: Hyperparameter) -> Standing:
    """Where a hyperparameter stands now."""
    now, planned = run.head.step, run.max_steps
    owners = () if (found := access.governing(run, its.key)) is None else found.owners
    first, *others = owners or (None,)
    alike = first is not None and all(other is not None and other.curve == first.curve for other in others)
    owner = first if first is not None and alike else Ownership(since=now)
    left = None if planned is None else max(0, planned - now)
    return Standing(its, left, owner.curve, now - owner.since)


def preview(run: Run, its: Hyperparameter, schedule: Schedule) -> SchedulePreview:
    """The values that a schedule would give from the next step on; a few hundred of them.

    Raises:
        HyperparameterError: one would be refused.
    """
    access.check_schedule(run, SetSchedules({its.key: schedule}, run.max_steps, restart=False))
    now, planned, stands = run.head.step, run.max_steps, standing(run, its)
    begun = stands.elapsed if stands.curve == schedule else None
    length = None if schedule.length is None else schedule.length - (begun or 0)
    left = planned - now if planned is not None and planned > now else None
    span = max(1, length + length // 4 if length is not None and length > 0 else left or UNPLANNED)
    span = span if left is None else min(span, left)
    steps = grid(0, span, [at - (begun or 0) for at in schedule.turns(span + (begun or 0))])
    if begun is None:
        values = [float(fitted(its, schedule(at))) for at in steps]
    else:
        values = [float(its) for its in access.coming(run, its.key, [now + at for at in steps], now)]
    low, high = min(values), max(values)
    ends = values[0], values[-1]
    between = [f"{short(turn)} → " for turn in dict.fromkeys((high, low)) if turn not in ends]
    text = f"{short(ends[0])} → {''.join(between)}{short(ends[1])} by step {now + span:,}"
    if left is not None and length is not None and length > left:
        text += f"; the run is planned to end {length - left:,} steps before the schedule does"
    if begun is not None:
        text += f"; in force since step {now - begun:,}, and goes on"
    elif isinstance(stands.curve, Schedule):
        again = stands.curve.name == schedule.name
        text += f"; begins {'again at' if again else f'in the place of {stands.curve.name} at'} the next step"
    return {
        "steps": [now + at for at in steps], "values": values, "text": text,
        "log": its.scale == "log" and low > 0 and high > 10 * low,
    }  # fmt: skip
