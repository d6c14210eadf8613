"""How our widgets stand to the kernel: who answers their messages, and what belongs to a widget."""

from collections.abc import Iterator
from typing import Any

import ipywidgets


def family(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and every widget that its traits hold, each once: children, layouts, scales, marks."""
    seen: set[int] = set()
    waiting = [widget]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        for name in one.keys:
            waiting.extend(_widgets_in(getattr(one, name)))


def _widgets_in(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _widgets_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _widgets_in(item)


def answer_beside_a_busy_cell(widget: ipywidgets.Widget) -> None:
    """Have messages to this widget handled in the kernel's subshell that they were sent to.

    ipykernel 7.4 hands a message to whoever published last on its comm: a main thread that is blocked by a cell, for
    seconds. Without this private hook it goes where the front end sent it (jupyterlab #19719, ipykernel #1564). Other
    versions have no such hook and need none.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = None  # noqa: SLF001
