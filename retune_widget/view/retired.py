"""Widgets that are shown no more, and not freed at once: a page that is being opened may still be fetching them."""

import time

import ipywidgets

PATIENCE = 10.0
"""Seconds after which every page that saw them has let go."""


class Retired:
    """Frees widgets some time after they were taken out of a figure."""

    def __init__(self) -> None:
        self._since: list[tuple[float, ipywidgets.Widget]] = []

    def add(self, *widgets: ipywidgets.Widget) -> None:
        """These were taken out just now."""
        now = time.monotonic()
        self._since += [(now, widget) for widget in widgets]

    def free(self, *, everything: bool = False) -> None:
        """Free those that were taken out long enough ago, or all of them."""
        now, patience = time.monotonic(), 0.0 if everything else PATIENCE
        old = [widget for since, widget in self._since if now - since >= patience]
        self._since = [entry for entry in self._since if now - entry[0] < patience]
        for widget in old:
            widget.close()
