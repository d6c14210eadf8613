"""Every error that retune_widget raises on purpose. All of them are `RetuneError`s."""


class RetuneError(Exception):
    """Base of everything raised on purpose; its text says what to do."""


class HyperparameterError(RetuneError, ValueError):
    """A value that was refused. Training goes on with the old one."""


class UnknownHyperparameterError(RetuneError, KeyError):
    """A key that names no hyperparameter, or more than one."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UnknownNodeError(RetuneError, KeyError):
    """A node or a branch that is not in this run's tree."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class StatusError(RetuneError, RuntimeError):
    """A call that the run's status does not allow."""


class CaptureError(RetuneError, TypeError):
    """Something in the training state that a snapshot cannot hold."""


class RestoreError(RetuneError, RuntimeError):
    """A snapshot that does not fit the live objects. Nothing was changed."""


class ScheduleError(RetuneError, ValueError):
    """A schedule that cannot be made, or that is not known."""


class StoreError(RetuneError, OSError):
    """A run directory that cannot be used: torn, newer, not readable, full."""


class PolicyError(RetuneError, ValueError):
    """A rule that is not one, is not there, or cannot do what is asked of it."""


class NonFiniteError(RetuneError, ArithmeticError):
    """A loss or a gradient that is not finite, found before an optimizer used it.

    Attributes:
        step: number of the step.
        what: which tensor was found, in words.
        written: whether an optimizer had written weights by then.
    """

    def __init__(self, step: int, what: str, *, written: bool = False) -> None:
        self.step, self.what, self.written = step, what, written
        super().__init__(f"step {step:,} was stopped: {what}")
