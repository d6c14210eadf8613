"""Every kind of data: loaders that cannot be taken apart, lists, iterables, nothing; and data in a run."""

import itertools

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler, WeightedRandomSampler

import retune_widget as rt
from retune_widget.engine.feed import make_feed
from tests.engine.laboratory import Noisy, Numbers, cross_entropy, network, take


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Noisy())


SAMPLER_OF_ITS_OWN = [
    (
        lambda d: DataLoader(d, 4, sampler=WeightedRandomSampler([1.0] * 10, 10)),
        "its sampler is a WeightedRandomSampler",
    ),
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
