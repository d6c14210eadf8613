"""A mark at each change: where it stands, what it says, and which labels there is room for. No widgets."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from retune_widget.tracking.tree import Node, brief_label
from retune_widget.view.firings import LONGEST, Firing, act_of, rule_of

MOST_LABELS = 20
ROWS = 4
DIAMOND = "◆"
ENDINGS = ("pause", "stop")
CHARACTER = 0.016
"""The width of a character, as a part of a chart's width of some 350 pixels."""
FIRST_ROW, ROW_HEIGHT = 0.975, 0.06
"""Where labels stand, as parts of the chart's height."""


class ChangeMark(NamedTuple):
    """A dashed line at the step after which new values were used."""

    step: int
    text: str
    colour: str


class PlacedLabel(NamedTuple):
    """A label at its line: the step, a part of the chart's height, and whether it stands left of the line."""

    x: float
    y: float
    text: str
    colour: str
    left: bool


def change_marks(nodes: Iterable[Node], colours: Mapping[int, str], firings: Iterable[Firing] = ()) -> list[ChangeMark]:
    """The changes on the branches that have a colour here, oldest first; those alike at one step once.

    Where a rule paused or ended the run without changing a value, that is marked too.
    """
    marks: dict[tuple[int, str], ChangeMark] = {}
    for node in nodes:
        if node.changes and node.branch.id in colours:
            rule = rule_of(node)
            text = f"{DIAMOND} {act_of(rule, node.changes)}" if rule else brief_label(node.changes)
            text = text if rule or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
            marks.setdefault((node.step, text), ChangeMark(node.step, text, colours[node.branch.id]))
    for its in firings:
        if its.event in ENDINGS and its.branch in colours:
            text = f"{DIAMOND} {its.rule}: {its.event}"
            marks.setdefault((its.step, text), ChangeMark(its.step, text, colours[its.branch]))
    return list(marks.values())


def placed_labels(marks: Iterable[ChangeMark], low: float, high: float) -> list[PlacedLabel]:
    """Labels that do not overlap, the newest first, for a chart that shows the steps from low to high.

    Labels for which there is no room are left out; their lines stay.
    """
    width = max(high - low, 1e-9)
    taken: list[list[tuple[float, float]]] = [[] for _ in range(ROWS)]
    placed: list[PlacedLabel] = []
    for mark in reversed(list(marks)):
        at, length = (mark.step - low) / width, CHARACTER * (len(mark.text) + 1)
        if not 0 <= at <= 1 or len(placed) == MOST_LABELS:
            continue
        left = at + length > 1
        begin = at - length if left else at
        for row, spans in enumerate(taken):
            if all(begin >= end or begin + length <= start for start, end in spans):
                spans.append((begin, begin + length))
                placed.append(PlacedLabel(float(mark.step), FIRST_ROW - row * ROW_HEIGHT, mark.text, mark.colour, left))
                break
    return placed
