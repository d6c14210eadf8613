"""The widget of a run that is steered here."""

from retune_widget.engine.status import Status
from retune_widget.run import Run
from retune_widget.tracking.tree import Node
from retune_widget.view import access
from retune_widget.view.ahead import Ahead
from retune_widget.view.box import SIDE, Box
from retune_widget.view.controls import Controls
from retune_widget.view.firings import Firings
from retune_widget.view.intents import Intents
from retune_widget.view.messages import Messages
from retune_widget.view.outlook import Outlook, about, checkpoint_of
from retune_widget.view.state import ViewState
from retune_widget.view.toolbar import Toolbar


class RetuneWidget(Box[Run]):
    """What a run looks like in a notebook, and how it is steered there.

    Attributes:
        toolbar: run, pause, step, stop; where the run is.
        controls: a slider and an exact field for each hyperparameter.
        state: what was asked for in the browser, and what came of it.
    """

    def __init__(self, run: Run) -> None:
        self.state, self._ahead = ViewState(), Ahead()
        self.toolbar, self.controls = Toolbar(), Controls(**SIDE, max_width="320px")
        self._firings = Firings()
        super().__init__(run, self.toolbar, [self.controls], steerable=True)

    def _messages(self) -> Messages:
        return Intents(self._record, self.state, self.pump, self.charts.reset_zoom, self.select)

    def _revision(self, record: Run) -> object:
        return access.revisions(record), self.state.revision

    def _has_ended(self, record: Run) -> bool:
        return access.is_closed(record)

    def _look(self, record: Run) -> Outlook:
        run, state = record, self.state
        return Outlook(
            tree=run.tree,
            history=access.history(run),
            head=run.head,
            running=run.status is Status.RUNNING,
            keys=tuple(run.hyperparameters),
            is_log=lambda key: key in run.hyperparameters and run.hyperparameters[key].scale == "log",
            checkpoint_of=checkpoint_of,
            checkpoints=access.checkpoints(run),
            disk={"bytes": run.disk_use.bytes, "budget": run.disk_use.budget},
            rebuilding=lambda node: rebuilding(run, node),
            planned=run.max_steps,
            error=run.error,
            busy=state.busy,
            rules=run.policies,
            firings=self._firings.read(access.changes(run)),
            trial=state.trial,
            ahead=lambda key: self._ahead.points(run, key),
        )

    def _draw_more(self, record: Run) -> None:
        self._attempt(lambda: self.toolbar.update(record, self.state, self.pump.error))
        self._attempt(lambda: self.controls.update(record, self.state))


def rebuilding(run: Run, node: Node) -> str:
    """What restoring a node takes whose checkpoint was freed."""
    seconds = run.seconds_to_restore(node)
    return "cannot be rebuilt" if seconds is None else f"rebuilt by replay, {about(seconds)}"
