"""The widget: the parts side by side, and what keeps them alive, fed and answered."""

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from retune_widget.run import Run
from retune_widget.view import access
from retune_widget.view.chartbar import CHOICES
from retune_widget.view.charts import Charts
from retune_widget.view.controls import Controls
from retune_widget.view.details import Details
from retune_widget.view.intents import Intents
from retune_widget.view.kernel import answer_beside_a_busy_cell, family
from retune_widget.view.part import is_open
from retune_widget.view.pump import Pump
from retune_widget.view.state import ViewState
from retune_widget.view.toolbar import Toolbar
from retune_widget.view.tree_view import TreeView

if TYPE_CHECKING:
    from retune_widget.view.part import Part

SIDE = {"flex": "1 1 250px", "min_width": "230px"}


class RetuneWidget(ipywidgets.VBox):
    """What a run looks like in a notebook. Every part can be displayed alone.

    It holds its run only while a page shows it; it closes itself when the run is gone.

    Attributes:
        toolbar: run, pause, step, stop; where the run is.
        controls: a slider and an exact field for each hyperparameter.
        charts: a metric and a hyperparameter over the steps.
        tree: branches and nodes; `tree.selected` is a node's id.
        details: the selected node.
    """

    def __init__(self, run: Run) -> None:
        self._run = weakref.ref(run)
        self._held: Run | None = None
        self._drawn: object = None
        self._drawn_charts: object = None
        self._closing = threading.Lock()
        self._is_closed = False
        self._run_closed = False
        self.state = ViewState()
        self.pump = Pump(self._draw, self._is_watched, self._close_all)
        self.toolbar, self.tree = Toolbar(), TreeView()
        self.controls, self.charts, self.details = Controls(**SIDE, max_width="320px"), Charts(), Details(**SIDE)
        self._parts: tuple[Part, ...] = (self.toolbar, self.controls, self.charts.bar, self.tree, self.details)
        intents = Intents(self._run, self.state, self.pump, self.charts.reset_zoom)
        for part in self._parts:
            part.on_msg(intents.receive)
            part.observe(self._opened_or_closed, names=["_view_count"])
        self.tree.observe(self._chosen, names=["selected"])
        self.charts.bar.observe(self._chosen, names=list(CHOICES))
        super().__init__([self.toolbar, self._middle(), self.tree], layout={"width": "100%"})
        self.add_class("retune")
        for widget in family(self):
            answer_beside_a_busy_cell(widget)
        weakref.finalize(run, self.pump.end).atexit = False

    @property
    def error(self) -> Exception | None:
        """The last exception while drawing, which never stops training; None as long as all was well."""
        return self.pump.error

    def displayed(self) -> None:
        """The widget is about to be shown: bring it up to date first, and keep it so while a page shows it.

        bqplot loses lines and axes that come or go while a page is building its figure.
        """
        self._held = self._run()
        self.pump.draw_now()

    def close(self) -> None:
        """Take the widget off every page and free it. The run is not touched."""
        self.pump.end()
        self.pump.join()

    def _middle(self) -> ipywidgets.HBox:
        parts = [self.controls, self.charts, self.details]
        return ipywidgets.HBox(parts, layout={"width": "100%", "flex_flow": "row wrap", "align_items": "stretch"})

    def _is_watched(self) -> bool:
        return not self._run_closed and any(is_open(part) for part in self._parts)

    def _opened_or_closed(self, change: Mapping[str, Any]) -> None:
        if (change["new"] or 0) > (change["old"] or 0):
            self.charts.opened()
        watched = any(is_open(part) for part in self._parts)
        self._held = self._run() if watched and not self._run_closed else None
        if watched:
            self.pump.post()

    def _chosen(self, _change: object) -> None:
        if threading.current_thread().name != "retune-pump":
            self.pump.post(frame="full")

    def _draw(self, charts: bool) -> bool:
        run = self._run()
        if run is None:
            return False
        revisions = access.revisions(run)
        now = (revisions, self.state.revision, self.tree.selected, repr(self.pump.error))
        news = now != self._drawn
        if news:
            self._drawn = now
            self._attempt(lambda: self.toolbar.update(run, self.state, self.pump.error))
            self._attempt(lambda: self.controls.update(run, self.state))
            self._attempt(lambda: self.tree.update(run))
            self._attempt(lambda: self.details.update(run, self.tree.selected))
        chosen = (now, *self.charts.choices)
        if charts and chosen != self._drawn_charts and not self.charts.is_opening:
            news, self._drawn_charts = True, chosen
            self._attempt(lambda: self.charts.update(run, self.tree.selected))
        if revisions.closed:
            self._run_closed, self._held = True, None
        return news

    def _attempt(self, update: Callable[[], None]) -> None:
        try:
            update()
        except Exception as error:  # noqa: BLE001  # kept and logged; the other parts go on
            self.pump.keep(error)

    def _close_all(self) -> None:
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        self._held = None
        for widget in list(family(self)):
            if widget is not self:
                widget.close()
        super().close()
