"""The box around the parts of a widget: what keeps them alive, and when they are drawn."""

import threading
import weakref
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import ipywidgets
import traitlets

from retune_widget.tracking.record import Record
from retune_widget.view.chartbar import CHOICES
from retune_widget.view.charts import Charts
from retune_widget.view.details import Details
from retune_widget.view.kernel import answer_beside_a_busy_cell, family
from retune_widget.view.messages import Messages
from retune_widget.view.outlook import Outlook
from retune_widget.view.part import Part, is_open
from retune_widget.view.pump import Pump
from retune_widget.view.rules_view import Rules, tab_note
from retune_widget.view.side import Side
from retune_widget.view.tree_view import TreeView

SIDE = {"flex": "1 1 250px", "min_width": "230px"}
R = TypeVar("R", bound=Record)


class AbstractWidget(ABCMeta, traitlets.MetaHasTraits):
    """The class of widgets that leave something to those that derive from them."""


class Box(ipywidgets.VBox, Generic[R], metaclass=AbstractWidget):
    """What there is to see of a run: charts, tree, details. Every part can be displayed alone.

    It holds its run only while a page shows it; it closes itself when the run is gone.

    Attributes:
        charts: a metric and a hyperparameter over the steps.
        tree: branches and nodes; `tree.selected` is a node's id.
        details: the selected node.
        rules: what acts by itself, and where it did.
        side: details and rules, behind tabs.
    """

    def __init__(self, record: R, top: Part, before: Sequence[Part] = (), *, steerable: bool) -> None:
        """Put the parts together.

        Args:
            record: what is shown.
            top: the part above all others.
            before: parts that stand left of the charts.
            steerable: whether nodes can be restored, and edited.
        """
        self._record = weakref.ref(record)
        self._held: R | None = None
        self._drawn: object = None
        self._drawn_charts: object = None
        self._closing = threading.Lock()
        self._is_closed = False
        self._is_over = False
        self.pump = Pump(self._draw, self._is_watched, self._close_all)
        self.charts, self.tree = Charts(), TreeView(steerable=steerable)
        self.details, self.rules = Details(steerable=steerable), Rules(steerable=steerable)
        self.side = Side({"node": ("Node", self.details), "rules": ("Rules", self.rules)}, **SIDE)
        panels = (self.side.tabs, self.details, self.rules)
        self._parts: tuple[Part, ...] = (top, *before, self.charts.bar, self.tree, *panels)
        messages = self._messages()
        for part in self._parts:
            part.on_msg(messages.receive)
            part.observe(self._opened_or_closed, names=["_view_count"])
        self.tree.observe(self._chosen, names=["selected"])
        self.charts.bar.observe(self._chosen, names=list(CHOICES))
        middle = ipywidgets.HBox(
            [*before, self.charts, self.side],
            layout={"width": "100%", "flex_flow": "row wrap", "align_items": "stretch"},
        )
        super().__init__([top, middle, self.tree], layout={"width": "100%"})
        self.add_class("retune")
        for widget in family(self):
            answer_beside_a_busy_cell(widget)
        weakref.finalize(record, self.pump.end).atexit = False

    # What a kind of widget says of itself.

    @abstractmethod
    def _messages(self) -> Messages:
        """Who receives what the browser asks for."""

    @abstractmethod
    def _revision(self, record: R) -> object:
        """Equal as long as there is nothing new to draw; cheap, for it is asked for ten times a second."""

    def _has_ended(self, record: R) -> bool:  # noqa: ARG002  # for those that end
        """Whether nothing new will ever come."""
        return False

    @abstractmethod
    def _look(self, record: R) -> Outlook:
        """What there is to see now."""

    @abstractmethod
    def _draw_more(self, record: R) -> None:
        """Draw the parts that it has besides charts, tree and details."""

    # What they have in common.

    @property
    def error(self) -> Exception | None:
        """The last exception while drawing, which never stops training; None as long as all was well."""
        return self.pump.error

    def displayed(self) -> None:
        """The widget is about to be shown: bring it up to date first, and keep it so while a page shows it.

        bqplot loses lines and axes that come or go while a page is building its figure.
        """
        self._held = self._record()
        self.pump.draw_now()

    def select(self, node: str, tab: str | None = None) -> None:
        """Select a node in the tree, and bring a tab in sight, if one is named. For the pump's thread."""
        self.tree.show(selected=node)
        if tab is not None:
            self.side.choose(tab)

    def close(self) -> None:
        """Take the widget off every page and free it. The run is not touched."""
        self.pump.end()
        self.pump.join()

    def _is_watched(self) -> bool:
        return not self._is_over and any(is_open(part) for part in self._parts)

    def _opened_or_closed(self, change: Mapping[str, Any]) -> None:
        if (change["new"] or 0) > (change["old"] or 0):
            self.charts.opened()
        watched = any(is_open(part) for part in self._parts)
        self._held = self._record() if watched and not self._is_over else None
        if watched:
            self.pump.post()

    def _chosen(self, _change: object) -> None:
        if threading.current_thread().name != "retune-pump":
            self.pump.post(frame="full")

    def _draw(self, charts: bool) -> bool:
        record = self._record()
        if record is None:
            return False
        is_over = self._has_ended(record)  # asked first: what is drawn below is the last there is
        seen = (self._revision(record), self.tree.selected, repr(self.pump.error))
        news = seen != self._drawn
        chosen = (seen, *self.charts.choices)
        draws_charts = charts and chosen != self._drawn_charts and not self.charts.is_opening
        if news or draws_charts:
            look = self._look(record)
            if news:
                self._drawn = seen
                self._attempt(lambda: self._draw_more(record))
                self._attempt(lambda: self.tree.update(look))
                self._attempt(lambda: self.details.update(look, self.tree.selected))
                self._attempt(lambda: self.rules.update(look))
                self._attempt(lambda: self.side.note(rules=tab_note(look.rules)))
            if draws_charts:
                self._drawn_charts = chosen
                self._attempt(lambda: self.charts.update(look, self.tree.selected))
        if is_over:
            self._is_over, self._held = True, None
        return news or draws_charts

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
