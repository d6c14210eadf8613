"""Where batches come from: one protocol, and the choice of the feed that fits what the user passed."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

from retune_widget.engine.dataset_feed import DatasetFeed
from retune_widget.engine.plain_feeds import NoData, OpaqueFeed, SequenceFeed
from retune_widget.errors import RestoreError

Json = dict[str, Any]


class Feed(Protocol):
    """Where batches come from.

    Attributes:
        exact: whether a restored position gives the same batches again.
        why: if not, the reason, for people.
        epoch: full passes completed.
        length: samples in a dataset, or batches in a list; None where it is not known.
        steps_per_epoch: batches in one pass, None where it is not known.
        steps_left: batches to the end of this one, None where it is not known.
        source: what can be read by index here, for its length: a dataset, or a list of batches. None: nothing can.
    """

    exact: bool
    source: Any

    @property
    def why(self) -> str | None:
        """If it is not exact, the reason, for people."""

    @property
    def epoch(self) -> int:
        """Full passes completed."""

    @property
    def length(self) -> int | None:
        """Samples in a dataset, or batches in a list; None where it is not known."""

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches in one pass, None where it is not known."""

    @property
    def steps_left(self) -> int | None:
        """Batches from the position to the end of the epoch, None where it is not known."""

    def next(self) -> Any:
        """The batch at the position; the same one again until `advance`. Raises StopIteration where data runs out."""

    def advance(self) -> None:
        """The batch was trained on: move the position behind it."""

    def position(self) -> Json:
        """The position as JSON."""

    def seek(self, position: Json) -> None:
        """Go to a position."""

    def reseed(self, seed: int) -> None:
        """Take another order from the next epoch on."""

    def refetch(self) -> None:
        """Something that the data depends on was changed: forget what was fetched ahead."""

    def close(self) -> None:
        """Let go of workers."""


LOADER_OPTIONS = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "prefetch_factor",
)


def check_position(feed: Feed, position: Json) -> None:
    """Refuse a position in other data than the feed's.

    Raises:
        RestoreError: it is of another kind.
    """
    if set(position) != set(feed.position()):
        raise RestoreError(
            "The checkpoint is at a position in data of another kind (a dataset, a list of batches, an iterable, "
            "none): pass the kind of data that this run was begun with."
        )


def make_feed(data: Any, batch_size: int | None, seed: int) -> Feed:
    """The feed for what the user passed.

    Args:
        data: a map-style Dataset or a DataLoader (exact where it can be taken apart), a list of batches (exact), any
            other iterable of batches or an IterableDataset (not exact), or None.
        batch_size: for a Dataset; a DataLoader brings its own.
        seed: of the order and of every sample.

    Raises:
        ValueError: batch_size is missing, or given where it cannot act; there is no data in it.
        TypeError: this is no data.
        HyperparameterError: batch_size is above the number of samples.
    """
    if isinstance(data, DataLoader):
        return _from_loader(data, batch_size, seed)
    _check_kind(data)
    if isinstance(data, IterableDataset) and batch_size is not None:
        return _from_loader(DataLoader(data, batch_size=batch_size), None, seed)
    if _is_map_style(data):
        if batch_size is None:
            raise ValueError("A Dataset needs a batch size: Run(..., batch_size=64).")
        if not len(data):
            raise ValueError("The data set is empty: there is nothing to train on.")
        return DatasetFeed(data, batch_size=batch_size, seed=seed)
    if batch_size is not None:
        raise ValueError("batch_size is for a Dataset; this data comes in batches already. Leave batch_size out.")
    if data is None:
        return NoData()
    if isinstance(data, Sequence):
        if not data:
            raise ValueError("The data is empty: there is nothing to train on.")
        return SequenceFeed(data)
    return OpaqueFeed(data, f"{type(data).__name__} is an iterable whose position cannot be set")


def steps_until(feed: Feed, epochs: int) -> int | None:
    """Steps from here until so many full passes are completed; None where the data has no known length."""
    left, full = feed.steps_left, feed.steps_per_epoch
    if left is None or full is None:
        return None
    more = epochs - feed.epoch - 1
    return left + more * full if more >= 0 else 0


def _check_kind(data: Any) -> None:
    if isinstance(data, tuple) and len({len(part) for part in data if isinstance(part, Tensor) and part.ndim}) == 1:
        raise TypeError(
            "A tuple of tensors is no data: pass torch.utils.data.TensorDataset(x, y), or a list of batches."
        )
    readable = data is None or hasattr(data, "__iter__") or _is_map_style(data)
    if isinstance(data, Mapping | str | bytes) or not readable:
        raise TypeError(
            f"{type(data).__name__} is no data: pass a Dataset, a DataLoader, an iterable of batches, or None."
        )


def _from_loader(loader: DataLoader[Any], batch_size: int | None, seed: int) -> Feed:
    why = _why_whole(loader)
    if why is not None:
        if batch_size is not None:
            raise ValueError(f"batch_size cannot act here: the DataLoader is used as it is, because {why}.")
        return OpaqueFeed(loader, f"the DataLoader is used as it is, because {why}")
    options = {name: getattr(loader, name) for name in LOADER_OPTIONS}
    if not loader.num_workers:
        options = {name: options[name] for name in ("collate_fn", "pin_memory")}
    if options["collate_fn"] is default_collate:
        del options["collate_fn"]
    if not len(loader.dataset):  # type: ignore[arg-type]  # map-style, as its sampler needs a length
        raise ValueError("The data set is empty: there is nothing to train on.")
    return DatasetFeed(
        loader.dataset,
        batch_size=batch_size or loader.batch_size or 1,
        shuffle=isinstance(loader.sampler, RandomSampler),
        drop_last=loader.drop_last,
        seed=seed,
        loader_options=options,
    )


def _why_whole(loader: DataLoader[Any]) -> str | None:
    """Why a DataLoader cannot be taken apart, or None if it can."""
    if isinstance(loader.dataset, IterableDataset):
        return "its dataset is an iterable one, whose position cannot be set"
    if loader.batch_size is None or type(loader.batch_sampler) is not BatchSampler:
        return "it has a batch sampler of its own, or none"
    sampler = loader.sampler
    if type(sampler) is SequentialSampler:
        return None
    if type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(sampler.data_source):
        return None
    return f"its sampler is a {type(sampler).__name__}, whose order is its own"


def _is_map_style(data: Any) -> bool:
    """Whether samples can be fetched by number; a list or a tuple holds batches, not samples."""
    by_number = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    return by_number and not isinstance(data, IterableDataset | list | tuple)
