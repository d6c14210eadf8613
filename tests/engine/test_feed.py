import itertools
import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import retune_widget as rt
from retune_widget.engine.feed import make_feed
from tests.engine.laboratory import SAMPLES, Noisy, cross_entropy, network


class Numbers(Dataset):
    """Sample i is (i, a draw)."""

    def __init__(self, length=10):
        self.length, self.offset = length, 0
        self.bad = set()

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index in self.bad:
            raise OSError(f"sample {index} cannot be read")
        return torch.tensor(index + self.offset), torch.rand(()) + random.random() + float(np.random.rand())  # noqa: NPY002


def take(feed, count):
    batches = []
    for _ in range(count):
        batches.append(feed.next())
        feed.advance()
    return batches


def content(batches):
    return [[part.tolist() for part in batch] for batch in batches]


def indices(batches):
    return [int(i) for batch in batches for i in batch[0]]


@pytest.fixture
def feeds():
    made = []

    def make(data, batch_size=None, seed=0):
        made.append(make_feed(data, batch_size, seed))
        return made[-1]

    yield make
    for feed in made:
        feed.close()


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Noisy())


SAMPLER_OF_ITS_OWN = [
    (lambda d: DataLoader(d, 4, sampler=WeightedRandomSampler([1.0] * 10, 10)), "its sampler is a WeightedRandomSampler"),
    (lambda d: DataLoader(d, 4, sampler=SubsetRandomSampler(range(5))), "its sampler is a SubsetRandomSampler"),
    (lambda d: DataLoader(d, batch_sampler=[[0, 1], [2, 3]]), "it has a batch sampler of its own, or none"),
    (lambda d: DataLoader(d, batch_size=None), "it has a batch sampler of its own, or none"),
    (
        lambda d: DataLoader(d, 4, sampler=torch.utils.data.RandomSampler(d, replacement=True)),
        "its sampler is a RandomSampler",
    ),
    (
        lambda d: DataLoader(d, 4, sampler=torch.utils.data.RandomSampler(d, num_samples=5)),
        "its sampler is a RandomSampler",
    ),
    (lambda _d: DataLoader(Stream(), 4), "its dataset is an iterable one, whose position cannot be set"),
]


@pytest.mark.parametrize(("loader", "why"), SAMPLER_OF_ITS_OWN, ids=[why for _, why in SAMPLER_OF_ITS_OWN])
def test_a_loader_that_cannot_be_taken_apart_runs_and_says_why_it_is_not_exact(feeds, loader, why):
    feed = feeds(loader(Numbers()))
    assert not feed.exact
    assert why in feed.why
    assert len(take(feed, 5)) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": False},
        {"shuffle": True, "drop_last": True},
        {"sampler": torch.utils.data.RandomSampler(range(10), generator=torch.Generator())},
    ],
    ids=str,
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


def test_a_list_of_batches_is_exact(feeds):
    feed = feeds([10, 20, 30])
    assert feed.exact
    assert take(feed, 4) == [10, 20, 30, 10]
    position = feed.position()
    assert (feed.epoch, take(feed, 3)) == (1, [20, 30, 10])
    feed.seek(position)
    assert (feed.next(), feed.next()) == (20, 20)
    feed.reseed(3)
    assert take(feed, 1) == [20]


def test_an_iterable_is_iterated_anew_for_each_epoch(feeds):
    class Twice:
        def __iter__(self):
            return iter([1, 2])

        def __len__(self):
            return 2

    feed = feeds(Twice())
    assert (feed.exact, feed.steps_per_epoch) == (False, 2)
    assert feed.why == "Twice is an iterable whose position cannot be set"
    epochs = []
    for _ in range(5):
        feed.next()
        feed.advance()
        epochs.append(feed.epoch)
    assert epochs == [0, 1, 1, 2, 2]


def test_what_a_generator_raises_belongs_to_the_next_batch(feeds):
    def batches():
        yield 1
        raise OSError("the disk is gone")

    feed = feeds(batches())
    assert feed.steps_per_epoch is None
    assert take(feed, 1) == [1]
    with pytest.raises(OSError, match="the disk is gone"):
        feed.next()
    with pytest.raises(StopIteration):
        feed.next()


def test_an_iterable_dataset_is_batched(feeds):
    feed = feeds(Stream(), 8)
    assert not feed.exact
    assert [len(y) for _, y in take(feed, 4)] == [8, 8, 8, 6]
    assert feed.epoch == 1


@pytest.mark.parametrize(
    ("data", "batch_size", "error", "words"),
    [
        (Numbers(), None, ValueError, "A Dataset needs a batch size"),
        (Numbers(0), 4, ValueError, "The data set is empty"),
        (DataLoader(Numbers(0), 4), None, ValueError, "The data set is empty"),
        ([], None, ValueError, "The data is empty"),
        ([1, 2], 4, ValueError, "this data comes in batches already"),
        (DataLoader(Numbers(), 4, sampler=SubsetRandomSampler(range(5))), 4, ValueError, "batch_size cannot act here"),
        (5, None, TypeError, "int is no data"),
        ({"x": [1]}, 1, TypeError, "dict is no data"),
        ("digits", 1, TypeError, "str is no data"),
        ((torch.zeros(4, 2), torch.zeros(4)), None, TypeError, "pass torch.utils.data.TensorDataset"),
        ((torch.zeros(4, 2), torch.zeros(4)), 2, TypeError, "pass torch.utils.data.TensorDataset"),
    ],
)
def test_what_is_no_data_is_refused(data, batch_size, error, words):
    with pytest.raises(error, match=words):
        make_feed(data, batch_size, 0)


def run_on(data, **options):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return rt.Run(model, optimizer, data, loss_fn=cross_entropy, path=":memory:", **options)


def test_a_generator_that_runs_out_finishes_the_run():
    run = run_on((torch.randn(4, 6), torch.zeros(4, dtype=torch.int64)) for _ in range(5))
    run.start()
    run.wait()
    assert (run.status, run.head.step) == ("finished", 5)
    node = run.nodes.iloc[0]
    assert not node.exact
    assert node.why == "generator is an iterable whose position cannot be set"
    assert run.problems == [f"Not exact: {node.why}."]
    run.close()


def test_without_data_every_batch_is_none():
    seen = []
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch):
        seen.append(batch)
        optimizer.zero_grad()
        loss = model(torch.randn(4, 6)).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    run = rt.Run(model, optimizer, step=step, path=":memory:")
    run.step(3)
    assert seen == [None] * 3
    assert (run.head.epoch, run.problems) == (0, [])
    run.close()


def test_the_same_batch_comes_again_after_the_step_raised():
    seen, fail = [], itertools.count()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch):
        seen.append(batch[0].sum().item())
        if next(fail) == 2:
            raise ArithmeticError("once")
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    run = rt.Run(model, optimizer, Noisy(), step=step, batch_size=8, path=":memory:")
    with pytest.raises(ArithmeticError):
        run.step(5)
    run.step(3)
    assert run.head.step == 5
    assert seen[2] == seen[3]
    assert len(set(seen)) == 5
    run.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_registered_value_of_the_dataset_is_used_from_the_next_step_on_and_after_a_restore(workers):
    def go(*, back):
        data = Numbers(40)
        seen = []
        loader = DataLoader(data, 4, num_workers=workers)
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(batch):
            seen.append(batch[0].min().item())
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()

        run = rt.Run(model, optimizer, loader, step=step, path=":memory:")
        run.register("offset", lambda: data.offset, lambda value: setattr(data, "offset", value), low=0, high=9999)
        run.step(2)
        run.set(offset=1000)
        run.step(2)
        node = run.checkpoint()
        if back:
            run.set(offset=5000)
            run.step(2)
            del seen[4:]
            run.restore(node)
        run.step(2)
        run.close()
        return seen

    assert go(back=False) == go(back=True) == [0, 4, 1008, 1012, 1016, 1020]
