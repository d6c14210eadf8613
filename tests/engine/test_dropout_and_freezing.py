"""Dropouts, all together and each by its path, and param groups that are frozen for a while."""

import pytest
import torch
from torch import nn, optim

import retune_widget as rt
from tests.engine.regularised import make, model, parameters
from tests.rig import running


def test_all_dropouts_and_each():
    twin = model()
    run = make(network=twin)
    assert run.hyperparameters["dropout"].value == pytest.approx(0.2)
    run.set(dropout=0.2)  # the mean of both: a change nevertheless
    assert (twin[3].p, twin[5].p) == (0.2, 0.2)
    run.set({"dropout": 0.5, "5.p": 0.25})
    assert (twin[3].p, twin[5].p) == (0.5, 0.25)
    run.set({"3.p": 0.2})
    run.step(2)
    assert run.set(dropout=0.4).notices == ()
    assert run.set({"3.p": 0.4}).values == ()
    run.undo()
    assert (twin[3].p, twin[5].p) == (0.2, 0.25)
    run.close()


def test_one_of_them_put_back_at_the_same_boundary():
    """The journal has `dropout` and the other one: training that again must not move the first."""
    run = make()
    run.step(2)
    run.set(dropout=0.5)
    run.set({"3.p": 0.3})
    run.step(2)
    assert run.verify(run.checkpoint())
    run.close()


def test_one_dropout_is_understood_by_its_path():
    twin = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    with running(model=twin) as run:
        run.set({"1.p": 0.25})
        assert twin[1].p == run.hyperparameters["dropout"].value == 0.25
        assert run.changes.key.tolist() == ["dropout"]


def test_a_compiled_model_says_what_a_new_dropout_costs():
    twin = torch.compile(nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)), backend="eager")
    with running(model=twin) as run:
        assert "one more graph for each new value" in run.set({"1.p": 0.25}).notices[0]


def test_dropout_of_an_average_is_left_alone():
    twin = model()
    average = optim.swa_utils.AveragedModel(twin)
    run = make(network=twin, modules={"average": average})
    run.set(dropout=0.5)
    assert average.module[3].p == 0.3
    run.close()


def test_a_frozen_group_stays_and_goes_on():
    twin = model()
    twin[0].bias.requires_grad_(False)
    run = make(network=twin)
    run.step(3)
    run.set({"body.frozen": True})
    body, head = parameters(twin[:6]), parameters(twin[6])
    state = run._engine.live.optimizers["optimizer"].state[twin[0].weight]["exp_avg"].clone()
    run.step(3)
    assert torch.equal(parameters(twin[:6]), body)
    assert not torch.equal(parameters(twin[6]), head)
    with pytest.raises(rt.HyperparameterError, match="Everything would be frozen"):
        run.set({"head.frozen": True})
    run.set({"body.frozen": False})
    assert torch.equal(run._engine.live.optimizers["optimizer"].state[twin[0].weight]["exp_avg"], state)
    assert not twin[0].bias.requires_grad, "it was frozen before we froze anything"
    run.step(1)
    assert not torch.equal(parameters(twin[:6]), body)
    run.close()
