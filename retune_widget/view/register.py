"""Teaches `Run` and `SavedRun` to show themselves. Nothing of Jupyter is imported before the first display."""

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from retune_widget.run import Run
from retune_widget.saved import SavedRun
from retune_widget.view import access

if TYPE_CHECKING:
    from retune_widget.view.box import Box

_views: "weakref.WeakKeyDictionary[Run | SavedRun, Box[Any]]" = weakref.WeakKeyDictionary()
_looping: "weakref.WeakSet[Run]" = weakref.WeakSet()
_hooked: "weakref.WeakSet[Any]" = weakref.WeakSet()


def view_of(run: Run | SavedRun) -> "Box[Any]":
    """The widget of this run: always the same one, until it is closed.

    Raises:
        FileNotFoundError: the front end was not built.
    """
    view = _views.get(run)
    if view is None or view.comm is None:
        view = _views[run] = _made_for(run)
    return view


def _made_for(run: Run | SavedRun) -> "Box[Any]":
    # Imported here: heavy, and not for scripts.
    if isinstance(run, Run):
        from retune_widget.view.widget import RetuneWidget  # noqa: PLC0415

        return RetuneWidget(run)
    from retune_widget.view.saved_widget import SavedWidget  # noqa: PLC0415

    return SavedWidget(run)


def mime_bundle_of(run: Run | SavedRun, **_options: Any) -> Any:
    """What a notebook shows for a run: the widget; elsewhere a line of text."""
    text = repr(run)
    if _kernel() is None:
        return {"text/plain": text}
    view = view_of(run)
    view.displayed()
    return view._repr_mimebundle_() | {"text/plain": text}


def install() -> None:
    """Give runs their `view` and their display in notebooks, and `Run` word of loops that break."""
    Run.batches = _heard(Run.batches)  # type: ignore[method-assign, assignment]  # the run knows no cells
    shown: Any
    for shown in (Run, SavedRun):  # nor how it is shown
        shown.view = property(view_of)
        shown._repr_mimebundle_ = mime_bundle_of


def _heard(batches: Callable[[Run], Iterator[Any]]) -> Callable[[Run], Iterator[Any]]:
    @functools.wraps(batches)
    def batches_of_a_cell(run: Run) -> Iterator[Any]:
        watch_cells()
        _looping.add(run)
        return batches(run)

    return batches_of_a_cell


def watch_cells() -> None:
    """Hear when a cell ends with an error: its traceback keeps the loop over `batches()` alive, which is not told."""
    shell = _shell()
    if shell is not None and shell not in _hooked:
        _hooked.add(shell)
        shell.events.register("post_run_cell", after_cell)


def after_cell(result: Any) -> None:
    """Tell the runs that the cell looped over, in this thread, that their loop is over."""
    error = result.error_in_exec or result.error_before_exec
    if error is not None:
        for run in list(_looping):
            access.loop_broke(run, error)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _kernel() -> Any:
    return getattr(_shell(), "kernel", None)
