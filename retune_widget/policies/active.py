"""The rules of one run: which there are, whether they act, what they remember, where they fired."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.errors import PolicyError
from retune_widget.policies.action import Action, full_keys
from retune_widget.policies.feedback import Overfit, Plateau
from retune_widget.policies.guards import Divergence, NaNGuard
from retune_widget.policies.own_code import check_keys, check_state, is_kept, said_of
from retune_widget.policies.policy import Now, Past, Policy, is_built_in, look
from retune_widget.policies.stopping import EarlyStop, Target
from retune_widget.policies.warmup import Warmup
from retune_widget.tracking.value_changes import Value

BUILT_IN: dict[str, type[Policy]] = {
    its.__name__: its for its in (Plateau, Overfit, EarlyStop, Target, Warmup, Divergence, NaNGuard)
}
BY_HAND = "by hand at step"
"""In the words of why a rule is suspended, if a person did that."""
MISSING = "its code was not given in this process: call add_policy() with it"
Measured = Callable[[str | None], float]
"""The value of a metric at this step; NaN where it was not measured."""
FIRINGS = 100
"""How many firings of a rule are kept with each node: the last ones. The journal of changes has all."""


class PolicyRecord(TypedDict):
    """A rule as a node keeps it. `arguments` is None for a class of the user's own, which has to be given again."""

    name: str
    kind: str
    arguments: dict[str, Any] | None
    state: dict[str, Any]
    suspended: str | None
    fired: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """A rule of a run, to look at.

    Attributes:
        name: by which it is suspended, resumed, removed.
        keys: the hyperparameters it governs.
        state: in words: "patience 1/3".
        suspended: why it does not act, or None while it does.
        fired: (step, reason) on the way to here, the last ones.
        kind: the name of its class.
    """

    name: str
    policy: Policy | None
    keys: tuple[str, ...]
    state: str
    suspended: str | None
    fired: tuple[tuple[int, str], ...]

    kind: str = ""

    @property
    def active(self) -> bool:
        """Whether it acts."""
        return self.suspended is None

    @property
    def suspended_by_hand(self) -> bool:
        """Whether it does not act because a person suspended it, or changed what it governs."""
        return self.suspended is not None and BY_HAND in self.suspended

    @property
    def notice(self) -> str | None:
        """That it does not act and why, as a sentence; None while it does."""
        return f"{self.name} does not act: {self.suspended}." if self.suspended else None


@dataclass(eq=False)
class Entry:
    """One rule of a run. `policy` is None while a class of the user's own was not given yet in this process."""

    name: str
    kind: str
    policy: Policy | None
    suspended: str | None = None
    fired: list[tuple[int, str]] = field(default_factory=list)
    waiting: dict[str, Any] = field(default_factory=dict)
    """The state of a rule that was not given yet."""

    def record(self) -> PolicyRecord:
        """The rule as plain data."""
        return {
            "name": self.name, "kind": self.kind, "arguments": self.policy.arguments() if self.policy else None,
            "state": self.policy.state_dict() if self.policy else dict(self.waiting),
            "suspended": self.suspended, "fired": list(self.fired),
        }  # fmt: skip

    def status(self) -> PolicyStatus:
        """The rule, to look at."""
        policy = self.policy
        words = said_of(policy, "words") if policy else "not given in this process"
        keys = tuple(policy.keys) if policy else ()
        return PolicyStatus(self.name, policy, keys, words, self.suspended, tuple(self.fired), self.kind)


@dataclass(frozen=True, slots=True)
class Due:
    """What a rule wants done at this boundary."""

    entry: Entry
    action: Action


def statuses(records: Sequence[PolicyRecord] | None) -> tuple[PolicyStatus, ...]:
    """The rules that a node keeps, to look at; none where an earlier version wrote it."""
    rules = Active()
    rules.load(records or [])
    return tuple(its.status() for its in rules.entries)


class Active:
    """The rules in force. Used by the thread that trains.

    Attributes:
        entries: in the order in which they were added; replaced, never edited in place.
        revision: rises with everything that can be seen of them.
    """

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        """Begin with these rules."""
        self.entries: tuple[Entry, ...] = ()
        self.revision = 0
        self._reads_history = False
        self._known: dict[str, Policy] = {}
        for policy in policies:
            self.add(policy)

    @property
    def reads_history(self) -> bool:
        """Whether a rule wants to see the steps."""
        return self._reads_history

    def add(self, policy: Policy, name: str | None = None) -> Entry:
        """A rule more, or the code of one that waits for it.

        Raises:
            PolicyError: it is no rule, is here already, or the name is taken.
        """
        if not isinstance(policy, Policy):
            raise PolicyError(f"{policy!r} is no rule: pass an object of retune_widget.policies, or of a subclass.")
        if name is not None and not isinstance(name, str):
            raise PolicyError(f"The name of a rule is text, not {name!r}.")
        check_keys(policy)
        if any(its.policy is policy for its in self.entries):
            raise PolicyError(f"This {type(policy).__name__} is a rule of this run already: make another object.")
        kind = type(policy).__name__
        waiting = next((its for its in self.entries if its.policy is None and its.kind == kind), None)
        if waiting is not None and name in {None, waiting.name}:
            policy.load_state_dict(waiting.waiting)
            waiting.policy, waiting.suspended = policy, None
            self._known[waiting.name] = policy
            self.revision += 1
            return waiting
        entry = Entry(self._free_name(name, kind), kind, policy)
        policy.load_state_dict(policy.start())
        check_state(policy)
        self._known[entry.name] = policy
        self._replace((*self.entries, entry))
        return entry

    def remove(self, name: str) -> Entry:
        """Take a rule out."""
        entry = self.entry(name)
        self._replace(tuple(its for its in self.entries if its is not entry))
        return entry

    def entry(self, name: "str | Policy") -> Entry:
        """The rule of this name, or of this object.

        Raises:
            PolicyError: there is none.
        """
        for its in self.entries:
            if its.name == name or (isinstance(name, Policy) and its.policy is name):
                return its
        there = ", ".join(repr(its.name) for its in self.entries) or "none"
        raise PolicyError(f"There is no rule {str(name)!r} in this run. There are: {there}.")

    def governing(self, keys: Iterable[str], known: Mapping[str, Hyperparameter]) -> list[Entry]:
        """The rules that act on one of these hyperparameters, or on one that stands for it or that it stands for."""

        def parts(full: Iterable[str]) -> set[str]:
            return {part for key in full for part in (known[key].members if key in known else ()) or (key,)}

        changed = parts(keys)
        return [
            its for its in self.entries
            if its.suspended is None and its.policy is not None
            and any(changed & parts(full_keys(key, known)) for key in its.policy.keys)
        ]  # fmt: skip

    def update(
        self, step: int, elapsed: float, measured: Measured, values: Mapping[str, Value], past: Past
    ) -> list[Due]:
        """Show the rules a step; returns what they want done. A rule that raises something is suspended."""
        due: list[Due] = []
        for entry in self.entries:
            policy = entry.policy
            if entry.suspended is not None or policy is None or isinstance(policy, NaNGuard):
                continue
            now = Now(step, measured(policy.metric), elapsed, values, past)
            if (action := self._asked(entry, now, look)) is not None:
                due.append(Due(entry, action))
        if due:
            self.revision += 1
        return due

    def begin(self, entry: Entry, now: Now) -> list[Due]:
        """Ask a rule that is new what it wants done at once."""
        action = self._asked(entry, now, lambda policy, now: policy.begin(now))
        return [] if action is None else [Due(entry, action)]

    def _asked(self, entry: Entry, now: Now, ask: Callable[[Policy, Now], Action | None]) -> Action | None:
        if entry.policy is None:
            return None
        try:
            action = ask(entry.policy, now)
            if not is_built_in(entry.policy):
                check_state(entry.policy)
        except Exception as error:  # noqa: BLE001  # a rule is the user's code: training goes on without it
            entry.suspended = f"it raised {error!r} at step {now.step:,}"
            if not is_kept(entry.policy):
                entry.policy.load_state_dict(entry.policy.start())
            self.revision += 1
            return None
        return action

    def note_firing(self, entry: Entry, step: int, reason: str) -> None:
        """A rule did something."""
        entry.fired = [*entry.fired[1 - FIRINGS :], (step, reason)]
        self.revision += 1

    def edited(self) -> None:
        """Say that something can be seen that was not there before."""
        self.revision += 1

    def record(self) -> list[PolicyRecord]:
        """The rules as plain data."""
        return [its.record() for its in self.entries]

    def load(self, records: Sequence[PolicyRecord]) -> None:
        """Put the rules back to a record. Those of the package are made again where they are not known."""
        self._replace(tuple(self._entry_of(its) for its in records))

    def _entry_of(self, its: PolicyRecord) -> Entry:
        policy, suspended = self._known.get(its["name"]), its["suspended"]
        fired = [(int(step), reason) for step, reason in its["fired"]]
        try:
            if policy is None and its["arguments"] is not None and its["kind"] in BUILT_IN:
                policy = BUILT_IN[its["kind"]](**its["arguments"])
                self._known[its["name"]] = policy
            if policy is not None:
                policy.load_state_dict(its["state"])
                policy.words  # noqa: B018  # reads all of a state
        except (KeyError, TypeError, ValueError) as error:
            suspended = f"what was kept of it cannot be used: {error!r}"
            if policy is not None:
                policy.load_state_dict(policy.start())
        if policy is None:
            suspended = MISSING if its["arguments"] is None else suspended
        return Entry(its["name"], its["kind"], policy, suspended, fired, dict(its["state"]))

    def _replace(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self._reads_history = any(not isinstance(its.policy, NaNGuard) for its in entries)
        self.revision += 1

    def _free_name(self, name: str | None, kind: str) -> str:
        if name is not None:
            if name in self._known or not name:
                raise PolicyError(f"A rule of this run is or was called {name!r}: choose another name.")
            return name
        free, number = kind, 2
        while free in self._known:
            free, number = f"{kind} ({number})", number + 1
        return free
