"""What steers by itself: schedules, which know the step alone, and rules, which read the history."""

from retune_widget.policies.action import Action, Times
from retune_widget.policies.feedback import Overfit, Plateau
from retune_widget.policies.guards import Divergence, NaNGuard
from retune_widget.policies.policy import Now, Policy
from retune_widget.policies.stopping import EarlyStop, Target
from retune_widget.policies.warmup import Warmup

__all__ = [
    "Action",
    "Divergence",
    "EarlyStop",
    "NaNGuard",
    "Now",
    "Overfit",
    "Plateau",
    "Policy",
    "Target",
    "Times",
    "Warmup",
]
