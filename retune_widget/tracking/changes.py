"""A change of hyperparameters as it was acknowledged."""

from dataclasses import dataclass

from retune_widget.engine.claims import Claim
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.value_changes import Governing, ValueChange, change_label


@dataclass(frozen=True, eq=False)
class Change:
    """What `run.set` did.

    Attributes:
        branch, step: where it was applied: `step` steps were completed; number `step + 1` is the first to use it.
        values: what changed; empty if every value was in force already.
        node: holds the state from before; None if nothing changed.
        author: `user`, or who else asked for it.
        note: the person's words.
    """

    branch: Branch
    step: int
    values: tuple[ValueChange, ...]
    node: Node | None
    author: str
    note: str

    @property
    def used_from(self) -> int:
        """The number of the first step that uses the new values."""
        return self.step + 1

    @property
    def notices(self) -> tuple[str, ...]:
        """What the person should know: a value that is late, a field that follows."""
        return tuple(f"{value.key}: {value.notice}" for value in self.values if value.notice)

    def __repr__(self) -> str:
        what = change_label(self.values) or "nothing changed"
        return "; ".join([f"Change({what}, used from step {self.used_from}", *self.notices]) + ")"


def merged(earlier: tuple[ValueChange, ...], later: tuple[ValueChange, ...]) -> tuple[ValueChange, ...]:
    """Changes at one boundary as one: from the first old value to the last new one."""
    changes: dict[str, ValueChange | None] = {change.key: change for change in earlier}
    for change in later:
        first = changes.get(change.key)
        changes[change.key] = change if first is None else first.then(change)
    return tuple(change for change in changes.values() if change is not None)


def as_made(claim: Claim) -> ValueChange:
    """What is kept of a planned change."""
    change, shift = claim
    governing = None
    if shift is not None:
        before, after = (its.record() if its is not None else None for its in (shift.before, shift.after))
        governing = Governing(before, after, shift.text)
    return ValueChange(change.hyperparameter.key, change.old, change.new, change.notice, governing)
