import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
)

import retune_widget as rt
from tests.engine.laboratory import SAMPLES, Noisy, Numbers, content, indices, take


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": False},
        {"shuffle": True, "drop_last": True},
        {"sampler": torch.utils.data.RandomSampler(range(10), generator=torch.Generator())},
    ],
    ids=["shuffled", "in order", "last batch dropped", "own sampler"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_is_taken_apart(feeds, options, workers):
    feed = feeds(DataLoader(Numbers(), 4, num_workers=workers, **options))
    assert feed.exact
    assert feed.why is None
    per_epoch = 2 if options.get("drop_last") else 3
    assert feed.steps_per_epoch == per_epoch
    for epoch in range(3):
        assert feed.epoch == epoch
        seen = indices(take(feed, per_epoch))
        assert len(seen) == len(set(seen)) == (8 if options.get("drop_last") else 10)
        assert (seen == sorted(seen)) == (options.get("shuffle") is False)


def test_a_loaders_own_options_stay(feeds):
    def collate(samples):
        return [index for index, _ in samples]

    feed = feeds(DataLoader(Numbers(), 4, collate_fn=collate))
    assert feed.next() == [0, 1, 2, 3]


def test_the_order_is_another_one_each_epoch_and_each_seed(feeds):
    orders = [indices(take(feeds(Numbers(), 10, seed=seed), 1)) for seed in range(3)]
    one = feeds(Numbers(), 10, seed=0)
    orders += [indices([batch]) for batch in take(one, 3)]
    assert orders[0] == orders[3]
    assert len({tuple(order) for order in orders}) == 5


def test_workers_fetch_the_same_content(feeds):
    alone = content(take(feeds(DataLoader(Noisy(), 8, shuffle=True)), 9))
    helped = content(take(feeds(DataLoader(Noisy(), 8, shuffle=True, num_workers=2)), 9))
    assert alone == helped


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 2, 3, 4, 7])
def test_seek_goes_on_from_any_position(feeds, workers, start):
    loader = DataLoader(Numbers(), 3, shuffle=True, num_workers=workers)
    expected = content(take(feeds(loader), 12))
    feed = feeds(loader)
    take(feed, start)
    position = feed.position()
    take(feed, 3)
    feed.next()  # fetched, not trained on
    for _ in range(2):
        feed.seek(position)
        assert content(take(feed, 12 - start)) == expected[start:]


def test_the_batch_size_changes_in_the_middle_of_an_epoch(feeds):
    plain = feeds(Noisy(), 5)
    order = [y for batch in take(plain, 6) for y in batch[1].tolist()]
    feed = feeds(Noisy(), 5)
    batches = take(feed, 2)
    feed.batch_size = 8
    batches += take(feed, 3)
    assert [len(y) for _, y in batches] == [5, 5, 8, 8, 4]
    assert [label for _, y in batches for label in y.tolist()] == order
    assert feed.epoch == 1


def test_a_batch_size_that_leaves_no_whole_batch_goes_to_the_next_epoch(feeds):
    feed = feeds(DataLoader(Numbers(), 4, drop_last=True))
    take(feed, 1)
    feed.batch_size = 8
    assert (feed.epoch, indices(take(feed, 1))) == (1, list(range(8)))


@pytest.mark.parametrize("size", [0, -1, 11])
def test_a_batch_size_out_of_range_is_refused(feeds, size):
    feed = feeds(Numbers(), 4)
    with pytest.raises(rt.HyperparameterError, match=f"batch_size must be from 1 to 10, the number of samples: {size}"):
        feed.batch_size = size
    assert feed.batch_size == 4
    if size > 0:
        with pytest.raises(rt.HyperparameterError):
            feeds(Numbers(), size)


def test_reseeding_lets_the_epoch_end_as_it_was(feeds):
    expected = indices(take(feeds(Numbers(), 3), 4))
    feed = feeds(Numbers(), 3)
    first = take(feed, 2)
    feed.reseed(5)
    assert indices(first + take(feed, 2)) == expected
    assert indices(take(feed, 4)) != indices(take(feeds(Numbers(), 3), 8)[4:])


def test_reseeding_at_the_start_of_an_epoch_acts_at_once_even_if_a_batch_was_fetched(feeds):
    feed = feeds(Numbers(), 3)
    feed.next()
    feed.reseed(5)
    assert indices(take(feed, 4)) == indices(take(feeds(Numbers(), 3, seed=5), 4))


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_fast_way_through_a_tensor_dataset_gives_the_same_bits(feeds, subset, workers):
    class Plain(Dataset):
        """The same rows, one by one."""

        def __init__(self, rows):
            self.rows = rows

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return self.rows[index]

    rows = TensorDataset(torch.randn(20, 3), torch.arange(20), torch.randn(20))
    data = Subset(rows, range(19, 2, -2)) if subset else rows
    fast = take(feeds(DataLoader(data, 4, shuffle=True, num_workers=workers)), 7)
    slow = take(feeds(Plain(data), 4), 7)
    for quick, one_by_one in zip(fast, slow, strict=True):
        assert type(quick) is type(one_by_one) is list
        for a, b in zip(quick, one_by_one, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)


def test_batches_of_the_fast_way_are_copies(feeds):
    rows = torch.ones(6, 2)
    feed = feeds(TensorDataset(rows), 3)
    feed.next()[0].zero_()
    assert rows.sum() == 12


class WithItsOwnGenerators(Noisy):
    """Draws from generators that it keeps, itself and in its transforms."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(1)
        self.transforms = [type("T", (), {})()]
        self.transforms[0].old = np.random.RandomState(2)
        self.transforms[0].torch = torch.Generator().manual_seed(3)
        self.python = {"flip": random.Random(4)}

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        transform = self.transforms[0]
        noise = self.rng.random() + transform.old.rand() + self.python["flip"].random()
        return x + noise + torch.rand(6, generator=transform.torch), y


@pytest.mark.parametrize("workers", [0, 2])
def test_generators_of_the_datasets_own_are_seeded_for_each_sample_too(feeds, workers):
    expected = content(take(feeds(Subset(WithItsOwnGenerators(), range(SAMPLES)), 8), 8))
    feed = feeds(DataLoader(Subset(WithItsOwnGenerators(), range(SAMPLES)), 8, shuffle=True, num_workers=workers))
    take(feed, 3)
    position = feed.position()
    take(feed, 2)
    feed.seek(position)
    assert content(take(feed, 5)) == expected[3:]
    first, again = expected[0][0], content(take(feed, 1))[0][0]
    assert first != again  # another epoch: other noise


@pytest.mark.parametrize("workers", [0, 2])
def test_after_a_sample_that_cannot_be_read_the_same_batch_comes_again(feeds, workers):
    data = Numbers(12)
    expected = content(take(feeds(DataLoader(data, 4)), 6))
    feed = feeds(DataLoader(data, 4, num_workers=workers))
    take(feed, 1)
    data.bad = {6}
    feed.seek(feed.position())  # the workers see the bad sample
    for _ in range(2):
        with pytest.raises(OSError, match="sample 6 cannot be read"):
            feed.next()
    data.bad = set()
    assert content(take(feed, 5)) == expected[1:]


def test_a_dataset_that_raises_stop_iteration_does_not_end_training_silently(feeds):
    class Wrong(Numbers):
        def __getitem__(self, index):
            return next(iter(()))

    with pytest.raises(RuntimeError, match="raised StopIteration instead of giving a sample"):
        feeds(Wrong(), 2).next()
