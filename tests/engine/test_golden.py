"""The golden test: going back and training on gives the bits of the run that never went back."""

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn

import retune_widget as rt
from tests.engine.laboratory import (
    BATCH,
    K,
    N,
    Noisy,
    assert_golden,
    cross_entropy,
    losses,
    make_run,
    network,
    straight,
)

REQUIRED = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "LBFGS": lambda p: optim.LBFGS(p, lr=0.1, max_iter=3),
}
MORE = {
    "SGD nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "SGD foreach": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, foreach=True),
    "SGD fused": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
    "Adam amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW fused": lambda p: optim.AdamW(p, lr=0.01, fused=True),
    "AdamW tensor lr": lambda p: optim.AdamW(p, lr=torch.tensor(0.01)),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=0.5),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "ASGD": lambda p: optim.ASGD(p, lr=0.05, t0=5),
    "Adafactor": lambda p: optim.Adafactor(p, lr=0.01),
    "LBFGS wolfe": lambda p: optim.LBFGS(p, lr=0.5, max_iter=4, line_search_fn="strong_wolfe"),
}
SCHEDULERS = {
    "step": lambda o: lr_scheduler.StepLR(o, 5, 0.5),
    "multistep": lambda o: lr_scheduler.MultiStepLR(o, [3, 15, 18], 0.5),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.95),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 20),
    "warm restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 6),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.2, total_steps=40),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda step: 0.97**step),
    "multiplicative": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _step: 0.97),
    "polynomial": lambda o: lr_scheduler.PolynomialLR(o, 40),
    "linear": lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=20),
    "constant": lambda o: lr_scheduler.ConstantLR(o, 0.1, total_iters=16),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, step_size_up=5),
    "swa": lambda o: SWALR(o, 0.01),
    "chained": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1, 4), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "sequential": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1, 16), lr_scheduler.ExponentialLR(o, 0.9)], [16]
    ),
}
sgd, adam = REQUIRED["SGD"], REQUIRED["Adam"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", REQUIRED)
def test_every_bit_is_the_same_after_going_back(name, workers):
    assert_golden(lambda: make_run(REQUIRED[name], workers=workers))


@pytest.mark.parametrize("name", MORE)
def test_more_optimizers(name):
    assert_golden(lambda: make_run(MORE[name]))


def test_muon():
    def make():
        model = network()
        matrices = [p for p in model.parameters() if p.ndim == 2]
        others = [p for p in model.parameters() if p.ndim != 2]
        optimizers = {"muon": optim.Muon(matrices, lr=0.02), "adam": optim.Adam(others, lr=0.01)}

        def step(batch):
            for its in optimizers.values():
                its.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            for its in optimizers.values():
                its.step()
            return loss

        return rt.Run(model, optimizers, Noisy(), step=step, batch_size=BATCH, path=":memory:")

    assert_golden(make)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["NAdam", "ASGD"])
def test_state_of_another_type_than_the_parameters(name, dtype):
    class Typed(Noisy):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x.to(dtype), y

    def make():
        model = network(dtype=dtype)
        return rt.Run(
            model, MORE[name](model.parameters()), Typed(), loss_fn=cross_entropy, batch_size=BATCH, path=":memory:"
        )

    assert_golden(make)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name):
    def make():
        model = network()
        optimizer = sgd(model.parameters())
        return rt.Run(
            model, optimizer, Noisy(), loss_fn=cross_entropy, batch_size=BATCH, path=":memory:",
            scheduler=SCHEDULERS[name](optimizer),
        )  # fmt: skip

    assert_golden(make)


@pytest.mark.parametrize(("k", "n"), [(0, 9), (8, 17), (1, 5), (15, 16)])
def test_at_the_start_and_around_the_end_of_an_epoch(k, n):
    def go(run, steps):
        if steps:
            run.step(steps)

    assert_golden(lambda: make_run(adam), k=k, n=n, go=go)


def test_through_the_disk_store(tmp_path):
    places = iter(range(2))
    assert_golden(lambda: make_run(adam, path=tmp_path / str(next(places))))
    assert list((tmp_path / "1").rglob("*.safetensors"))


def test_a_step_function():
    def make():
        model = network()
        optimizer = adam(model.parameters())

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return {"loss": loss, "noise": torch.rand(())}

        return rt.Run(model, optimizer, Noisy(), step=step, batch_size=BATCH, path=":memory:")

    assert_golden(make)


def own_loop(run, steps, *, accumulate=1):
    """The user's own loop: `accumulate` batches for one step of the optimizer."""
    model, optimizer = run.parts
    for count, (x, y) in enumerate(run.batches(), 1):
        loss = cross_entropy(model(x), y)
        (loss / accumulate).backward()
        if (run.head.step + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        run.log(loss=loss, drawn=torch.rand(()) + float(np.random.rand()))  # noqa: NPY002
        if count == steps:
            run.pause()
            break


def run_for_own_loop(**options):
    model = network()
    optimizer = adam(model.parameters())
    run = rt.Run(model, optimizer, Noisy(), batch_size=BATCH, path=":memory:", **options)
    run.parts = model, optimizer
    return run


def test_the_users_own_loop():
    assert_golden(run_for_own_loop, go=own_loop)


@pytest.mark.parametrize("loss_fn", [None, cross_entropy], ids=["own loss", "loss_fn for the evaluation"])
def test_gradients_in_flight(loss_fn):
    def go(run, steps):
        own_loop(run, steps, accumulate=4)

    assert K % 4
    assert_golden(lambda: run_for_own_loop(loss_fn=loss_fn), go=go)


def test_a_gradient_scaler_and_its_growth():
    def make():
        model = network()
        optimizer = sgd(model.parameters())
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
        return rt.Run(
            model, optimizer, Noisy(), loss_fn=cross_entropy, batch_size=BATCH, path=":memory:", scaler=scaler
        )

    assert_golden(make)


def test_an_average_of_the_model():
    def make():
        model = network()
        optimizer = sgd(model.parameters())
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1]) + 0.1 * average(batch[0]).square().mean().detach()
            loss.backward()
            optimizer.step()
            average.update_parameters(model)
            return loss

        return rt.Run(
            model, optimizer, Noisy(), step=step, batch_size=BATCH, path=":memory:", modules={"average": average}
        )

    assert_golden(make)


def test_frozen_parameters_that_are_thawed_and_join_the_optimizer_later():
    def make():
        model = network()
        for parameter in model[0].parameters():
            parameter.requires_grad_(False)
        run = make_run(lambda _parameters: sgd(model[4].parameters()), model=model)
        run.parts = model
        return run

    def thaw(run):
        for parameter in run.parts[0].parameters():
            parameter.requires_grad_(True)
        run._engine.live.optimizers["optimizer"].add_param_group({"params": [*run.parts[0].parameters()], "lr": 0.5})
        run.step(2)

    assert_golden(make, before_restore=thaw)


def test_draws_between_steps_change_nothing():
    def go(run, steps):
        for _ in range(steps):
            torch.randn(3)
            np.random.rand()  # noqa: NPY002
            run.step(1)

    _, expected, _ = straight(lambda: make_run(adam))
    run = make_run(adam)
    go(run, N)
    assert losses(run) == expected
    run.close()


def test_two_restores_from_one_node_and_siblings_between_them():
    at_k, expected, at_n = straight(lambda: make_run(adam))
    run = make_run(adam)
    run.step(K)
    node = run.checkpoint()
    for values in ({}, {"lr": 0.5, "betas": (0.5, 0.6)}, {"weight_decay": 0.1}):
        run.branch(node, values)
        run.step(6)
    for _ in range(2):
        run.restore(node)
        assert run.digest() == at_k
        run.step(N - K)
        assert (losses(run), run.digest()) == (expected, at_n)
    run.close()


def test_the_background_thread_and_the_step_command_give_the_same():
    _, expected, at_n = straight(lambda: make_run(adam))
    run = make_run(adam, max_steps=N)
    run.start()
    run.wait()
    assert (losses(run), run.digest()) == (expected, at_n)
    run.close()
