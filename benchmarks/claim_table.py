"""The claim held against what was found: a table, and a sentence that follows from its figures."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.intervals import Answer, Interval, mean, ratio

FASTER, BETTER = 0.8, 1.05
"""The claim: at most 0.8 of the steps, at least 1.05 times the accuracy."""
FIXED = "constant"


@dataclass(frozen=True)
class Found:
    """What ten seeds of one way gave on one task.

    Attributes:
        task, way: which.
        peak: the learning rate that it was tuned to.
        reached: the step at which each seed reached the target, or None.
        test: the accuracy of each seed on the test data, at the end.
        unfinished: trainings that were stopped before a number that is not finite.
        fired: how often its rule did something, in the mean.
        censored_at: what a seed that never reached the target is counted as, in steps.
    """

    task: str
    way: str
    peak: float
    reached: Sequence[int | None]
    test: Sequence[float]
    unfinished: int
    fired: float
    censored_at: int

    @property
    def steps(self) -> list[int]:
        """Steps to the target, by seed."""
        return [self.censored_at if its is None else its for its in self.reached]


@dataclass(frozen=True)
class Cell:
    """A dynamic way beside the constant one of the same task."""

    found: Found
    fixed: Found

    @property
    def steps(self) -> Interval:
        """Steps to the target, as a part of the constant one's."""
        return ratio(self.found.steps, self.fixed.steps)

    @property
    def accuracy(self) -> Interval:
        """Test accuracy, as a multiple of the constant one's."""
        return ratio(self.found.test, self.fixed.test)

    @property
    def answers(self) -> tuple[Answer, Answer]:
        """Faster? Better? Steps that are counted too low prove nothing in their own favour."""
        faster = self.steps.is_at_most(FASTER)
        too_low = {"yes": self.found, "no": self.fixed}.get(faster)
        if too_low is not None and None in too_low.reached:
            faster = "open"
        return faster, self.accuracy.is_at_least(BETTER)


def cells(found: Sequence[Found]) -> list[Cell]:
    """Every dynamic way, beside the constant one."""
    fixed = {its.task: its for its in found if its.way == FIXED}
    return [Cell(its, fixed[its.task]) for its in found if its.way != FIXED]


def verdict(found: Sequence[Found]) -> str:
    """What the figures say of the claim, in three sentences."""
    its = cells(found)
    answers = [cell.answers for cell in its]
    count, both = len(its), answers.count(("yes", "yes"))
    refuted = sum("no" in pair for pair in answers)
    faster, better = (sum(pair[part] == "yes" for pair in answers) for part in (0, 1))
    if both == count:
        said = "The claim holds here."
    elif both:
        said = f"The claim holds in {both} of {count} cases and not as a rule."
    elif refuted:
        said = "The claim does not hold here."
    else:
        said = "The claim is left open here."
    sooner = sum(cell.steps.high < 1 and None not in cell.found.reached for cell in its)
    higher = sum(cell.accuracy.low > 1 for cell in its)
    return (
        f"**{said}** In {count} comparisons of a dynamic way to give the learning rate with the constant one, {faster} "
        f"came to the target at least 20 % faster, {better} ended at least 5 % better, and {both} did both; in "
        f"{refuted} the intervals rule out one or both. Faster at all, by the whole interval: {sooner}; better at all: "
        f"{higher}, the most in the mean by {max(cell.accuracy.figure for cell in its) - 1:.1%}."
    )


def report(found: Sequence[Found], targets: Mapping[str, float], ways: Mapping[str, Any], plan: Any) -> str:
    """Title, verdict, table, and how it was made, as Markdown."""
    compared = {(cell.found.task, cell.found.way): cell for cell in cells(found)}
    goals = " and ".join(f"{goal:g} on {name}" for name, goal in targets.items())
    no_room = [
        f"On {its.task} the constant's accuracy leaves no room for 5 % more."
        for its in found
        if its.way == FIXED and mean(its.test).figure * BETTER > 1
    ]
    lines = [
        "## Dynamic learning rates against a fixed one",
        "",
        *_prose(
            "Made by `make bench-claims`. A paper on hierarchical scheduling claims that dynamic schedules converge at "
            "least 20 % faster and end at least 5 % better than a fixed one."
        ),
        "",
        *_prose(" ".join([verdict(found), *no_room])),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *(_row(its, compared.get((its.task, its.way))) for its in found),
        "",
        *_prose(
            f"In brackets: 95 % intervals over {len(found[0].test)} seeds, by percentile bootstrap (10,000 resamples; "
            "for a ratio, seeds are drawn in pairs). *yes* and *no*: the whole interval is on that side of the limit; "
            '*open*: it is on both. "5 % better" is read as 1.05 times the accuracy, which is less than 5 points more. '
            "Seeds vary weights, order and dropout; the data and its split stay."
        ),
        "",
        *_item(
            "Ways",
            "; ".join(f"*{name}*: {way.what}" for name, way in ways.items()) + ". The rules read the validation data.",
        ),
        *_item(
            "Training",
            f"SGD, momentum 0.9, weight decay 5e-4, batches of 64, {plan.steps:,} steps, dropout 0.1; measured every "
            f"{plan.eval_every} steps. Each way is this library's own schedule or rule in a `Run`.",
        ),
        *_item(
            "Tuning",
            "The peak of each way on each task: the best mean validation accuracy at the end, over "
            f"{len(plan.tuning_seeds)} other seeds, of the same {plan.trials} quasi-random rates (Sobol, log-uniform "
            "from 0.003 to 1). So it is tuned for the end, and not for speed.",
        ),
        *_item(
            "Target",
            f"A validation accuracy of {goals}, fixed beforehand. The first measurement that is as good counts. A "
            f"training that never gets there counts as {plan.steps:,} steps, which is too few for it: such steps prove "
            "nothing in their own favour, so the answer is *open* where they would. How many got there stands beside "
            "the steps.",
        ),
        *_item(
            "Test accuracy",
            "Of the last step, on data that nothing else used. A training that was stopped because its loss or a "
            "gradient was not finite keeps the accuracy that it had.",
        ),
    ]
    return "\n".join(lines)


COLUMNS = (
    "task", "learning rate", "tuned peak", "steps to the target", "of the constant's", "≥ 20 % faster?",
    "test accuracy", "of the constant's", "≥ 5 % better?",
)  # fmt: skip


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_on_hyphens=False)


def _item(name: str, text: str) -> list[str]:
    return textwrap.wrap(f"- **{name}.** {text}", 120, subsequent_indent="  ", break_on_hyphens=False)


def _row(its: Found, cell: Cell | None) -> str:
    got_there = sum(step is not None for step in its.reached)
    steps, test = mean(its.steps), mean(its.test)
    way = its.way if its.way not in {"Plateau", "Overfit"} else f"{its.way} (fired {its.fired:.1f} times)"
    columns = [
        its.task,
        way + (f", {its.unfinished} not finite" if its.unfinished else ""),
        f"{its.peak:.2g}",
        f"{steps.figure:.0f} [{steps.low:.0f}, {steps.high:.0f}], {got_there} of {len(its.reached)}",
        f"× {_interval(cell.steps)}" if cell else "1",
        _answer(cell, 0),
        f"{test.figure:.1%} [{test.low:.1%}, {test.high:.1%}]",
        f"× {_interval(cell.accuracy, 3)}" if cell else "1",
        _answer(cell, 1),
    ]
    return f"| {' | '.join(columns)} |"


def _interval(its: Interval, digits: int = 2) -> str:
    return f"{its.figure:.{digits}f} [{its.low:.{digits}f}, {its.high:.{digits}f}]"


def _answer(cell: Cell | None, part: int) -> str:
    return "" if cell is None else cell.answers[part]
