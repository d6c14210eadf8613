"""The toolbar: run, pause, step, stop; where the run is; what went wrong."""

import time
import traceback
from collections import deque
from typing import Any

from retune_widget.engine.status import Status
from retune_widget.run import Run
from retune_widget.view import access, wire
from retune_widget.view.bundles import bundle
from retune_widget.view.part import Part, sync_dict
from retune_widget.view.state import ViewState

WINDOW = 3.0
"""Seconds over which the speed is measured."""
NOTHING: wire.Status = {
    "status": "ready", "branch": "main", "step": 0, "epoch": 0, "total_steps": None, "steps_per_second": None,
    "eta_seconds": None, "error": None, "notices": [], "can_undo": False, "busy": None,
}  # fmt: skip


class Speed:
    """Steps a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def measure(self, step: int, *, running: bool, now: float | None = None) -> float | None:
        """Note where the run is; returns the speed, or None where it is not known."""
        now = time.monotonic() if now is None else now
        if not running or (self._seen and step < self._seen[-1][1]):
            self._seen.clear()
        if not running:
            return None
        self._seen.append((now, step))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW:  # noqa: PLR2004  # two make a distance
            self._seen.popleft()
        (first_time, first_step), (last_time, last_step) = self._seen[0], self._seen[-1]
        if last_step == first_step or last_time - first_time < 0.05:  # noqa: PLR2004  # too short to divide by
            return None
        return float(f"{(last_step - first_step) / (last_time - first_time):.3g}")


class Toolbar(Part):
    """The part at the top."""

    _esm = bundle("toolbar.js")
    status = sync_dict(**NOTHING)

    def __init__(self) -> None:
        super().__init__(width="100%")
        self._speed = Speed()
        self._error: tuple[BaseException, wire.RunError] | None = None

    def update(self, run: Run, state: ViewState, view_error: Exception | None = None) -> None:
        """Show where the run is."""
        self.show(status=self._describe(run, state, view_error))

    def _describe(self, run: Run, state: ViewState, view_error: Exception | None) -> dict[str, Any]:
        status, head, total = run.status, run.head, run.max_steps
        speed = self._speed.measure(head.step, running=status is Status.RUNNING)
        eta = max(0, total - head.step) / speed if total is not None and speed else None
        notices = run.problems
        if view_error is not None:
            notices.append(f"The widget could not show something: {view_error!r}.")
        shown: wire.Status = {
            "status": str(status),
            "branch": head.branch,
            "step": head.step,
            "epoch": head.epoch,
            "total_steps": total,
            "steps_per_second": speed,
            "eta_seconds": eta,
            "error": self._describe_error(run.error, state.dismissed),
            "notices": notices,
            "can_undo": access.can_undo(run) and not access.is_closed(run),
            "busy": state.busy,
        }
        return dict(shown)

    def _describe_error(self, error: BaseException | None, dismissed: BaseException | None) -> wire.RunError | None:
        if error is None or error is dismissed:
            return None
        if self._error is None or self._error[0] is not error:
            lines = traceback.format_exception(error)
            self._error = error, {"summary": lines[-1].strip(), "traceback": "".join(lines)}
        return self._error[1]
