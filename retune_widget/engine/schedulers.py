"""What a torch LR scheduler does with a value that a person sets: goes on from it, or overwrites it."""

from collections.abc import Iterable

from torch.optim import lr_scheduler, swa_utils

from retune_widget.engine.hyperparameters import GroupField
from retune_widget.errors import HyperparameterError

# Measured (docs/live_changes.md). These compute the value from their own formula at every step …
OVERWRITING = (
    lr_scheduler.LambdaLR,
    lr_scheduler.CosineAnnealingWarmRestarts,
    lr_scheduler.OneCycleLR,
    lr_scheduler.CyclicLR,
    swa_utils.SWALR,
)
# … and these go on from the value that they find.
CONTINUING = (
    lr_scheduler.MultiplicativeLR,
    lr_scheduler.StepLR,
    lr_scheduler.MultiStepLR,
    lr_scheduler.ConstantLR,
    lr_scheduler.LinearLR,
    lr_scheduler.ExponentialLR,
    lr_scheduler.CosineAnnealingLR,
    lr_scheduler.PolynomialLR,
    lr_scheduler.ReduceLROnPlateau,
)


def notice(place: GroupField, extras: Iterable[object]) -> str | None:
    """What becomes of a new value at this place under the schedulers among `extras`; None: nothing drives it.

    Raises:
        HyperparameterError: it would be overwritten.
    """
    for scheduler in _flat(extras):
        if getattr(scheduler, "optimizer", None) is not place.optimizer or not _governs(scheduler, place):
            continue
        kind = type(scheduler).__name__
        if isinstance(scheduler, OVERWRITING):
            raise HyperparameterError(
                f"{place.field} is set by {kind} at every step, which would overwrite this value."
            )
        if isinstance(scheduler, CONTINUING):
            return f"{kind} goes on from this value"
        return f"{kind} may overwrite this value at its next step"
    return None


def _flat(extras: Iterable[object]) -> list[object]:
    """Schedulers inside of others (SequentialLR, ChainedScheduler) by themselves."""
    flat: list[object] = []
    for extra in extras:
        inner = getattr(extra, "_schedulers", None)
        flat += _flat(inner) if isinstance(inner, list | tuple) else [extra]
    return sorted(flat, key=lambda its: not isinstance(its, OVERWRITING))


def _governs(scheduler: object, place: GroupField) -> bool:
    if place.field in {"momentum", "betas"}:
        cycles = getattr(scheduler, "cycle_momentum", None)
        uses_beta1 = getattr(scheduler, "use_beta1", place.field == "betas")
        return bool(cycles) and uses_beta1 == (place.field == "betas") and place.element in {None, 0}
    return place.field == "lr"
