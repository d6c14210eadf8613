"""A rule tried out on what is recorded: where it would have fired, as marks and in words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from retune_widget.policies.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 6
"""Steps that are named for each branch."""


class Trial(NamedTuple):
    """What a dry run gave.

    Attributes:
        aim: what the rule watches and moves.
        text: how often it would have fired, and where.
        times: how often.
        marks: (branch name, step) of each.
    """

    aim: str
    text: str
    times: int
    marks: tuple[tuple[str, int], ...]


def try_out(policy: Policy, history: "pd.DataFrame") -> Trial:
    """Show a rule the recorded history; nothing is done."""
    if not len(history):
        return Trial(policy.aim, "Nothing is recorded yet: train some steps, then try it out.", 0, ())
    rows = policy.dry_run(history)
    branches = history["branch"].tolist()
    marks = tuple(dict.fromkeys(zip(rows["branch"].tolist(), map(int, rows["step"]), strict=True)))
    return Trial(
        policy.aim, in_words(list(dict.fromkeys(branches)), marks, int(history["step"].max())), len(marks), marks
    )


def in_words(branches: list[str], marks: Iterable[tuple[str, int]], last: int) -> str:
    """For example: It would have fired 3 times: on main at step 40 and 80; on low lr at step 60."""
    steps = {branch: [step for name, step in marks if name == branch] for branch in branches}
    count = sum(map(len, steps.values()))
    if not count:
        return f"It would not have fired in the {last:,} steps so far."
    times = "once" if count == 1 else f"{count} times"
    fired = {branch: its for branch, its in steps.items() if its}
    parts = [f"{f'on {branch} ' if len(branches) > 1 else ''}at step {_listed(its)}" for branch, its in fired.items()]
    return f"It would have fired {times}: {'; '.join(parts)}."


def _listed(steps: list[int]) -> str:
    named = [f"{step:,}" for step in steps[:MOST_NAMED]]
    if len(steps) > MOST_NAMED:
        return f"{', '.join(named)}, … ({len(steps)})"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
