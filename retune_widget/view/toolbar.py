"""The toolbar: run, pause, step, stop; where the run is; what went wrong."""

import time
import traceback
from collections import deque
from typing import Any

from retune_widget.engine.status import Status
from retune_widget.errors import NonFiniteError
from retune_widget.run import Run
from retune_widget.view import access, wire, wire_rules
from retune_widget.view.bundles import bundle
from retune_widget.view.incident import incident_of, is_guarded, out_of_memory
from retune_widget.view.part import Part, sync_dict
from retune_widget.view.state import ViewState

WINDOW = 3.0
"""Seconds over which the speed is measured."""
NOTHING: wire.Status = {
    "status": "ready", "branch": "main", "step": 0, "epoch": 0, "total_steps": None, "steps_per_second": None,
    "eta_seconds": None, "error": None, "incident": None, "notices": [], "can_undo": False, "busy": None,
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
        incident = self._incident_of(run, state)
        notices = notices_of(run)
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
            "error": None if is_the_stop(run) else self._describe_error(run.error, state.dismissed),
            "incident": incident,
            "notices": notices,
            "can_undo": access.can_undo(run) and not access.is_closed(run),
            "busy": state.busy,
        }
        return dict(shown)

    def _incident_of(self, run: Run, state: ViewState) -> wire_rules.Incident | None:
        stopped, memory = access.stopped(run), access.out_of_memory(run)
        if stopped is not None and is_guarded(stopped):
            return incident_of(stopped, own_loop=not access.trains_itself(run))
        if memory is None or memory == state.incident_read:
            return None
        return out_of_memory(memory, access.changes(run))

    def _describe_error(self, error: BaseException | None, dismissed: BaseException | None) -> wire.RunError | None:
        if error is None or error is dismissed:
            return None
        if self._error is None or self._error[0] is not error:
            lines = traceback.format_exception(error)
            self._error = error, {"summary": lines[-1].strip(), "traceback": "".join(lines)}
        return self._error[1]


def notices_of(run: Run) -> list[str]:
    """What is said below the toolbar: what no banner says, no card, and no line below a slider."""
    stopped = access.stopped(run)
    elsewhere = {its.notice for its in run.policies if its.suspended_by_hand}
    elsewhere |= {stopped.text} if stopped is not None and is_guarded(stopped) else set()
    return [text for text in run.problems if text not in {*elsewhere, access.out_of_memory(run)}]


def is_the_stop(run: Run) -> bool:
    """Whether the error is what the guard raised in the caller's own loop: a banner says it better, or it is mended."""
    told = is_guarded(access.stopped(run)) or not access.has_fault(run)
    return isinstance(run.error, NonFiniteError) and told
