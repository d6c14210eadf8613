"""Every bad input is a clear error at the call; training goes on with the old value (the design's list, in order)."""

import errno
import os

import pytest
import torch
from torch import nn, optim
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

import retune_widget as rt
from retune_widget.errors import StoreError
from tests.rig import PATIENCE, batches, network, running, sgd


def dataset(size=32):
    inputs = torch.randn(size, 4, generator=torch.Generator().manual_seed(0))
    return TensorDataset(inputs, (inputs.sum(1) > 0).long())


def make(model=None, optimizer=None, data=None, **options):
    model = network() if model is None else model
    optimizer = sgd(model if isinstance(model, nn.Module) else network()) if optimizer is None else optimizer
    return rt.Run(model, optimizer, batches() if data is None else data, **{"path": ":memory:", **options})


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"lrr": 0.1}, rt.UnknownHyperparameterError, "There is no hyperparameter 'lrr'. Did you mean lr"),
        (
            {"batch_size": 8},
            rt.UnknownHyperparameterError,
            r"There are: lr.*run.register\('batch_size', get, set\) adds one",
        ),
        ({"lr": float("nan")}, rt.HyperparameterError, "lr cannot be nan: give a finite number"),
        ({"lr": float("inf")}, rt.HyperparameterError, "lr cannot be inf: give a finite number"),
        ({"lr": -0.1}, rt.HyperparameterError, "SGD refuses it: Invalid learning rate: -0.1"),
        ({"lr": "fast"}, rt.HyperparameterError, r"lr takes a number, not 'fast' \(str\)"),
        ({"lr": True}, rt.HyperparameterError, r"lr takes a number, not True \(bool\)"),
        ({"lr": None}, rt.HyperparameterError, "lr takes a number, not None"),
        ({"lr": [0.1]}, rt.HyperparameterError, r"lr takes a number, not \[0.1\]"),
        ({"maximize": 1}, rt.HyperparameterError, "maximize is on or off: give True or False, not 1"),
        ({"nesterov": True}, rt.HyperparameterError, "Nesterov momentum requires a momentum and zero dampening"),
        ({"dampening": 0.1}, rt.HyperparameterError, "dampening would have no effect"),
        ({3: 0.1}, rt.UnknownHyperparameterError, "There is no hyperparameter 3"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_bad_value_is_refused_and_training_goes_on_with_the_old_one(asked, error, words, training):
    with running() as run:
        run.step(2)
        if training:
            run.start()
        with pytest.raises(error, match=words):
            run.set(asked)
        assert run.status == ("running" if training else "paused")
        run.pause()
        run.wait(PATIENCE)
        run.step(1)
        assert set(run.history.lr) == {0.1}
        assert len(run.tree.nodes) == 1


def test_a_change_that_the_optimizer_would_ignore_is_refused():
    with running(lambda model: optim.Rprop(model.parameters())) as run:
        run.step(1)
        with pytest.raises(rt.HyperparameterError, match="lr would have no effect: Rprop uses lr for its first step"):
            run.set(lr=0.5)
        assert run.hyperparameters["lr"].takes_effect.startswith("never")


def test_a_change_that_the_optimizer_would_crash_on_is_made_right():
    with running(lambda model: optim.Adam(model.parameters())) as run:
        run.step(2)
        run.set(amsgrad=True)
        run.step(2)
        assert run.status == "paused"


@pytest.mark.parametrize("size", [33, 0, -1, 2.5, True])
def test_a_batch_size_that_the_data_set_cannot_give(size):
    with pytest.raises((ValueError, rt.HyperparameterError), match="batch_size"):
        make(data=dataset(32), batch_size=size, loss_fn=cross_entropy)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("n99", "There is no node 'n99' in this run. `run.nodes` lists the 1 there are"),
        ("", "There is no node ''"),
        (None, "None is no node: a change whose values were in force already makes none"),
        (0, "There is no node 0"),
    ],
)
def test_a_node_that_does_not_exist(place, words):
    with running() as run:
        for call in (run.restore, run.branch, lambda its: run.note(its, "x"), run.lineage_history):
            with pytest.raises(rt.UnknownNodeError, match=words):
                call(place)


def test_a_node_of_another_run():
    with running() as run, running() as other:
        for call in (run.restore, run.branch, lambda its: run.note(its, "x"), run.lineage_history):
            with pytest.raises(rt.UnknownNodeError, match="belongs to another run, or its branch was deleted"):
                call(other.tree.root)
        other.rename("main", "theirs")
        for call in (run.delete_branch, lambda its: run.rename(its, "x"), run.lineage_history):
            with pytest.raises(rt.UnknownNodeError, match=r"There is no branch 'theirs' in this run"):
                call(other.tree.branches[0])


def test_a_restore_into_a_model_of_another_shape():
    model = network()
    with running(model=model) as run:
        run.step(1)
        model[0] = nn.Linear(4, 16)
        with pytest.raises(rt.RestoreError, match=r"the parameter '0.weight' is \(16, 4\) of float32 now and \(8, 4\)"):
            run.restore("n0")
        assert run.head.step == 1


def test_a_directory_that_holds_a_run_already(tmp_path):
    make(path=tmp_path / "run", loss_fn=cross_entropy).close()
    with pytest.raises(rt.StoreError, match=r"There is a run in .* already, and nothing is overwritten"):
        make(path=tmp_path / "run", loss_fn=cross_entropy)


def test_a_directory_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(rt.StoreError, match="is a file, and a run needs a directory"):
        make(path=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_with_other_things_in_it(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(rt.StoreError, match=r"is not a run directory: it holds 'thesis.tex'"):
        make(path=tmp_path)


def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "run")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(rt.StoreError, match="Permission denied"):
        make(path=tmp_path / "run")


def test_a_full_disk_is_reported_and_training_goes_on(tmp_path, monkeypatch):
    run = make(path=tmp_path / "run", loss_fn=cross_entropy)
    run.step(2)
    assert run.flush(PATIENCE)

    def full(*_args):
        raise StoreError("The run cannot be written: No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(run._store, "save_checkpoint", full)
        node = run.checkpoint()
        run.flush(PATIENCE)
        assert not node.saved
        assert any("No space left on device" in problem for problem in run.problems)
        run.step(3)
        assert run.head.step == 5
        run.restore(node)  # it is still in memory
        assert run.head.step == 2
    assert run.flush(PATIENCE)
    assert (node.saved, run.problems) == (True, [])
    run.close()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"data": dataset()}, ValueError, r"A Dataset needs a batch size: Run\(..., batch_size=64\)"),
        ({"data": dataset(0), "batch_size": 4}, ValueError, "empty: there is nothing to train on"),
        ({"data": []}, ValueError, "empty: there is nothing to train on"),
        ({"data": 3}, TypeError, "int is no data: pass a Dataset, a DataLoader, an iterable of batches, or None"),
        ({"batch_size": 4}, ValueError, "batch_size is for a Dataset"),
        ({"model": 3}, TypeError, "model 'model' must be a torch.nn.modules.module.Module, not int"),
        ({"model": {}}, ValueError, "model is an empty dict: there is nothing to train"),
        ({"optimizer": "sgd"}, TypeError, "optimizer 'optimizer' must be a torch.optim.optimizer.Optimizer, not str"),
        ({"optimizer": {}}, ValueError, "optimizer is an empty dict"),
        ({"model": {"a.b": network()}}, ValueError, "must be a word without '/' and '.'"),
        ({"loss_fn": 3}, TypeError, "loss_fn must be a function, not 3"),
        ({"step": "go"}, TypeError, "step must be a function, not 'go'"),
        ({"loss_fn": cross_entropy, "step": print}, ValueError, r"Pass loss_fn= .* or step= .*, not both"),
        ({"metrics": {"accuracy": 1}, "val_data": batches()}, TypeError, "accuracy must be a function, not 1"),
        ({"metrics": {"accuracy": print}}, ValueError, "need val_data= to measure on"),
        ({"eval_every": 2}, ValueError, "need val_data= to measure on"),
        ({"eval_every": 0, "evaluate": dict}, ValueError, "eval_every must be a whole number from 1, not 0"),
        ({"max_steps": 0}, ValueError, "max_steps must be a whole number from 1, not 0"),
        ({"max_steps": 2.5}, ValueError, "max_steps must be a whole number from 1, not 2.5"),
        ({"max_steps": True}, ValueError, "max_steps must be a whole number from 1, not True"),
        ({"epochs": -1}, ValueError, "epochs must be a whole number from 1, not -1"),
        ({"epochs": 2, "data": iter(batches())}, ValueError, "epochs= needs data whose length is known"),
        ({"checkpoint_every": -1}, ValueError, "checkpoint_every must be a whole number from 1, not -1"),
        ({"checkpoint_every": False}, ValueError, "checkpoint_every must be a whole number from 1, not False"),
        ({"window": 0}, ValueError, "window must be a whole number from 1, not 0"),
        ({"budget": "much"}, ValueError, "budget must be a number of bytes, or text such as '2 GB' .* not 'much'"),
        ({"budget": 0}, ValueError, "budget must be a number of bytes, .* not 0"),
        ({"budget": "-2 GB"}, ValueError, "budget must be a number of bytes, .* not '-2 GB'"),
        ({"budget": True}, ValueError, "budget must be a number of bytes, .* not True"),
        ({"best": "val/loss"}, ValueError, r"best='val/loss' needs an evaluation that measures it: pass val_data="),
        (
            {"best": "val/los", "val_data": batches(), "loss_fn": cross_entropy},
            ValueError,
            "no such metric, only val/loss",
        ),
        ({"best": "val/accuracy", "evaluate": dict}, ValueError, r"Say which: best=\('val/accuracy', 'max'\)"),
        ({"best": ("val/loss", "low"), "evaluate": dict}, ValueError, "best must be a metric, 'val/loss', or a pair"),
        ({"seed": "lucky"}, ValueError, "seed must be a whole number, not 'lucky'"),
        ({"scheduler": object()}, TypeError, "scheduler is a object without state_dict"),
        ({"modules": {"model": network()}}, ValueError, "this name is taken"),
        ({"modules": {"counter": 3}}, TypeError, "counter is a int without state_dict and load_state_dict"),
        (
            {"device": "meta", "loss_fn": cross_entropy},
            ValueError,
            "device='meta', but the parameter '0.weight' is on",
        ),
    ],
)
def test_arguments_that_make_no_sense(options, error, words, tmp_path):
    with pytest.raises(error, match=words):
        make(**options, path=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_built_in_step_trains_one_model():
    models = {"a": network(), "b": network()}
    with pytest.raises(ValueError, match="loss_fn= trains one model with one optimizer"):
        make(models, sgd(models["a"]), loss_fn=cross_entropy)


def test_a_plateau_scheduler_needs_a_loop_that_gives_it_a_metric():
    model = network()
    optimizer = sgd(model)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match="ReduceLROnPlateau needs a metric"):
        make(model, optimizer, loss_fn=cross_entropy, scheduler=scheduler)


def test_a_state_that_cannot_be_captured_is_refused_before_anything_is_written(tmp_path):
    model = network()
    optimizer = sgd(model)
    optimizer.param_groups[0]["callback"] = print
    with pytest.raises(rt.CaptureError, match="callback"):
        make(model, optimizer, path=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("count", [0, -1, 2.0, True, "3"])
def test_a_number_of_steps_that_makes_no_sense(count):
    with running() as run, pytest.raises(ValueError, match="n must be a whole number from 1"):
        run.step(count)


def test_max_steps_that_make_no_sense():
    with running(max_steps=5) as run:
        with pytest.raises(ValueError, match="max_steps must be a whole number from 1, not -1"):
            run.max_steps = -1
        assert run.max_steps == 5


def test_every_error_on_purpose_is_a_retune_error_and_reads_as_its_sentence():
    for error in (rt.UnknownNodeError, rt.UnknownHyperparameterError, rt.HyperparameterError, rt.StatusError):
        assert issubclass(error, rt.RetuneError)
        assert str(error("A sentence.")) == "A sentence."
