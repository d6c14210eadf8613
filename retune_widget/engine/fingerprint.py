"""What decides about bits and is no state: it has to be the same for a restore to be exact."""

from typing import Any

import torch

from retune_widget.engine.feed import Feed
from retune_widget.engine.state import LiveState

Fingerprint = dict[str, Any]


def fingerprint(live: LiveState, feed: Feed) -> Fingerprint:
    """The facts, by a name for people."""
    devices = {str(parameter.device) for model in live.models.values() for parameter in model.parameters()}
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "devices": sorted(devices),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "length of the data": feed.length,
    }


def difference(then: Fingerprint, now: Fingerprint) -> str | None:
    """What differs, as a reason why the run is not exact from here on, or None."""
    others = [name for name in now if name in then and then[name] != now[name]]
    facts = ", ".join(f"{name} was {then[name]} and is {now[name]}" for name in others)
    return f"it was resumed under other conditions: {facts}" if facts else None
