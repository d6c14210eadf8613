"""What the view knows and the run does not. Written by the pump's thread alone."""

from dataclasses import dataclass, field

from retune_widget.view import wire
from retune_widget.view.trials import Trial


@dataclass
class ViewState:
    """Shared by the parts of one widget.

    Attributes:
        marks: what became of the last value asked for, by key.
        branch: the id of the branch that was trained when it was last looked at.
        changes_seen: how many of the run's changes have been looked at.
        at_work: what was asked for, takes a while and is not answered yet, by the id of the message.
        dismissed: the error that the person has read.
        incident_read: the title of the incident that the person has read.
        trial: where a rule would have fired that the person tries out.
        revision: rises with every edit.
    """

    marks: dict[str, wire.Mark] = field(default_factory=dict)
    branch: int | None = None
    changes_seen: int = 0
    at_work: dict[str, wire.Busy] = field(default_factory=dict)
    dismissed: BaseException | None = None
    incident_read: str | None = None
    trial: Trial | None = None
    revision: int = 0

    def mark(self, key: str, mark: wire.Mark) -> None:
        """Note what became of a value."""
        self.marks = {**self.marks, key: mark}
        self.revision += 1

    def forget_marks(self) -> None:
        """The run has moved: what was used from some step on says nothing here."""
        self.marks = {}
        self.revision += 1

    @property
    def busy(self) -> wire.Busy | None:
        """What is being carried out that takes a while: they come one after the other."""
        return next(iter(self.at_work.values()), None)

    def begin(self, message: str, what: wire.Busy) -> None:
        """Say what takes a while."""
        self.at_work = {**self.at_work, message: what}
        self.revision += 1

    def end(self, message: str) -> None:
        """It is done, or was refused."""
        self.at_work = {name: what for name, what in self.at_work.items() if name != message}
        self.revision += 1

    def try_out(self, trial: Trial | None) -> None:
        """Show where a rule would have fired; None: no more."""
        self.trial = trial
        self.revision += 1

    def dismiss(self, error: BaseException | None) -> None:
        """Hide an error from now on."""
        self.dismissed = error
        self.revision += 1

    def read_incident(self, title: str | None) -> None:
        """Hide an incident from now on."""
        self.incident_read = title
        self.revision += 1
