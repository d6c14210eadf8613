"""A dataset at an exact position.

The order of the samples is a function of (seed, epoch), the position is counted in samples, and every sample is
fetched with generators seeded from (seed, epoch, index). So the rest of an epoch, its random augmentation included, is
the same after a restore, whatever the number of workers or the batch size.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, TensorDataset

from retune_widget.engine import generators
from retune_widget.engine.rng import mix, seed_generators
from retune_widget.errors import HyperparameterError

Json = dict[str, Any]

ORDER, SAMPLE = 1, 2
"""Kinds of seeds: the same numbers give unrelated ones for each."""


class Plan(Sampler[list[tuple[int, int]]]):
    """The rest of an epoch as batches of (index, seed of the sample)."""

    def __init__(self, length: int, *, shuffle: bool, drop_last: bool) -> None:
        self.length, self.shuffle, self.drop_last = length, shuffle, drop_last
        self.seed, self.epoch, self.start, self.batch_size = 0, 0, 0, 1

    def order(self) -> list[int]:
        """The indices of the whole epoch, in order."""
        if not self.shuffle:
            return list(range(self.length))
        generator = torch.Generator().manual_seed(mix(ORDER, self.seed, self.epoch))
        return torch.randperm(self.length, generator=generator).tolist()

    def size_at(self, start: int) -> int:
        """Samples in the batch that begins at `start`; 0 where the epoch ends."""
        size = min(self.batch_size, self.length - start)
        return 0 if self.drop_last and size < self.batch_size else size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, start = self.order(), self.start
        while size := self.size_at(start):
            yield [(index, mix(SAMPLE, self.seed, self.epoch, index)) for index in order[start : start + size]]
            start += size


class SeededDataset(Dataset[Any]):
    """A dataset whose sample is fetched with generators that are seeded for it, the dataset's own included."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset
        self.generators = generators.held_by(dataset)

    def __getitem__(self, place: tuple[int, int]) -> Any:
        """The sample at (index, seed)."""
        index, seed = place
        seed_generators(seed)
        for generator in self.generators:
            generators.seed(generator, seed)
        return self.dataset[index]


class TensorRows(Dataset[Any]):
    """A TensorDataset, or a Subset of one, read a batch at a time: the same bits as sample by sample, and faster."""

    def __init__(self, dataset: TensorDataset, indices: Sequence[int] | None) -> None:
        self.dataset = dataset
        self.indices = None if indices is None else torch.as_tensor(indices, dtype=torch.int64)

    def __getitems__(self, places: list[tuple[int, int]]) -> list[torch.Tensor]:
        """The rows of a whole batch."""
        rows = torch.tensor([index for index, _ in places])
        rows = rows if self.indices is None else self.indices[rows]
        return [tensor[rows] for tensor in self.dataset.tensors]

    def __getitem__(self, place: tuple[int, int]) -> Any:
        """One row."""
        return self.__getitems__([place])


class DatasetFeed:
    """A map-style dataset, exact at any sample."""

    exact = True
    why: str | None = None

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        loader_options: Json | None = None,
    ) -> None:
        """Take a dataset of known length.

        Args:
            dataset: has `__len__` and `__getitem__`.
            batch_size: samples a batch; may change at any step.
            shuffle: a new order each epoch, from (seed, epoch).
            drop_last: leave out an epoch's last batch where it is smaller.
            seed: of the order and of each sample.
            loader_options: `num_workers`, `collate_fn`, `pin_memory`, … for `torch.utils.data.DataLoader`.

        Raises:
            HyperparameterError: the batch size is above the dataset's length, or below 1.
        """
        length = len(dataset)  # type: ignore[arg-type]  # map-style: checked by `make_feed`
        self.epoch, self._start = 0, 0
        self._plan = Plan(length, shuffle=shuffle, drop_last=drop_last)
        self._plan.seed = self._next_seed = seed
        self.batch_size = batch_size
        self._iterator: Iterator[Any] | None = None
        self._batch: Any = None
        self._holds_batch = False
        options = dict(loader_options or {})
        self.source = None if options.get("num_workers") else dataset
        rows = _tensor_rows(dataset) if "collate_fn" not in options else None
        if rows is not None:
            options["collate_fn"] = list
        if options.get("num_workers"):
            options["persistent_workers"] = True
        self._loader = DataLoader(rows or SeededDataset(dataset), batch_sampler=self._plan, **options)

    @property
    def batch_size(self) -> int:
        """Samples a batch."""
        return self._plan.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        if not 1 <= size <= self._plan.length:
            raise HyperparameterError(
                f"batch_size must be from 1 to {self._plan.length}, the number of samples: {size}."
            )
        self._plan.batch_size = size
        self._iterator, self._batch, self._holds_batch = None, None, False
        self._end_epoch()

    @property
    def length(self) -> int:
        """Samples."""
        return self._plan.length

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return self._batches_in(self._plan.length)

    @property
    def steps_left(self) -> int:
        """Batches to the end of this pass."""
        return self._batches_in(self._plan.length - self._start)

    def _batches_in(self, samples: int) -> int:
        full, rest = divmod(samples, self._plan.batch_size)
        return full + (1 if rest and not self._plan.drop_last else 0)

    def next(self) -> Any:
        """The batch at the position; the same one again until `advance`, also after the dataset raised something."""
        if not self._holds_batch:
            try:
                if self._iterator is None:
                    self._plan.epoch, self._plan.start = self.epoch, self._start
                    self._iterator = iter(self._loader)
                self._batch, self._holds_batch = next(self._iterator), True
            except StopIteration as error:
                self.close()
                raise RuntimeError("The dataset raised StopIteration instead of giving a sample.") from error
            except BaseException:
                self.close()
                raise
        return self._batch

    def advance(self) -> None:
        """Move behind the batch; at the end of the epoch, to the next one."""
        self._start += self._plan.size_at(self._start)
        self._batch, self._holds_batch = None, False
        self._end_epoch()

    def _end_epoch(self) -> None:
        if not self._plan.size_at(self._start):
            self.epoch, self._start, self._iterator = self.epoch + 1, 0, None
            self._plan.seed = self._next_seed

    def upcoming(self, batches: int, *, from_start: bool = False) -> int:
        """Samples in the next so many batches of this epoch, or in the first of an epoch."""
        begin = at = 0 if from_start else self._start
        for _ in range(batches):
            at += self._plan.size_at(at)
        return at - begin

    def leave_epoch(self) -> None:
        """Go to the beginning of the next epoch, past what is left of this one."""
        self._start = self._plan.length
        self._batch, self._holds_batch = None, False
        self._end_epoch()

    def samples(self) -> list[int]:
        """The indices of the batch at the position."""
        self._plan.epoch = self.epoch
        return self._plan.order()[self._start : self._start + self._plan.size_at(self._start)]

    def position(self) -> Json:
        """The position: five numbers."""
        return {
            "epoch": self.epoch,
            "sample": self._start,
            "batch_size": self._plan.batch_size,
            "seed": self._plan.seed,
            "next_seed": self._next_seed,
        }

    def seek(self, position: Json) -> None:
        """Go to a position; workers begin anew there, with the dataset as it is now."""
        self.close()
        self.epoch, self._start = position["epoch"], position["sample"]
        self._plan.batch_size = position["batch_size"]
        self._plan.seed, self._next_seed = position["seed"], position["next_seed"]

    def reseed(self, seed: int) -> None:
        """Another order from the next epoch on: this one's samples are still seen once each."""
        self._next_seed = seed
        if not self._start:
            self.close()
            self._plan.seed = seed

    def refetch(self) -> None:
        """The dataset was changed: fetch from here on anew, workers included."""
        self.close()

    def close(self) -> None:
        """Let go of the workers, and of what was fetched ahead."""
        self._iterator, self._batch, self._holds_batch = None, None, False
        self._loader._iterator = None  # noqa: SLF001  # persistent workers live until the loader lets go of them


def _tensor_rows(dataset: Dataset[Any]) -> TensorRows | None:
    if type(dataset) is TensorDataset:
        return TensorRows(dataset, None)
    if type(dataset) is Subset and type(dataset.dataset) is TensorDataset:
        return TensorRows(dataset.dataset, list(dataset.indices))
    return None
