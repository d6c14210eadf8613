"""The strip of the gradient's norm, with the limit that clips it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import bqplot
import numpy as np

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Tree
from retune_widget.view.change_marks import ChangeMark
from retune_widget.view.colours import colour_of
from retune_widget.view.figures import GREY, Lines, Pane
from retune_widget.view.retired import Retired
from retune_widget.view.series import metric_points, value_points

if TYPE_CHECKING:
    from retune_widget.view.reduce import Floats

NORM, LIMIT = "train/grad_norm", "grad_clip"
HEIGHT = 96
LIMIT_COLOUR = "#d0453c"
Line = tuple[int, str]
"""The id of a branch, and what is drawn of it."""


class GradientPane:
    """A figure on a logarithmic scale: the norm through the steps at which it was measured, and the limit, dashed.

    Attributes:
        pane: its figure.
    """

    def __init__(self, x: bqplot.Scale, retired: Retired) -> None:
        self._x, self._branches = x, dict[int, Branch]()
        self._points: dict[Line, tuple[int, tuple[Floats, Floats]]] = {}
        unit = {name: bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False) for name in "xy"}
        title = bqplot.Label(
            x=[0.012],
            y=[0.86],
            text=["gradient norm, before clipping; dashed: grad_clip"],
            scales=unit,
            default_size=10.5,
            font_weight="normal",
            colors=[GREY],
        )
        self.pane = Pane(x, retired, HEIGHT, steps_below=False, above=[title])
        self.pane.rescale(log=True)
        self._lines: Lines[Line] = Lines(self.pane.figure, retired, self._make)

    def update(self, tree: Tree, history: History, branches: Sequence[Branch], tips: Mapping[int, int]) -> None:
        """Draw what is new of these branches."""
        self._branches = {branch.id: branch for branch in branches}

        def points(line: Line) -> "tuple[Floats, Floats]":
            known = self._points.get(line)
            if known is not None and known[0] == tips[line[0]]:
                return known[1]
            branch = self._branches[line[0]]
            if line[1] == LIMIT:
                found = limit_points(*value_points(tree, history, branch, LIMIT))
            else:
                found = measured_points(*metric_points(tree, history, branch, NORM, 0.0))
            self._points[line] = tips[line[0]], found
            return found

        wanted = [(branch.id, name) for name in (NORM, LIMIT) for branch in branches]
        names = [line for line in wanted if len(points(line)[0])]
        self._lines.draw(names, lambda line: tips[line[0]], points, above=self.pane.over)

    def place(self, marks: Sequence[ChangeMark], low: float, high: float, chosen: int | None) -> None:
        """Show these steps, the changes between them, and the selected one."""
        self.pane.show_changes(marks, low, high, labels=False)
        self.pane.show_cursor(chosen)
        self.pane.tick_steps(low, high)
        self.pane.fit(self._lines.in_sight(low, high))

    def _make(self, line: Line) -> bqplot.Lines:
        branch, name = line
        style = (
            {"stroke_width": 1.4}
            if name == NORM
            else {"stroke_width": 1.8, "line_style": "dashed", "interpolation": "step-after"}
        )
        return bqplot.Lines(
            x=np.zeros(0), y=np.zeros(0), scales={"x": self._x, "y": self.pane.y},
            colors=[colour_of(self._branches[branch]) if name == NORM else LIMIT_COLOUR], marker_size=24, **style,
        )  # fmt: skip


def measured_points(x: "Floats", y: "Floats") -> "tuple[Floats, Floats]":
    """The norms that a logarithmic scale can show; bqplot fails on a line that ends in a gap."""
    shown = np.isfinite(y) & (y > 0)
    return x[shown], y[shown]


def limit_points(x: "Floats", y: "Floats") -> "tuple[Floats, Floats]":
    """The limit while it is on: from the step at which it was set to the one at which it was switched off."""
    is_on = np.isfinite(y) & (y > 0)
    points: list[tuple[float, float]] = []
    for at, (step, value) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if is_on[at]:
            points.append((step, value))
        elif at and is_on[at - 1]:
            points += [(step, float(y[at - 1])), (step, np.nan)]
    while points and np.isnan(points[-1][1]):
        points.pop()
    pairs = np.array(points, np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
