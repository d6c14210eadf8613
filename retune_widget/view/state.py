"""What the view knows and the run does not. Written by the pump's thread alone."""

from dataclasses import dataclass, field

from retune_widget.view import wire


@dataclass
class ViewState:
    """Shared by the parts of one widget.

    Attributes:
        marks: what became of the last value asked for, by key.
        changes_seen: how many of the run's changes have been looked at.
        busy: what is being carried out that takes a while, or None.
        dismissed: the error that the person has read.
        revision: rises with every edit.
    """

    marks: dict[str, wire.Mark] = field(default_factory=dict)
    changes_seen: int = 0
    busy: str | None = None
    dismissed: BaseException | None = None
    revision: int = 0

    def mark(self, key: str, mark: wire.Mark) -> None:
        """Note what became of a value."""
        self.marks = {**self.marks, key: mark}
        self.revision += 1

    def forget_marks(self) -> None:
        """The run has moved: what was used from some step on says nothing here."""
        self.marks = {}
        self.revision += 1

    def set_busy(self, what: str | None) -> None:
        """Say what takes a while."""
        self.busy = what
        self.revision += 1

    def dismiss(self, error: BaseException | None) -> None:
        """Hide an error from now on."""
        self.dismissed = error
        self.revision += 1
