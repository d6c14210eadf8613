"""Diamonds at the lower edge of the metric chart: where rules fired, and hollow ones, where one would have."""

from collections.abc import Mapping, Sequence

import bqplot
import numpy as np

from retune_widget.view.figures import GREY, fill
from retune_widget.view.firings import Firing
from retune_widget.view.trials import Trial

FIRED_AT, TRIED_AT = 0.035, 0.1
"""Heights, as parts of the chart's: the one never covers the other."""
SIZE = 70
Place = tuple[int, str]
"""A step and a colour."""


class RuleMarks:
    """The two marks.

    Attributes:
        marks: to be put into a figure.
    """

    def __init__(self, x: bqplot.Scale) -> None:
        scales = {"x": x, "y": bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)}
        self._fired, self._tried = (
            bqplot.Scatter(
                x=[0.0], y=[0.0], visible=False, scales=scales, marker="diamond", default_size=SIZE, colors=[GREY],
                fill=is_filled, stroke_width=1.5, preserve_domain={"x": True},
            )
            for is_filled in (True, False)
        )  # fmt: skip
        self.marks: list[bqplot.Mark] = [self._fired, self._tried]
        self._shown: dict[bqplot.Mark, tuple[Place, ...]] = {}

    def show(
        self, firings: Sequence[Firing], trial: Trial | None, colours: Mapping[int, str], ids: Mapping[str, int]
    ) -> None:
        """Draw those on the branches that have a colour.

        Args:
            firings: what rules did.
            trial: what one would have done.
            colours: by the id of the branch.
            ids: of the branches by their names.
        """
        fired = [(its.step, colours[its.branch]) for its in firings if its.branch in colours and its.event != "branch"]
        tried = [
            (step, colours[ids[name]]) for name, step in (trial.marks if trial else ()) if ids.get(name) in colours
        ]
        self._show(self._fired, fired, FIRED_AT)
        self._show(self._tried, tried, TRIED_AT)

    def _show(self, mark: bqplot.Mark, places: Sequence[Place], height: float) -> None:
        places = tuple(dict.fromkeys(places))
        if self._shown.get(mark, ()) == places:
            return
        self._shown[mark] = places
        fill(
            mark,
            bool(places),
            x=np.array([float(step) for step, _ in places] or [0.0]),
            y=np.full(max(1, len(places)), height),
            colors=[colour for _, colour in places] or [GREY],
        )
