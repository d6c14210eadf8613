"""What a person asks of a value that is governed, or of who governs it, as planned changes."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from retune_widget.engine import changes, commands
from retune_widget.engine.changes import PlannedChange
from retune_widget.engine.governors import Governors
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.keys import unknown
from retune_widget.engine.ownership import Curve, Ownership
from retune_widget.errors import HyperparameterError, RestoreError

UNPLANNED = 10_000
"""Steps of a schedule without an end that are checked where the length of the run is not known."""


class Governing(Protocol):
    """What a change that was made says of who decides the value from then on."""

    @property
    def after(self) -> Mapping[str, Any] | None:
        """The ownership as JSON; None: nobody but the person."""

    @property
    def text(self) -> str:
        """The same in words."""


class Made(Protocol):
    """A change that was made."""

    @property
    def key(self) -> str:
        """Of the hyperparameter."""

    @property
    def new(self) -> Value:
        """The value."""

    @property
    def governing(self) -> Governing | None:
        """None: nobody but the person decided the value, before and after."""


class Shift(NamedTuple):
    """A change of who decides a value: the ownership before and after, and in words."""

    before: Ownership | None
    after: Ownership | None
    text: str


class Claim(NamedTuple):
    """A planned change with what becomes of who decides the value; None: nobody but the person does."""

    change: PlannedChange
    shift: Shift | None = None

    @property
    def changes_something(self) -> bool:
        """Whether the value or who decides it becomes another."""
        shifts = self.shift is not None and self.shift.before != self.shift.after
        return shifts or self.change.new != self.change.old


class Claims:
    """Plans what is asked of governed values. Nothing is changed here."""

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter], governors: Governors, step: int) -> None:
        """Plan for these as they stand between two steps, after `step` of them."""
        self._hyperparameters, self._governors, self._step = hyperparameters, governors, step

    def of(self, command: commands.Changing) -> list[Claim]:
        """What a command asks.

        Raises:
            UnknownHyperparameterError: a key names nothing, or several things.
            HyperparameterError: a value would be refused; or nothing governs one that is to be held or released.
        """
        match command:
            case commands.SetHyperparameters(values):
                return self.set(values)
            case commands.SetSchedules(schedules, until):
                return [
                    self.unschedule(key) if curve is None else self.schedule(key, curve, until, restart=command.restart)
                    for key, curve in self._named(schedules).items()
                ]
            case commands.Hold(values):
                return [self.hold(key, value) for key, value in self._named(values).items()]
            case commands.Release(keys):
                return [self.release(key) for key in self._named(dict.fromkeys(keys))]

    def back_to(self, batch_size: int) -> list[Claim]:
        """The batch size that worked; held against a schedule, for one that is scaled would grow again."""
        if "batch_size" in self._governors.owned:
            return [self.hold("batch_size", batch_size)]
        return self.set({"batch_size": batch_size})

    def set(self, values: Mapping[str, Any]) -> list[Claim]:
        """New values; one that is governed is scaled, or held.

        Raises:
            HyperparameterError, UnknownHyperparameterError: as `changes.plan`.
        """
        return [self._claimed(change) for change in changes.plan(self._hyperparameters, values)]

    def schedule(self, key: str, curve: Curve, until: int | None, *, restart: bool = True) -> Claim:
        """A schedule in force from the next step on.

        Args:
            key: of the hyperparameter.
            curve: the schedule.
            until: the step at which the run is planned to end, or None.
            restart: whether an equal one that is in force begins again; else nothing changes.

        Raises:
            HyperparameterError: a value that it takes within the planned length would be refused.
        """
        its = self._hyperparameters[key]
        if its.kind == "bool":
            raise HyperparameterError(f"{key} is on or off: a schedule cannot drive it.")
        if its.takes_effect.startswith("never"):
            raise HyperparameterError(f"{key} would have no effect: {its.takes_effect.removeprefix('never: ')}")
        now = self._governors.owned.get(key)
        if not restart and now is not None and now.curve == curve:
            return Claim(PlannedChange(its, its.value, its.value, None))
        left = until - self._step - 1 if until is not None and until > self._step else None
        ends = [end for end in (left, curve.length) if end is not None]
        for value in (curve(0), *curve.extremes(min(ends, default=UNPLANNED))):
            self._check(key, round(value) if its.kind == "int" else value)
        return self._shifted(key, Ownership(curve, self._step), str(curve))

    def unschedule(self, key: str) -> Claim:
        """No schedule of ours any more: the value stays, or goes back to the torch scheduler.

        Raises:
            HyperparameterError: there is none.
        """
        ownership = self._governors.owned.get(key)
        if ownership is None or ownership.curve is None:
            raise HyperparameterError(f"{key} has no schedule to be taken away.")
        driven = key in self._governors.drivers
        text = f"back to {self._governors.by(key, None)}" if driven else f"without {ownership.curve.name}"
        return self._shifted(key, None, text)

    def hold(self, key: str, value: Any = None) -> Claim:
        """A value that is held against the schedule: the one in force, or another.

        Raises:
            HyperparameterError: nothing governs the value; or it would be refused.
        """
        ownership, _ = self._governed(key)
        if value is not None:
            self._check(key, value)
            value = changes.as_stored(self._hyperparameters[key], value)
        held = self._hyperparameters[key].value if value is None else value
        return self._shifted(key, ownership.holding(held), f"held at {held:.4g}")

    def release(self, key: str) -> Claim:
        """The schedule decides again, unscaled.

        Raises:
            HyperparameterError: nothing governs the value.
        """
        ownership, name = self._governed(key)
        return self._shifted(key, self._plain(ownership.released()), f"released to {name}")

    def again(self, made: Iterable[Made]) -> list[Claim]:
        """Changes that were made already, in the same state.

        Raises:
            RestoreError: a hyperparameter is not there any more; or a schedule is not known.
        """
        claims = []
        whole = {key for key, its in self._hyperparameters.items() if its.members}
        for its in (its for its in made if its.key not in whole):
            if its.key not in self._hyperparameters:
                raise RestoreError(
                    f"There is no hyperparameter {its.key!r} any more, which was changed on the way there."
                )
            hyperparameter, shift = self._hyperparameters[its.key], None
            if its.governing is not None:
                before, after = self._governors.owned.get(its.key), self._governors.revived(its.governing.after)
                shift = Shift(before, after, its.governing.text)
            claims.append(Claim(PlannedChange(hyperparameter, hyperparameter.value, its.new, None), shift))
        return claims

    def later(self, made: Made) -> dict[str, Ownership | None]:
        """Who will decide a value that nobody registered yet in this process, as an earlier one left it."""
        return {} if made.governing is None else {made.key: self._governors.revived(made.governing.after)}

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked, by the keys of those that do not stand for others."""
        asked: dict[str, Any] = {}
        for key, value in changes.without_aliases(self._hyperparameters, values).items():
            if key not in self._hyperparameters:
                raise unknown(list(self._hyperparameters), key)
            asked |= dict.fromkeys(self._hyperparameters[key].members or (key,), value)
        return asked

    def _governed(self, key: str) -> tuple[Ownership, str]:
        ownership = self._governors.owned.get(key)
        name = self._governors.name(key, ownership)
        if name is None:
            raise HyperparameterError(f"Nothing governs {key}: run.set changes it, run.schedule gives it a schedule.")
        return ownership or Ownership(), name

    def _check(self, key: str, value: Any) -> None:
        changes.plan(self._hyperparameters, {key: value})

    def _plain(self, ownership: Ownership) -> Ownership | None:
        """None where it says nothing: the torch scheduler decides, as without us."""
        return None if ownership == Ownership() else ownership

    def _shifted(self, key: str, after: Ownership | None, text: str) -> Claim:
        its = self._hyperparameters[key]
        new = self._after(key, after)
        return Claim(PlannedChange(its, its.value, new, None), Shift(self._governors.owned.get(key), after, text))

    def _after(self, key: str, after: Ownership | None) -> Value:
        if after is None and key not in self._governors.drivers:
            return self._hyperparameters[key].value
        return self._governors.effective(key, after)

    def _claimed(self, change: PlannedChange) -> Claim:
        key = change.hyperparameter.key
        before = self._governors.owned.get(key)
        name = self._governors.name(key, before)
        if name is None:
            return Claim(change)
        ownership = before or Ownership()
        after = ownership.moved(self._governors.own_value(key), change.new)
        said = f"held at {change.new:.4g}" if after.mode == "hold" else f"×{after.scale:.4g} of {name}"
        notice = change.notice
        if after.mode == "hold" and ownership.mode != "hold":
            why = f"held against {name}: no factor on it gives this value"
            notice = "; ".join(text for text in (notice, why) if text)
        new = self._governors.effective(key, self._plain(after))
        shift = Shift(before, self._plain(after), said)
        return Claim(change._replace(new=new, notice=notice), shift)
