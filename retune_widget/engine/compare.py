"""Compares states."""

from retune_widget.engine.snapshot import Snapshot


def trains_alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether training goes on alike from both: the random generators may differ, every step seeds them anew."""
    return one.digest() == other.digest() or _without_noise(one).digest() == _without_noise(other).digest()


def _without_noise(snapshot: Snapshot) -> Snapshot:
    return Snapshot(
        {name: tensor for name, tensor in snapshot.tensors.items() if not name.startswith("rng/")},
        {name: value for name, value in snapshot.values.items() if name != "rng"},
    )
