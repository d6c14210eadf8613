"""Values that are not the person's alone: schedules and torch schedulers that drive them, followed, scaled or held.

Where nothing but our own schedule drives a value, it is written between two steps. A torch scheduler goes on from, or
overwrites, what it finds in the param group; so its own value stays there, and ours is in force while the optimizer
steps (`swaps.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from retune_widget.engine.changes import PlannedChange
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.ownership import Json, Mode, Ownership, Revive
from retune_widget.engine.rules import LARGEST, bounds, put_ready
from retune_widget.engine.schedulers import driver, tabulate
from retune_widget.engine.state import LiveState, Stateful
from retune_widget.engine.swaps import Swap, Swapped
from retune_widget.errors import RestoreError

Hyperparameters = dict[str, Hyperparameter]


@dataclass(frozen=True, slots=True)
class Governed:
    """Who decides a hyperparameter's value: `value = held value, or scale × own`.

    Attributes:
        by: the schedule, or the class of the torch scheduler.
        name: the same in a word or two, without numbers.
        mode: whether it is followed (`scale`), or a value held against it (`hold`).
        scale: the factor on the schedule's own value.
        own: the schedule's own value for the next step.
        value: the value that the next step uses.
        since: the step at which the schedule was set; None for a torch scheduler.
    """

    by: str
    name: str
    mode: Mode
    scale: float
    own: Value
    value: Value
    since: int | None

    def __str__(self) -> str:
        return f"held against {self.by}" if self.mode == "hold" else f"×{self.scale:.4g} of {self.by}"


class _Timed(NamedTuple):
    """A value that is written between two steps."""

    its: Hyperparameter
    ownership: Ownership


class Governors:
    """Knows who decides each value. Used by the thread that trains; any thread may look.

    Attributes:
        owned: by key, what is scheduled, scaled or held.
        drivers: by key, the torch scheduler that drives it.
        active: whether something is written between steps.
        problems: by key, what a schedule asked for at the last step and did not get.
    """

    def __init__(self, live: LiveState, now: Callable[[], int], revive: Revive | None) -> None:
        """Nothing is governed yet; `bind` comes next.

        Args:
            live: the optimizers and schedulers.
            now: the number of completed steps.
            revive: makes a schedule of its JSON.
        """
        self._live, self._now, self._revive = live, now, revive
        self._hyperparameters: Hyperparameters = {}
        self._timed: list[_Timed] = []
        self._swaps: dict[int, Swap] = {}
        self.owned: dict[str, Ownership] = {}
        self.drivers: dict[str, object] = {}
        self.active = False
        self.problems: dict[str, str] = {}

    def bind(self, hyperparameters: Hyperparameters) -> Hyperparameters:
        """Look up who drives what; returns the hyperparameters, whose values are the effective ones."""
        for swap in self._swaps.values():
            swap.remove()
        schedulers = [extra for extra in self._live.extras.values() if isinstance(extra, Stateful)]
        found = (
            {key: driver(h.place, schedulers) for key, h in hyperparameters.items() if h.place} if schedulers else {}
        )
        self.drivers = {key: its for key, its in found.items() if its is not None}
        self._hyperparameters = dict(hyperparameters)
        present = {key: its for key, its in self.owned.items() if key in hyperparameters}
        timed = {key: its for key, its in present.items() if key not in self.drivers and its.curve is not None}
        self._timed = [_Timed(hyperparameters[key], its) for key, its in timed.items()]
        self.active = bool(self._timed)
        self._swaps = self._swap({key: its for key, its in present.items() if key in self.drivers})
        return self._hyperparameters

    def shift(self, owners: Mapping[str, Ownership | None]) -> None:
        """Others decide these values from now on; `bind` comes next."""
        kept = {key: its for key, its in self.owned.items() if key not in owners}
        self.owned = {**kept, **{key: its for key, its in owners.items() if its is not None}}

    def own_value(self, key: str) -> Value:
        """The schedule's own value for the step at hand, or the next one."""
        ownership = self.owned.get(key)
        if ownership is not None and ownership.curve is not None:
            return ownership.curve(self._now() - ownership.since)
        return self._found(key)

    def effective(
        self, key: str, ownership: Ownership | None, *, at: int | None = None, found: Value | None = None
    ) -> Value:
        """The value that is in force under an ownership, as it will read in its place.

        Args:
            key: of the hyperparameter.
            ownership: None: nobody but a torch scheduler decides.
            at: for the step after so many; None: for the one at hand, or the next one.
            found: what stands in the param group then; None: what stands there now.
        """
        its = self._hyperparameters[key]
        if ownership is not None and ownership.curve is not None:
            found = ownership.curve((self._now() if at is None else at) - ownership.since)
        elif found is None:
            found = self._found(key)
        if ownership is None:
            return found
        return _stored(its, fitted(its, ownership.effective(found)))

    def by(self, key: str, ownership: Ownership | None) -> str | None:
        """The name of the schedule or of the torch scheduler that governs, or None."""
        if ownership is not None and ownership.curve is not None:
            return str(ownership.curve)
        return type(self.drivers[key]).__name__ if key in self.drivers else None

    def name(self, key: str, ownership: Ownership | None) -> str | None:
        """The same without its numbers."""
        if ownership is not None and ownership.curve is not None:
            return ownership.curve.name
        return self.by(key, None)

    def governed(self) -> dict[str, Governed]:
        """By key, who decides."""
        found = {}
        for key in dict.fromkeys([*self.owned, *self.drivers]):
            ownership = self.owned.get(key)
            by, name, its = self.by(key, ownership), self.name(key, ownership), ownership or Ownership()
            if by is not None and name is not None and key in self._hyperparameters:
                since = its.since if its.curve is not None else None
                value = self.effective(key, ownership)
                found[key] = Governed(by, name, its.mode, its.scale, self.own_value(key), value, since)
        for key, whole in self._hyperparameters.items():
            parts = {found.get(member) for member in whole.members}
            if len(parts) == 1 and (one := parts.pop()) is not None:
                found[key] = one
        return found

    def preview(self, key: str, steps: int) -> list[Value]:
        """The values of the next steps, if nobody changes them; fewer where a torch scheduler comes to its end."""
        now = self._now()
        return self.coming(key, range(now, now + steps), now)

    def coming(self, key: str, steps: Sequence[int], now: int) -> list[Value]:
        """The values that are used after `steps`, which rise from `now` on, the number of completed ones."""
        members = [self.coming(member, steps, now) for member in self._hyperparameters[key].members]
        if members:
            return [row[0] if len({*row}) == 1 else sum(row) / len(row) for row in zip(*members, strict=True)]
        ownership, scheduler = self.owned.get(key), self.drivers.get(key)
        place = self._hyperparameters[key].place
        if steps and scheduler is not None and place is not None and (ownership is None or ownership.curve is None):
            waiting = [pair for swap in self._swaps.values() for pair in swap.own_values()]
            count = steps[-1] - now + 1
            values = tabulate(scheduler, count, place.group_index, place.field, place.element, own=waiting)
            return [self.effective(key, ownership, found=values[at - now]) for at in steps if at - now < len(values)]
        return [self.effective(key, ownership, at=step) for step in steps]

    # The loop.

    def advance(self) -> list[PlannedChange]:
        """Write the values for the next step; returns what was changed."""
        written, now = [], self._now()
        self.problems = {}
        for its, ownership in self._timed:
            if ownership.curve is None:
                continue
            asked = ownership.effective(ownership.curve(now - ownership.since))
            value = _stored(its, fitted(its, asked))
            if within_bounds(its, asked) != asked:
                self.problems[its.key] = (
                    f"{its.key} is {value:.6g} in step {now + 1:,}: its schedule asks for {asked:.6g}, out of bounds."
                )
            old = its.read()
            if value != old and self._write(its, value):
                written.append(PlannedChange(its, old, value, None))
        return written

    def _write(self, its: Hyperparameter, value: Value) -> bool:
        if its.place is not None:
            put_ready(its.place, value)
            return True
        if its.section == "own":
            self._live.copies.wait()
        try:
            its.write(value)
        except Exception as error:  # noqa: BLE001  # a setter of the user's own: training goes on, and it is shown
            self.problems[its.key] = f"{its.key} was not taken: {type(error).__name__}: {error}"
            return False
        return True

    # The state.

    def put_back(self) -> None:
        """Every torch scheduler's own value is in place again, also after an optimizer step that raised."""
        for swap in self._swaps.values():
            swap.put_back()

    def capture(self) -> Json:
        """All of it as JSON, under one name; nothing where nothing is governed."""
        self.put_back()
        return {"governed": {key: its.record() for key, its in self.owned.items()}} if self.owned else {}

    def parse(self, captured: Mapping[str, Any]) -> dict[str, Ownership]:
        """What `capture` gave.

        Raises:
            RestoreError: a schedule in it is not known.
        """
        governed = captured.get("governed", {})
        if not isinstance(governed, Mapping):
            raise RestoreError(f"The checkpoint does not say who decides which value: {str(governed)[:200]}")
        found = {key: self.revived(its) for key, its in governed.items()}
        return {key: its for key, its in found.items() if its is not None}

    def revived(self, record: Mapping[str, Any] | None) -> Ownership | None:
        """The ownership that was kept as JSON.

        Raises:
            RestoreError: it is none that this version knows.
        """
        if record is None:
            return None
        if self._revive is None:
            raise RestoreError("The checkpoint holds a schedule, and nothing here knows schedules.")
        try:
            return Ownership.from_record(record, self._revive)
        except ValueError as error:
            raise RestoreError(f"The checkpoint holds a schedule that cannot be put in force: {error}") from error

    def close(self) -> None:
        """Let go of the optimizers."""
        for swap in self._swaps.values():
            swap.remove()
        self._swaps = {}

    def _swap(self, owned: Mapping[str, Ownership]) -> dict[int, Swap]:
        """The hooks of each optimizer with a value that a torch scheduler drives and a person owns."""
        swapped: dict[int, list[Swapped]] = {}
        for key in owned:
            its = self._hyperparameters[key]
            if its.place is not None:
                swapped.setdefault(id(its.place.optimizer), []).append(Swapped(its.place, self._in_force(key)))
                self._hyperparameters[key] = replace(its, read=partial(self._read, key))
        return {name: Swap(several[0].place.optimizer, several) for name, several in swapped.items()}

    def _in_force(self, key: str) -> Callable[[Value], Value]:
        return lambda found: self.effective(key, self.owned[key], found=found)

    def _read(self, key: str) -> Value:
        return self.effective(key, self.owned[key])

    def _found(self, key: str) -> Value:
        """What the torch scheduler gave, also while another value stands in its place; else what stands there."""
        place = self._hyperparameters[key].place
        if place is None:
            return self._hyperparameters[key].read()
        swap = self._swaps.get(id(place.optimizer))
        return place.read() if swap is None else swap.own(place)


def within_bounds(its: Hyperparameter, value: Value) -> Value:
    """The value, or the nearest one that is allowed."""
    low, high = (its.least, its.most) if its.place is None else bounds(its.place.field)
    low, high = max(low, -LARGEST), min(high, LARGEST)
    return min(max(value, low), high)


def fitted(its: Hyperparameter, value: Value) -> Value:
    """The value that is nearest to this one among those that the hyperparameter takes."""
    value = within_bounds(its, value)
    return round(value) if its.kind == "int" else value


def _stored(its: Hyperparameter, value: Value) -> Value:
    return value if its.place is None else its.place.stored(value)
