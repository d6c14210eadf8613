"""The charts: a metric over the steps, one colour a branch, and below it a hyperparameter on the same steps."""

import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import bqplot
import ipywidgets
import numpy as np

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Tree
from retune_widget.view.ahead import parted
from retune_widget.view.change_marks import ChangeMark, change_marks
from retune_widget.view.chartbar import ChartBar, read_out
from retune_widget.view.colours import colour_of, colours_of
from retune_widget.view.figures import EMPTY, Lines, Pane
from retune_widget.view.gradient_pane import NORM, GradientPane
from retune_widget.view.kernel import family
from retune_widget.view.outlook import Outlook
from retune_widget.view.reduce import Floats
from retune_widget.view.retired import Retired
from retune_widget.view.rule_marks import RuleMarks
from retune_widget.view.series import (
    LineName,
    families,
    is_training,
    metric_points,
    shown_branches,
    value_points,
    wanted_lines,
)

if TYPE_CHECKING:
    from retune_widget.tracking.tree import Branch

OPENING = 1.0
"""Seconds that a page is given to build the figures."""
PAST = 2
"""The axis reaches so far into what is to come that what was has half of it."""
MetricLine = tuple[LineName, bool]
Place = tuple[list[ChangeMark], float, float, int | None]
"""The marks of the changes, the first and the last step in sight, and the selected one."""


class ValueLine(NamedTuple):
    """One line of the lower chart: of values that were used, or, dotted, of those to come; far ones move no axis."""

    branch: int
    key: str
    log: bool
    part: Literal["used", "near", "far"] = "used"


class Charts(ipywidgets.VBox):
    """Follow a run. Their parts are `bar`, `metric` and `values`."""

    def __init__(self) -> None:
        self.bar = ChartBar()
        self._x = bqplot.LinearScale(min=0.0, max=EMPTY, allow_padding=False)
        self._retired = Retired()
        self._rules = RuleMarks(self._x)
        self.metric = Pane(self._x, self._retired, 290, steps_below=False, above=self._rules.marks)
        self.values = Pane(self._x, self._retired, 120, steps_below=True)
        self._metric_lines: Lines[MetricLine] = Lines(
            self.metric.figure, self._retired, self._make_metric_line, lambda line: not is_training(line[0].metric)
        )
        self._gradient: GradientPane | None = None
        self._has_strip = False
        self._value_lines: Lines[ValueLine] = Lines(self.values.figure, self._retired, self._make_value_line)
        self._branches: dict[int, Branch] = {}
        self._empty = True
        self._room = 0.0
        self._opening = 0.0
        super().__init__(
            [self.bar, self.metric.figure, self.values.figure],
            layout={"flex": "8 1 420px", "min_width": "0", "overflow": "hidden"},
            _view_count=0,
        )
        self.add_class("retune-charts")

    @property
    def choices(self) -> tuple[object, ...]:
        """What the person chose to see: equal as long as nothing was chosen anew, zoom and pan included."""
        return (*self.bar.choices, self._x.min, self._x.max)

    def close(self) -> None:
        """Free it, and what it showed before."""
        self._retired.free(everything=True)
        if self._gradient is not None and not self._has_strip:  # else it is closed with the other children
            for widget in list(family(self._gradient.pane.figure)):
                widget.close()
        super().close()

    @property
    def is_opening(self) -> bool:
        """Whether a page is building the figures. bqplot loses lines and axes that come or go meanwhile."""
        return time.monotonic() < self._opening

    def opened(self) -> None:
        """A page begins to build the figures: draw nothing new for a moment."""
        self._opening = time.monotonic() + OPENING

    def reset_zoom(self) -> None:
        """Show all steps again."""
        with self._x.hold_sync():
            self._x.min, self._x.max = (0.0, EMPTY) if self._empty else (None, None)

    def update(self, look: Outlook, selected: str | None) -> None:
        """Draw what is new."""
        history, tree = look.history, look.tree
        groups = families(history.names("metric"))
        self.bar.offer(list(groups), list(history.names("hyperparameter")) or list(look.keys))
        step, head = look.head.step, look.head_branch
        branches = shown_branches(tree, head)
        self._branches = {branch.id: branch for branch in branches}
        tips = {branch.id: history.tip(branch) for branch in branches}
        ahead = look.ahead(self.bar.hyperparameter)
        self._scale_steps(tips, look.planned or (ahead[0].max() if len(ahead[0]) else None))
        self._room = min(ahead[0].max(), PAST * step) if len(ahead[0]) else 0.0
        metrics = groups.get(self.bar.metric, [])
        self._draw_metric(tree, history, metrics, tips)
        self._draw_values(look, tips, ahead)
        chosen = next((node.step for node in tree.nodes if node.id == selected), None)
        colours = colours_of(branches)
        # A step that was stopped is the one after the tip: it has no place on the axis yet.
        firings = [its._replace(step=min(its.step, tips.get(its.branch, its.step))) for its in look.firings]
        marks = change_marks(tree.nodes, colours, firings)
        self._rules.show(firings, look.trial, colours, {branch.name: branch.id for branch in branches})
        low, high = self._visible_steps(tips)
        for pane, labels in ((self.metric, True), (self.values, False)):
            pane.show_changes(marks, low, high, labels=labels)
            pane.show_cursor(chosen)
            pane.tick_steps(low, high)
        self._show_gradient(look, branches, tips, (marks, low, high, chosen))
        self._retired.free()
        self.metric.fit(self._metric_lines.in_sight(low, high))
        self.values.fit(self._value_lines.in_sight(low, high))
        readout = read_out(tree, history, branches, metrics, step if chosen is None else chosen)
        self.bar.tell(branches, head, len(tree.branches) - len(branches), readout)

    def _show_gradient(self, look: Outlook, branches: "list[Branch]", tips: dict[int, int], place: Place) -> None:
        """Draw the gradient's norm if it is wanted. A page finds its figure whole, and builds it in peace."""
        has = NORM in look.history.names("metric")
        self.bar.show(has_gradient=has)
        wanted = has and self.bar.gradient
        if wanted:
            self._gradient = self._gradient or GradientPane(self._x, self._retired)
            self._gradient.update(look.tree, look.history, branches, tips)
            self._gradient.place(*place)
        if wanted != self._has_strip:
            self._has_strip = wanted
            strip = [self._gradient.pane.figure] if wanted and self._gradient is not None else []
            self.children = [self.bar, self.metric.figure, *strip, self.values.figure]
            self.opened()

    def _scale_steps(self, tips: dict[int, int], planned: float | None) -> None:
        empty = not any(tips.values())
        if empty:
            self._x.max = float(planned or EMPTY)
        elif self._empty:
            self._empty = False
            self.reset_zoom()
        self._empty = empty

    def _visible_steps(self, tips: dict[int, int]) -> tuple[float, float]:
        low, high = self._x.min, self._x.max
        return (0.0 if low is None else low), (max(self._room, *tips.values()) if high is None else high)

    def _draw_metric(self, tree: Tree, history: History, metrics: list[str], tips: dict[int, int]) -> None:
        log, smoothing = self.bar.log_y, self.bar.smoothing
        self.metric.rescale(log=log)
        names = [(name, log) for name in wanted_lines(list(self._branches.values()), metrics, smoothing=smoothing)]

        def points(line: MetricLine) -> tuple[Floats, Floats]:
            (branch, metric, layer), _ = line
            factor = smoothing if layer == "smooth" else 0.0
            x, y = metric_points(tree, history, self._branches[branch], metric, factor)
            return x, np.where(y > 0, y, np.nan) if log else y

        def version(line: MetricLine) -> object:
            name = line[0]
            return tips[name.branch], smoothing if name.layer == "smooth" else 0.0

        self._metric_lines.draw(names, version, points, above=self.metric.over)

    def _draw_values(self, look: Outlook, tips: dict[int, int], ahead: tuple[Floats, Floats]) -> None:
        tree, history, key, head = look.tree, look.history, self.bar.hyperparameter, look.head_branch.id
        drawn = [value_points(tree, history, branch, key)[1] for branch in self._branches.values()]
        log = look.is_log(key) and any(bool(np.any(y > 0)) for y in (*drawn, ahead[1]))
        self.values.rescale(log=log)

        parts = dict(zip(("near", "far"), parted(*ahead, self._room), strict=True))

        def points(line: ValueLine) -> tuple[Floats, Floats]:
            used = line.part == "used"
            x, y = value_points(tree, history, self._branches[line.branch], key) if used else parts[line.part]
            return x, np.where(y > 0, y, np.nan) if log else y

        def version(line: ValueLine) -> object:
            return tips[line.branch] if line.part == "used" else [its.tobytes() for its in parts[line.part]]

        names = [ValueLine(branch, key, log) for branch in self._branches]
        names += [ValueLine(head, key, log, "near"), ValueLine(head, key, log, "far")]
        self._value_lines.draw(names, version, points, above=self.values.over)

    def _make_metric_line(self, line: MetricLine) -> bqplot.Lines:
        name = line[0]
        noisy = is_training(name.metric)
        style: dict[str, Any] = {"stroke_width": 2.5, "opacities": [1.0]}
        if name.layer == "raw":
            style = {"stroke_width": 1.0, "opacities": [0.3]}
        elif noisy:
            style = {"stroke_width": 1.2, "opacities": [0.85 if name.layer == "smooth" else 0.5]}
        return self._line(name.branch, self.metric, **style)

    def _make_value_line(self, line: ValueLine) -> bqplot.Lines:
        if line.part != "used":
            dotted = {"line_style": "dotted", "preserve_domain": {"x": line.part == "far"}}
            return self._line(line.branch, self.values, stroke_width=1.5, **dotted)
        return self._line(line.branch, self.values, stroke_width=2, interpolation="step-after")

    def _line(self, branch: int, pane: Pane, **style: Any) -> bqplot.Lines:
        return bqplot.Lines(
            x=np.zeros(0), y=np.zeros(0), scales={"x": self._x, "y": pane.y},
            colors=[colour_of(self._branches[branch])], marker_size=24, **style,
        )  # fmt: skip
