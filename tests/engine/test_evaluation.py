import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import retune_widget as rt
from retune_widget.engine.evaluation import aside, evaluation_over
from retune_widget.engine.state import LiveState
from tests.engine.laboratory import BATCH, N, Noisy, Odd, cross_entropy, losses, make_run, network

adam = torch.optim.Adam


def mean_of(output, target):
    return output.mean() + target.float().mean()


def draw_everywhere():
    return float(torch.rand(())) + random.random() + float(np.random.rand())  # noqa: NPY002


def trained(**options):
    torch.manual_seed(0)
    run = make_run(lambda p: adam(p, lr=0.01), model=Odd(), **options)
    run.step(N)
    result = losses(run), run.digest()
    frame = run.history
    run.close()
    return result, frame


def test_evaluating_has_no_effect_on_training():
    """With random validation data, at every step, every third, at epoch ends, never."""
    expected, _ = trained()
    for options in ({}, {"eval_every": 1}, {"eval_every": 3}):
        actual, frame = trained(val_data=DataLoader(Noisy(), BATCH, shuffle=True), metrics={"mean": mean_of}, **options)
        assert frame["val/loss"].notna().sum() == N // options.get("eval_every", 4)
        assert frame["val/mean"].notna().any()
        assert actual == expected


def test_an_evaluation_of_ones_own_that_draws_and_trains_leaves_no_trace():
    expected, _ = trained()
    torch.manual_seed(0)
    model = Odd()

    def evaluate():
        with torch.enable_grad():
            model.train()
            model(torch.randn(8, 6)).sum().backward()
        model.calls = -1
        return {"val/drawn": draw_everywhere()}

    run = make_run(lambda p: adam(p, lr=0.01), model=model, evaluate=evaluate, eval_every=2)
    run.step(N)
    assert (losses(run), run.digest()) == expected
    assert run.history["val/drawn"].notna().sum() == N // 2
    run.close()


def test_gradients_in_flight_are_not_touched_by_an_evaluation():
    model = network()
    live = LiveState({"model": model}, {}, {}, keep_gradients=True)
    model(torch.randn(8, 6)).sum().backward()
    kept = [parameter.grad for parameter in model.parameters()]
    before = live.capture({"step": 0}).digest()
    with aside(live), torch.enable_grad():
        assert all(parameter.grad is None for parameter in model.parameters())
        model(torch.randn(8, 6)).sum().backward()
    assert live.capture({"step": 0}).digest() == before
    assert all(p.grad is grad for p, grad in zip(model.parameters(), kept, strict=True))


def test_modes_buffers_attributes_and_generators_come_back_also_after_an_error():
    model = Odd()
    model.cell.eval()  # frozen by hand
    own = torch.Generator().manual_seed(1)
    average = network()
    live = LiveState({"model": model, "average": average}, {}, {"own": own}, keep_gradients=True)
    modes = [module.training for module in model.modules()]
    before = live.capture({"step": 0}).digest()
    with pytest.raises(ZeroDivisionError), aside(live):  # noqa: PT012  # what happens before the error is the point
        assert not any(module.training for module in [*model.modules(), *average.modules()])
        assert not torch.is_grad_enabled()
        model(torch.randn(8, 6))
        average.train()(torch.randn(8, 6))
        draw_everywhere()
        torch.rand(3, generator=own)
        raise ZeroDivisionError
    assert [module.training for module in model.modules()] == modes
    assert live.capture({"step": 0}).digest() == before
    assert torch.is_grad_enabled()


def test_the_noise_of_an_evaluation_depends_on_the_step_alone():
    def curve(*, disturb):
        run = make_run(lambda p: adam(p, lr=0.01), evaluate=lambda: {"val/drawn": draw_everywhere()}, eval_every=1)
        if disturb:
            run._engine.on_step, record = lambda *args: (torch.rand(3), record(*args)), run._engine.on_step
        run.step(5)
        drawn = run.history["val/drawn"].tolist()
        run.close()
        return drawn

    assert curve(disturb=False) == curve(disturb=True)
    assert len(set(curve(disturb=False))) == 5


def test_metrics_are_means_weighted_by_the_size_of_the_batches():
    x = torch.arange(10.0)[:, None]
    measure = evaluation_over(
        nn.Identity(),
        TensorDataset(x, x[:, 0]),
        {"mean": lambda output, _target: output.mean(), "float": lambda _output, target: float(target.mean())},
        None,
        batch_size=4,
    )
    values = measure()
    assert values == {"val/mean": torch.tensor(4.5), "val/float": 4.5}
    assert isinstance(values["val/mean"], torch.Tensor)


@pytest.mark.parametrize(
    "wrap", [lambda y: (y, y), lambda y: {"label": y}, lambda y: [{"a": y}]], ids=["tuple", "dict", "both"]
)
def test_the_size_of_a_batch_is_that_of_its_tensors(wrap):
    batches = [(torch.ones(3), wrap(torch.ones(3))), (torch.zeros(1), wrap(torch.zeros(1)))]
    assert evaluation_over(nn.Identity(), batches, {"mean": lambda o, _t: o.mean()}, None, 1)() == {"val/mean": 0.75}


def test_an_iterable_dataset_is_read_in_batches():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(torch.tensor([float(i)]), i) for i in range(5)])

    sizes = []
    evaluation_over(nn.Identity(), Stream(), {"m": lambda o, _t: sizes.append(len(o)) or 0.0}, None, 2)()
    assert sizes == [2, 2, 1]


def test_data_that_can_be_read_only_once_is_refused_at_the_call():
    model = network()
    with pytest.raises(ValueError, match="val_data is a generator, which can be read only once"):
        rt.Run(
            model, adam(model.parameters()), Noisy(), loss_fn=cross_entropy, batch_size=8, path=":memory:",
            val_data=(batch for batch in ()),
        )  # fmt: skip


def test_empty_validation_data_is_an_error():
    with pytest.raises(ValueError, match="val_data gave no batches"):
        evaluation_over(nn.Identity(), [], {}, None, 1)()
