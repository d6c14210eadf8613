"""What the five parts of the widget that are ours have in common."""

import threading
from collections.abc import Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets

from retune_widget.view.bundles import bundle
from retune_widget.view.kernel import answer_beside_a_busy_cell

STYLES = bundle("styles.css")


def sync_dict(**default: Any) -> Any:
    """A trait that the browser sees."""
    return traitlets.Dict(default).tag(sync=True)


class Part(anywidget.AnyWidget):
    """An anywidget whose traits are state and whose messages are intents; usable alone."""

    _css = STYLES

    def __init__(self, traits: Mapping[str, Any] | None = None, /, **layout: str) -> None:
        """`traits`: what it shows from the first; `layout`: fields of its `ipywidgets.Layout`."""
        self._writing = threading.Lock()
        super().__init__(_view_count=0, layout=layout, **(traits or {}))
        answer_beside_a_busy_cell(self)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser wrote; never while the pump writes."""
        with self._writing:
            super().set_state(sync_data)

    def show(self, **traits: Any) -> None:
        """Write output traits: at most one message, none if nothing is new. For the pump's thread."""
        with self.hold_sync(), self._writing:
            for name, value in traits.items():
                setattr(self, name, value)


def is_open(widget: ipywidgets.Widget) -> bool:
    """Whether a page shows it. A page that was closed without notice still counts."""
    return bool(widget._view_count)  # noqa: SLF001  # the only count that front ends keep
