"""The panel on the right: one part in sight, the others a click away."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ipywidgets
import traitlets

from retune_widget.view.bundles import bundle
from retune_widget.view.part import Part

if TYPE_CHECKING:
    from retune_widget.view import wire_rules


class Tabs(Part):
    """The tabs' names. Which one is chosen is a trait that the page writes: switching asks Python nothing."""

    _esm = bundle("tabs.js")
    tabs = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)


class Side(ipywidgets.VBox):
    """Parts behind tabs, each of which can be displayed alone too.

    `js/styles/side.css` shows the one whose tab is chosen: a name that is new here needs a line there.

    Attributes:
        tabs: the row of names.
    """

    def __init__(self, panels: Mapping[str, tuple[str, Part]], **layout: str) -> None:
        """Put the panels behind tabs.

        Args:
            panels: by name, the words on the tab and the part; the first one is in sight.
            layout: fields of its `ipywidgets.Layout`.
        """
        self._labels = {name: label for name, (label, _) in panels.items()}
        self._notes: dict[str, str] = {}
        self.tabs = Tabs({"tabs": self._described(), "chosen": next(iter(panels))})
        super().__init__([self.tabs, *(part for _, part in panels.values())], layout=layout)
        self.add_class("retune-side")

    def note(self, **notes: str) -> None:
        """Say something beside the words on a tab: how many there are, that one is suspended."""
        self._notes |= notes
        self.tabs.show(tabs=self._described())

    def choose(self, name: str) -> None:
        """Bring a panel in sight. For the pump's thread."""
        self.tabs.show(chosen=name)

    def _described(self) -> list[dict[str, object]]:
        tabs: list[wire_rules.Tab] = [
            {"name": name, "label": label, "note": self._notes.get(name, "")} for name, label in self._labels.items()
        ]
        return [dict(tab) for tab in tabs]
