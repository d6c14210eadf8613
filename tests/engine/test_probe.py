"""Batch sizes are tried out beside the run: what is measured, and that no trace is left."""

import math
import threading

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import retune_widget as rt
from retune_widget import schedules
from retune_widget.engine.probe import Throughput
from retune_widget.policies import Plateau
from retune_widget.tracking.throughput import throughput_frame
from tests.engine.laboratory import Noisy, cross_entropy, losses, network
from tests.engine.regularised import make
from tests.engine.test_out_of_memory import ERRORS
from tests.rig import in_thread, result_of, running

COLUMNS = ["batch_size", "samples_per_second", "seconds_per_step", "fits", "saturated"]


def probe(run, limit=32, *, start=2):
    return run.probe_batch_size(limit, start=start, seconds=1e-3)


def scheduled():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=60)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
    return rt.Run(
        model, optimizer, Noisy(), loss_fn=cross_entropy, batch_size=8, path=":memory:", scheduler=scheduler,
        scaler=scaler, schedules={"batch_size": schedules.linear(4, 9, 20), "dropout": schedules.linear(0.0, 0.5, 20)},
        policies=[Plateau("train/loss", "momentum", patience=2)],
    )  # fmt: skip


def in_own_step():
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=2)

    def step(batch):
        weight = run.value("weight", 0.5)

        def closure():
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1]) * weight
            loss.backward()
            return loss

        run.log(seen=len(batch[0]))
        return optimizer.step(closure)

    run = rt.Run(model, optimizer, Noisy(), step=step, batch_size=8, path=":memory:")
    return run


def grouped():
    run = make(data=DataLoader(Noisy(), 8, shuffle=True, drop_last=True), batch_size=None)
    run.set(accumulate=2, l1=0.01)
    return run


def with_workers():
    return make(data=DataLoader(Noisy(), 8, shuffle=True, num_workers=1), batch_size=None)


@pytest.mark.parametrize("at", [0, 6])
@pytest.mark.parametrize("begin", [make, scheduled, in_own_step, grouped, with_workers])
def test_the_run_is_what_it_was_and_trains_on_as_if_nothing_had_been(begin, at):
    plain, run = begin(), begin()
    for its in (plain, run):
        if at:
            its.step(at)
    state, shape = run.digest(), (len(run.tree.nodes), len(run.changes), len(run.history))
    limit = 4 if begin is with_workers else 16
    table = probe(run, limit)
    assert table["batch_size"].tolist() == [size for size in (2, 4, 8, 16) if size <= limit]
    assert (run.digest(), (len(run.tree.nodes), len(run.changes), len(run.history))) == (state, shape)
    for its in (plain, run):
        its.step(9)
    assert losses(run) == losses(plain)
    assert run.digest() == plain.digest()
    assert run.history.drop(columns="elapsed").equals(plain.history.drop(columns="elapsed"))
    assert run.problems == plain.problems
    plain.close()
    run.close()


def test_the_table():
    with running(data=Noisy(), model=network(), batch_size=8) as run:
        table = probe(run, 1000)
        assert table.columns.tolist() == COLUMNS
        assert table["batch_size"].tolist() == [2, 4, 8, 16]
        products = table["samples_per_second"] * table["seconds_per_step"]
        assert products.tolist() == pytest.approx([2, 4, 8, 16])
        assert (table["seconds_per_step"] > 0).all()
        assert table["fits"].all()
        assert probe(run, 8, start=3)["batch_size"].tolist() == [4, 8]
        assert run.hyperparameters["batch_size"].value == 8


@pytest.mark.parametrize(("drop_last", "count"), [(False, 1), (True, 1), (False, 3)])
def test_only_whole_steps_are_timed(drop_last, count):
    """11 samples: of the last batch of an epoch, which is smaller, nothing is made; nor is a shorter group."""
    seen = []
    data = TensorDataset(torch.randn(11, 6), torch.arange(11) % 3)
    loader = DataLoader(data, 2, shuffle=True, drop_last=drop_last)
    model = network()
    model.register_forward_hook(lambda _model, inputs, _output: seen.append(len(inputs[0])))
    with running(data=loader, model=model) as run:
        run.set(accumulate=count) if count > 1 else None
        table = probe(run, 8)
    whole = {2: [2], 4: [4], 8: [8]} if count == 1 else {2: [2], 4: [4, 4, 3], 8: [8, 3]}
    assert set(seen) == {size for its in whole.values() for size in its}
    samples = (table["samples_per_second"] * table["seconds_per_step"]).round().tolist()
    assert samples == [sum(its) if size > 2 else 2 * count for size, its in whole.items()]


def test_a_schedule_of_the_batch_size_does_not_move_on_meanwhile():
    seen = []
    model = network()
    model.register_forward_hook(lambda _model, inputs, _output: seen.append(len(inputs[0])))
    with running(data=Noisy(), model=model, batch_size=8) as run:
        run.schedule("batch_size", schedules.linear(4, 9, 5))
        run.step(2)
        del seen[:]
        probe(run, 16)
        assert set(seen) == {2, 4, 8, 16}
        assert (run.hyperparameters["batch_size"].value, run.governed["batch_size"].mode) == (6, "scale")


def test_each_size_begins_with_the_live_state():
    seen = {}

    def step(batch):
        seen.setdefault(len(batch[0]), (run.head.step, model[0].weight.detach().clone()))
        loss = cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = rt.Run(model, optimizer, Noisy(), step=step, batch_size=8, path=":memory:")
    run.step(5)
    weight = model[0].weight.detach().clone()
    seen.clear()
    probe(run, 16)
    assert [its[0] for its in seen.values()] == [5] * 4
    assert all(torch.equal(its, weight) for _, its in seen.values())
    run.close()


@pytest.mark.parametrize("error", ERRORS, ids=lambda its: f"{type(its).__name__} {str(its)[:12]}")
def test_where_memory_runs_out_it_ends_and_the_state_is_back(error):
    fails = []

    def loss(output, target):
        if len(output) >= 16 and fails:
            torch.rand(3)
            raise error
        return cross_entropy(output, target)

    plain, run = make(loss_fn=loss), make(loss_fn=loss)
    for its in (plain, run):
        its.step(5)
    fails.append(True)
    table = probe(run)
    assert table["batch_size"].tolist() == [2, 4, 8, 16]
    assert table["fits"].tolist() == [True, True, True, False]
    assert math.isnan(table["samples_per_second"].iloc[-1])
    assert math.isnan(table["seconds_per_step"].iloc[-1])
    assert not table["saturated"].iloc[-1]
    for its in (plain, run):
        its.step(5)
    assert (run.digest(), run.problems) == (plain.digest(), [])
    plain.close()
    run.close()


def test_another_error_is_told_and_the_state_is_back():
    fails = []

    def loss(output, target):
        if fails:
            raise RuntimeError("size mismatch")
        return cross_entropy(output, target)

    run = make(loss_fn=loss)
    run.step(3)
    digest = run.digest()
    fails.append(True)
    with pytest.raises(RuntimeError, match="size mismatch"):
        probe(run)
    assert run.digest() == digest
    run.close()


def test_while_it_trains_and_from_within_a_step():
    asks, asked = [], []

    def step(batch):
        loss = cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if asks and not asked:
            asked.append(probe(run, 4))
        return loss

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = rt.Run(model, optimizer, Noisy(), step=step, batch_size=8, path=":memory:")
    run.start()
    table = probe(run, 8)
    asks.append(True)
    run.step(10)
    assert table["batch_size"].tolist() == [2, 4, 8]
    assert asked[0].result()["batch_size"].tolist() == [2, 4]
    assert run.history["step"].is_monotonic_increasing
    run.close()


def test_it_is_given_up_when_somebody_wants_to_pause():
    begun, going_on = threading.Event(), threading.Event()

    def loss(output, target):
        if begun.is_set() or len(output) == 4:
            begun.set()
            assert going_on.wait(30)
        return cross_entropy(output, target)

    with running(data=Noisy(), model=network(), batch_size=8, loss_fn=loss) as run:
        run.step(1)
        digest = run.digest()
        asked = in_thread(probe, run)
        assert begun.wait(30)
        run.pause()
        going_on.set()
        with pytest.raises(rt.StatusError, match="it was cancelled"):
            result_of(asked)
        assert run.digest() == digest


def test_it_is_refused_where_the_loop_is_the_users_own():
    own = {"data": Noisy(), "batch_size": 8}
    told = r"trained by a loop over run.batches\(\): pass loss_fn= or step="
    with running(bare=True, model=network(), **own) as run, pytest.raises(rt.StatusError, match=told):
        probe(run)
    with running(model=network(), **own) as run:
        for _ in run.batches():
            break
        with pytest.raises(rt.StatusError, match="trained by a loop"):
            probe(run)


def test_it_is_refused_where_batches_come_as_they_are_and_for_sizes_that_mean_nothing():
    with running() as run, pytest.raises(rt.StatusError, match="The batch size cannot be changed here"):
        probe(run)
    with running(data=Noisy(), model=network(), batch_size=8) as run:
        for limit, start, seconds in [(0, 2, 1.0), (8, 0, 1.0), (8, 2, 0.0), (8, 2, math.nan), (8, 2.5, 1.0)]:
            with pytest.raises(ValueError, match="must be a"):
                run.probe_batch_size(limit, start=start, seconds=seconds)
        with pytest.raises(ValueError, match="There is no power of two from 17 to 30 to try out"):
            run.probe_batch_size(start=17)


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        ([100, 200, 400, 800], [False] * 4),
        ([100, 200, 205, 210], [False, True, True, True]),
        ([100, 105, 200, 210], [False, False, True, True]),
        ([100, 200, 150, 400, None], [False, False, False, False, False]),
        ([100, 200, 202, None], [False, True, True, False]),
        ([100], [False]),
        ([None], [False]),
    ],
)
def test_saturated_is_where_no_larger_size_gives_a_tenth_more(speeds, expected):
    measured = [Throughput(2**at, 2**at, its and 2**at / its) for at, its in enumerate(speeds)]
    assert throughput_frame(measured)["saturated"].tolist() == expected
