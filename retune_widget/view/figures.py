"""The two figures: marks and axes of bqplot, made anew only where something else is to be drawn."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import bqplot
import numpy as np

from retune_widget.view.change_marks import ChangeMark, placed_labels
from retune_widget.view.reduce import Floats, reduced
from retune_widget.view.retired import Retired
from retune_widget.view.ticks import LOWEST, linear_axis, log_axis, with_margin

if TYPE_CHECKING:
    from retune_widget.view.change_marks import PlacedLabel

Name = TypeVar("Name")
GREY = "#8a94a6"
MARGIN = {"left": 58, "right": 22}
MARKED = 40
"""Lines of no more points than this may show each of them."""
SMALL = 150
"""Pixels up to which a figure has few ticks, and a margin around its lines."""
EMPTY = 100.0
"""Steps that an empty chart shows."""


class Lines(Generic[Name]):
    """The lines of a figure by name: new data goes to a line only if its own has changed."""

    def __init__(
        self,
        figure: bqplot.Figure,
        retired: Retired,
        make: Callable[[Name], bqplot.Lines],
        is_dotted: Callable[[Name], bool] = lambda _name: False,
    ) -> None:
        """`make` makes the line of a name; `is_dotted` says whether it shows its points while they are few."""
        self._figure, self._retired, self._make, self._is_dotted = figure, retired, make, is_dotted
        self._marks: dict[Name, bqplot.Lines] = {}
        self._drawn: dict[Name, object] = {}
        self._points: dict[Name, tuple[Floats, Floats]] = {}

    def draw(
        self,
        names: Sequence[Name],
        version: Callable[[Name], object],
        points: Callable[[Name], tuple[Floats, Floats]],
        *,
        above: Sequence[bqplot.Mark],
    ) -> None:
        """Show exactly these lines, in this order, below the other marks.

        Args:
            names: the lines.
            version: equal as long as a line's points are.
            points: a line's x and y.
            above: the other marks of the figure.
        """
        for name in names:
            if name not in self._marks:
                self._marks[name] = self._make(name)
            now = version(name)
            if name not in self._drawn or self._drawn[name] != now:
                self._drawn[name] = now
                x, y = reduced(*points(name))
                self._points[name] = x, y
                mark = self._marks[name]
                with mark.hold_sync():
                    mark.x, mark.y = x, y
                    mark.marker = "circle" if self._is_dotted(name) and len(x) <= MARKED else None
        marks = [*(self._marks[name] for name in names), *above]
        gone = [name for name in self._marks if name not in set(names)]
        if marks != self._figure.marks:
            self._figure.marks = marks
        for name in gone:
            self._drawn.pop(name)
            self._points.pop(name)
            self._retired.add(self._marks.pop(name))

    def in_sight(self, low: float, high: float) -> list[Floats]:
        """The values that stand between these steps."""
        return [y[(x >= low) & (x <= high)] for x, y in self._points.values()]


class Pane:
    """A figure with a y axis of its own on the shared steps, and dashed lines at the changes."""

    def __init__(
        self, x: bqplot.Scale, retired: Retired, height: int, *, steps_below: bool, above: Sequence[bqplot.Mark] = ()
    ) -> None:
        """`above`: marks of its own, over all others."""
        self._x, self._retired, self._steps_below, self._above = x, retired, steps_below, list(above)
        self._ticks = 5 if height > SMALL else 2
        self.y: bqplot.Scale = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        unit = {"x": x, "y": bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)}
        nothing = {"x": np.zeros((1, 2)), "y": np.zeros((1, 2)), "visible": False, "scales": unit}
        self._changes = bqplot.Lines(
            **nothing, line_style="dashed", stroke_width=1, colors=[GREY], opacities=[0.8], preserve_domain={"x": True}
        )
        self._cursor = bqplot.Lines(**nothing, stroke_width=1, colors=[GREY], preserve_domain={"x": True})
        self._labels = [
            bqplot.Label(
                x=[0.0], y=[0.0], text=[""], visible=False, scales=unit, default_size=10.5, font_weight="normal",
                x_offset=offset, align=align, preserve_domain={"x": True},
            )
            for align, offset in (("start", 3), ("end", -3))
        ]  # fmt: skip
        self.figure = bqplot.Figure(
            marks=self.over,
            axes=self._axes(),
            fig_margin={"top": 6, "bottom": 24 if steps_below else 6, **MARGIN},
            min_aspect_ratio=0.05,
            max_aspect_ratio=50,
            background_style={"fill": "transparent"},
            layout={"width": "100%", "height": f"{height}px", "min_width": "0"},
            interaction=bqplot.PanZoom(scales={"x": [x]}),
            animation_duration=0,
            **({"display_toolbar": False} if "display_toolbar" in bqplot.Figure.class_trait_names() else {}),  # 0.13
        )
        self.figure.add_class("retune-figure")
        self._placed: object = None
        self._at: int | None = None

    @property
    def over(self) -> list[bqplot.Mark]:
        """The marks above the lines."""
        return [self._changes, self._cursor, *self._labels, *self._above]

    def rescale(self, *, log: bool) -> None:
        """Use another kind of y scale from now on."""
        kind = bqplot.LogScale if log else bqplot.LinearScale
        if not isinstance(self.y, kind):
            self._retired.add(self.y, *self.figure.axes)
            self.y = kind(min=LOWEST if log else 0.0, max=1.0, allow_padding=False)
            self.figure.axes = self._axes()

    def fit(self, values: Sequence[Floats]) -> None:
        """Fit the y axis to what is in sight. bqplot's own fit fails on a logarithmic scale without points."""
        log = isinstance(self.y, bqplot.LogScale)
        spans = [(float(np.nanmin(y)), float(np.nanmax(y))) for y in values if not np.all(np.isnan(y))]
        low = min((span[0] for span in spans), default=LOWEST if log else 0.0)
        high = max((span[1] for span in spans), default=1.0)
        low, high, ticks = (log_axis if log else linear_axis)(low, high, self._ticks)
        if self._ticks == 2:  # noqa: PLR2004  # a small one
            low, high = with_margin(low, high, log=log)
        if (self.y.min, self.y.max) != (low, high):
            with self.y.hold_sync():
                self.y.min, self.y.max = low, high
        _tick(self._values, ticks)

    def tick_steps(self, low: float, high: float) -> None:
        """Put ticks between these steps."""
        _tick(self._steps, [step for step in linear_axis(low, high)[2] if low <= step <= high])

    def _axes(self) -> list[bqplot.Axis]:
        self._steps = bqplot.Axis(
            scale=self._x, tick_format=",.1~f", grid_lines="solid",
            tick_style={} if self._steps_below else {"display": "none"},
        )  # fmt: skip
        self._values = bqplot.Axis(scale=self.y, side="left", tick_format=".3~g", grid_lines="solid")
        return [self._steps, self._values]

    def show_changes(self, marks: Sequence[ChangeMark], low: float, high: float, *, labels: bool) -> None:
        """Draw the dashed lines, and as many labels as there is room for between these steps."""
        if (drawn := (tuple(marks), low, high)) == self._placed:
            return
        self._placed = drawn
        steps = np.array([[mark.step, mark.step] for mark in marks], np.float64).reshape(-1, 2)
        fill(
            self._changes,
            bool(marks),
            x=steps if marks else np.zeros((1, 2)),
            y=np.tile([0.0, 1.0], (max(1, len(marks)), 1)),
            colors=[mark.colour for mark in marks] or [GREY],
        )
        placed: list[PlacedLabel] = placed_labels(marks, low, high) if labels else []
        for mark, left in zip(self._labels, (False, True), strict=True):
            mine = [label for label in placed if label.left is left]
            fill(
                mark,
                bool(mine),
                x=np.array([label.x for label in mine] or [0.0]),
                y=np.array([label.y for label in mine] or [0.0]),
                text=[label.text for label in mine] or [""],
                colors=[label.colour for label in mine] or [GREY],
            )

    def show_cursor(self, step: int | None) -> None:
        """Draw a line at the selected node's step."""
        if step != self._at:
            self._at = step
            at = float(step or 0)
            fill(self._cursor, step is not None, x=np.array([[at, at]]), y=np.array([[0.0, 1.0]]))


def _tick(axis: bqplot.Axis, ticks: list[float]) -> None:
    if axis.tick_values is None or list(axis.tick_values) != ticks:
        axis.tick_values = np.array(ticks)


def fill(mark: bqplot.Mark, visible: bool, **traits: Any) -> None:
    """Write a mark's data at once. A mark without any keeps a point that is not drawn: bqplot fails on none."""
    with mark.hold_sync():
        for name, value in traits.items():
            setattr(mark, name, value)
        mark.visible = visible
