"""Feeds for what is not a dataset: a list of batches, any iterable, nothing at all."""

from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]


class SequenceFeed:
    """A list of ready-made batches, in its own order: exact."""

    exact = True
    why: str | None = None

    def __init__(self, batches: Sequence[Any]) -> None:
        self._batches = self.source = batches
        self.epoch, self._index = 0, 0

    @property
    def length(self) -> int:
        """Batches in the list."""
        return len(self._batches)

    @property
    def steps_per_epoch(self) -> int:
        """As many steps."""
        return len(self._batches)

    @property
    def steps_left(self) -> int:
        """Batches to the end of the list."""
        return len(self._batches) - self._index

    def next(self) -> Any:
        """The batch at the position."""
        return self._batches[self._index]

    def advance(self) -> None:
        """Move on, from the last to the first."""
        self._index += 1
        if self._index == len(self._batches):
            self.epoch, self._index = self.epoch + 1, 0

    def position(self) -> Json:
        """The position."""
        return {"epoch": self.epoch, "batch": self._index}

    def seek(self, position: Json) -> None:
        """Go to a position."""
        self.epoch, self._index = position["epoch"], position["batch"]

    def reseed(self, seed: int) -> None:
        """The order is the list's own."""

    def refetch(self) -> None:
        """Nothing is fetched ahead."""

    def close(self) -> None:
        """Nothing is held."""


class NoData:
    """For steps that make their own data: every batch is None."""

    exact = True
    why: str | None = None
    epoch = 0
    length = steps_per_epoch = steps_left = source = None

    def next(self) -> None:
        """No batch."""

    def advance(self) -> None:
        """No position."""

    def position(self) -> Json:
        """No position."""
        return {}

    def seek(self, position: Json) -> None:
        """No position."""

    def reseed(self, seed: int) -> None:
        """No order."""

    def refetch(self) -> None:
        """Nothing is fetched ahead."""

    def close(self) -> None:
        """Nothing is held."""


class OpaqueFeed:
    """Any iterable: trained on, but its position cannot be set."""

    exact = False

    def __init__(self, iterable: Any, why: str) -> None:
        self._iterable = iterable
        self.why: str | None = why
        self._iterator: Iterator[Any] | None = None
        self._batch: Any = None
        self._holds_batch = False
        self._failure: Exception | None = None
        self.epoch, self._index = 0, 0

    length = source = None

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches in one pass, where the iterable has a length."""
        try:
            return len(self._iterable)
        except TypeError:
            return None

    @property
    def steps_left(self) -> int | None:
        """Batches to the end of this pass, where the iterable has a length."""
        steps = self.steps_per_epoch
        return None if steps is None else max(1, steps - self._index)

    def next(self) -> Any:
        """The batch that comes next; at the end of a pass the iterable is iterated anew."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if not self._holds_batch:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            try:
                self._batch, self._holds_batch = next(self._iterator), True
            except StopIteration:
                self._iterator = iter(()) if isinstance(self._iterable, Iterator) else None
                raise
        return self._batch

    def advance(self) -> None:
        """Let go of the batch, and look ahead: an epoch is over when nothing follows.

        What goes wrong in looking ahead is raised when that batch is asked for: this step is complete.
        """
        self._batch, self._holds_batch = None, False
        self._index += 1
        try:
            self.next()
        except StopIteration:
            self.epoch, self._index = self.epoch + 1, 0
        except Exception as error:  # noqa: BLE001  # kept, and raised by `next`
            self._failure = error

    def position(self) -> Json:
        """How many batches were drawn in this epoch."""
        return {"epoch": self.epoch, "batch": self._index}

    def seek(self, position: Json) -> None:
        """Count from there; the data itself goes on from where it is."""
        self.epoch, self._index = position["epoch"], position["batch"]

    def reseed(self, seed: int) -> None:
        """The order is the iterable's own."""

    def refetch(self) -> None:
        """What was fetched ahead is used: it would not come again."""

    def close(self) -> None:
        """Let go of the iterator."""
        self._iterator = None
