"""Finding hyperparameters, their keys, and reading and writing them in place."""

import numpy as np
import pytest
import torch
from torch import nn, optim

import retune_widget as rt
from retune_widget.engine.discover import discover, group_names
from retune_widget.engine.hyperparameters import checked
from tests.rig import network, running, sgd


def two_groups(model, **names):
    first, second = model[0].parameters(), model[2].parameters()
    a, b = {"params": list(first), "lr": 0.1}, {"params": list(second), "lr": 0.2}
    return optim.SGD([a | names.get("first", {}), b | names.get("second", {})])


def test_one_group_has_plain_keys():
    found = discover({"optimizer": optim.AdamW(network().parameters())})
    expected = ["lr", "betas[0]", "betas[1]", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay"]
    assert list(found) == expected
    assert [found[key].kind for key in ("lr", "amsgrad")] == ["float", "bool"]
    assert [found[key].scale for key in ("lr", "betas[0]", "weight_decay")] == ["log", "one_minus_log", "log"]


def test_a_whole_number_in_a_field_of_fractions_takes_fractions():
    assert discover({"optimizer": optim.SGD(network().parameters(), lr=1)})["lr"].kind == "float"
    assert discover({"optimizer": optim.LBFGS(network().parameters())})["max_iter"].kind == "int"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"first": {"name": "body"}, "second": {"name": "head"}}, ["body", "head"]),
        ({}, ["group0", "group1"]),
        ({"second": {"name": "head"}}, ["group0", "head"]),
        ({"first": {"name": "same"}, "second": {"name": "same"}}, ["group0", "group1"]),
        ({"first": {"name": "group1"}}, ["group1", "group1_"]),
        ({"first": {"name": ""}}, ["group0", "group1"]),
    ],
)
def test_groups_are_named_or_numbered_and_never_alike(names, expected):
    assert group_names(two_groups(network(), **names)) == expected


def test_several_optimizers_stand_in_the_key():
    one, other = network(), network()
    found = discover({"generator": sgd(one), "discriminator": two_groups(other)})
    assert {"generator.lr", "discriminator.group0.lr", "discriminator.group1.lr"} <= set(found)
    assert "lr" not in found


def test_a_slider_reaches_the_value_that_is_in_force():
    found = discover({"optimizer": sgd(network(), lr=5.0, weight_decay=1e-9)})
    assert found["lr"].low < 5.0 <= found["lr"].high
    assert found["weight_decay"].low <= 1e-9


def test_the_value_of_a_hyperparameter_is_the_live_one():
    with running() as run:
        lr = run.hyperparameters["lr"]
        run.set(lr=0.5)
        assert lr.value == 0.5
        assert "lr=0.5" in repr(lr)
        with pytest.raises(TypeError):
            run.hyperparameters["lr"] = lr


def test_a_tuple_keeps_its_type_and_its_other_elements():
    with running(lambda model: optim.Adam(model.parameters(), betas=(0.9, 0.999))) as run:
        group = run._engine.live.optimizers["optimizer"].param_groups[0]
        group["betas"] = [0.9, 0.999]
        run.set({"betas[0]": 0.5})
        assert group["betas"] == [0.5, 0.999]
        run.set(betas=(0.6, 0.99))
        assert group["betas"] == [0.6, 0.99]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("float", torch.tensor([0.5]), 0.5),
        ("int", 3.0, 3),
        ("int", np.int64(3), 3),
        ("bool", np.True_, True),
        ("bool", torch.tensor(False), False),
    ],
)
def test_numbers_of_other_libraries_are_taken(kind, value, expected):
    result = checked("key", kind, value)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("float", float("nan"), "cannot be nan"),
        ("float", float("-inf"), "cannot be -inf"),
        ("float", 10**400, "cannot be inf"),
        ("float", True, "takes a number, not True"),
        ("float", "0.1", "takes a number, not '0.1' \\(str\\)"),
        ("float", None, "takes a number, not None"),
        ("float", 1j, "takes a number, not 1j"),
        ("float", np.array([1.0, 2.0]), "takes a number"),
        ("float", torch.zeros(2), "takes a number"),
        ("int", 2.5, "takes a whole number, not 2.5"),
        ("int", float("nan"), "cannot be nan"),
        ("bool", 1, "is on or off: give True or False, not 1"),
        ("bool", "yes", "is on or off"),
    ],
)
def test_other_things_are_refused(kind, value, words):
    with pytest.raises(rt.HyperparameterError, match=words):
        checked("key", kind, value)


def own(run, value=0.1, **options):
    kept = [value]
    run.register("smoothing", lambda: kept[0], lambda new: kept.__setitem__(0, new), **options)
    return kept


def test_a_registered_one_is_set_recorded_and_restored():
    with running() as run:
        kept = own(run, low=0.0, high=0.5)
        run.step(2)
        before = run.checkpoint()
        run.set(smoothing=0.3)
        run.step(2)
        assert kept == [0.3]
        assert run.history.smoothing.tolist() == [0.1, 0.1, 0.3, 0.3]
        run.restore(before)
        assert kept == [0.1]


def test_a_registered_one_keeps_its_bounds_and_its_kind():
    with running() as run:
        own(run, low=0.0, high=0.5)
        with pytest.raises(rt.HyperparameterError, match=r"smoothing must be from 0 to 0.5: 0.6"):
            run.set(smoothing=0.6)
        with pytest.raises(rt.HyperparameterError, match="There is a hyperparameter 'smoothing' already"):
            own(run)


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        (0.9, {"high": 0.5}, "smoothing is 0.9 now, which is not from 0 to 0.5"),
        (0.1, {"low": 1.0, "high": 0.0}, "low must be below high"),
        (float("nan"), {}, "cannot be nan"),
        ("much", {}, "takes a number"),
    ],
)
def test_a_registered_one_that_makes_no_sense_is_refused(value, options, words):
    with running() as run, pytest.raises(rt.HyperparameterError, match=words):
        own(run, value, **options)


@pytest.mark.parametrize("key", ["branch", "step", "epoch", "elapsed"])
def test_a_name_that_the_tables_have_already_is_refused(key):
    with running() as run, pytest.raises(rt.HyperparameterError, match=f"'{key}' is a column of the tables already"):
        run.register(key, lambda: 0.5, lambda _value: None)


def test_a_setter_that_raises_changes_nothing_at_all():
    with running() as run:
        kept = own(run, high=1.0)

        def refuse(value):
            if value > 0.5:
                raise RuntimeError("too much")
            kept.append(value)

        run.register("other", lambda: kept[-1], refuse)
        with pytest.raises(rt.HyperparameterError, match="other was not taken: RuntimeError: too much"):
            run.set(lr=0.5, smoothing=0.4, other=0.9)
        assert kept[0] == 0.1
        assert run.hyperparameters["lr"].value == 0.1
        assert len(run.changes) == 0
        assert len(run.tree.nodes) == 1


def test_a_frozen_dropout_is_a_hyperparameter_once_registered():
    dropout = nn.Dropout(0.5)
    model = nn.Sequential(nn.Linear(4, 8), dropout, nn.Linear(8, 2))
    with running(model=model) as run:
        run.register("dropout", lambda: dropout.p, lambda p: setattr(dropout, "p", p), high=0.9)
        run.set(dropout=0.25)
        assert dropout.p == 0.25
        run.undo()
        assert dropout.p == 0.5


def every_optimizer():
    """One of each class of torch's, on a matrix."""
    matrix = [torch.nn.Parameter(torch.zeros(2, 2))]
    kinds = [its for its in vars(torch.optim).values() if isinstance(its, type) and its is not torch.optim.Optimizer]
    return [kind(matrix, lr=0.1) for kind in kinds if issubclass(kind, torch.optim.Optimizer)]


@pytest.mark.parametrize("optimizer", every_optimizer(), ids=lambda its: type(its).__name__)
def test_the_help_says_what_up_and_down_do(optimizer):
    for key, its in discover({"optimizer": optimizer}).items():
        if not its.takes_effect.startswith("never") and not key.startswith("ns_coefficients"):
            words = ("On: ", "Off: ") if its.kind == "bool" else ("Up", "own")
            assert all(word in its.help for word in words), f"{key}: {its.help}"
