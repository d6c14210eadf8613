"""Steer a PyTorch training run from a notebook cell."""

from retune_widget import policies
from retune_widget.engine.governors import Governed
from retune_widget.engine.hyperparameters import Hyperparameter
from retune_widget.engine.status import Status
from retune_widget.errors import (
    CaptureError,
    HyperparameterError,
    NonFiniteError,
    PolicyError,
    RestoreError,
    RetuneError,
    ScheduleError,
    StatusError,
    StoreError,
    UnknownHyperparameterError,
    UnknownNodeError,
)
from retune_widget.policies import schedules
from retune_widget.policies.active import PolicyStatus
from retune_widget.policies.schedule import Schedule
from retune_widget.run import Run
from retune_widget.saved import SavedRun
from retune_widget.saved import open_run as open  # noqa: A004  # read as retune_widget.open(path)
from retune_widget.storage.repair import Repaired, repair
from retune_widget.tracking.budget import DiskUse
from retune_widget.tracking.changes import Change
from retune_widget.tracking.head import Head
from retune_widget.tracking.tree import Branch, Node
from retune_widget.tracking.verdict import Verdict
from retune_widget.view import register

register.install()

__all__ = [
    "Branch",
    "CaptureError",
    "Change",
    "DiskUse",
    "Governed",
    "Head",
    "Hyperparameter",
    "HyperparameterError",
    "Node",
    "NonFiniteError",
    "PolicyError",
    "PolicyStatus",
    "Repaired",
    "RestoreError",
    "RetuneError",
    "Run",
    "SavedRun",
    "Schedule",
    "ScheduleError",
    "Status",
    "StatusError",
    "StoreError",
    "UnknownHyperparameterError",
    "UnknownNodeError",
    "Verdict",
    "open",
    "policies",
    "repair",
    "schedules",
]
