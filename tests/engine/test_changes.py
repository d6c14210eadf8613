"""From what a person asks to checked changes: keys, groups, several at once."""

import pytest
from torch import optim

import retune_widget as rt
from tests.rig import network, running


def grouped(model, *, kind=optim.SGD, names=("body", "head")):
    parts = zip((model[0], model[2]), names, strict=True)
    return kind([{"params": list(part.parameters()), "name": name} for part, name in parts], lr=0.1)


def values(run, ending):
    return {key: its.value for key, its in run.hyperparameters.items() if key.endswith(ending)}


def test_one_group_by_key_or_by_group():
    with running(grouped) as run:
        run.set({"head.lr": 0.5})
        assert values(run, ".lr") == {"body.lr": 0.1, "head.lr": 0.5}
        run.set(lr=0.3, group="body")
        assert values(run, ".lr") == {"body.lr": 0.3, "head.lr": 0.5}


def test_every_group_with_a_star():
    with running(lambda model: grouped(model, kind=optim.Adam)) as run:
        change = run.set(lr=0.7, betas=(0.5, 0.9), group="*")
        assert set(values(run, ".lr").values()) == {0.7}
        assert set(values(run, "betas[0]").values()) == {0.5}
        assert len(change.values) == 6
        run.set({"betas[1]": 0.8}, group="*")
        assert set(values(run, "betas[1]").values()) == {0.8}


def test_a_star_is_fine_where_there_is_one_group():
    with running() as run:
        run.set(lr=0.7, group="*")
        assert run.hyperparameters["lr"].value == 0.7


def test_a_key_of_several_groups_is_ambiguous_and_the_error_names_them():
    with running(lambda model: grouped(model, kind=optim.Adam)) as run:
        with pytest.raises(rt.UnknownHyperparameterError) as error:
            run.set(lr=0.5)
        assert str(error.value) == (
            "'lr' is in several param groups: body.lr, head.lr. Name one, or pass group='body', or group='*' for all "
            "of them."
        )
        with pytest.raises(rt.UnknownHyperparameterError, match=r"body\.betas\[0\], .*group='body'"):
            run.set(betas=(0.5, 0.9))


def test_unnamed_groups_have_numbers():
    def unnamed(model):
        return optim.SGD([{"params": list(part.parameters())} for part in (model[0], model[2])], lr=0.1)

    with running(unnamed) as run:
        run.set({"group1.lr": 0.5})
        assert values(run, ".lr") == {"group0.lr": 0.1, "group1.lr": 0.5}


def gan(**options):
    generator, discriminator = network(), network()
    optimizers = {"generator": grouped(generator), "discriminator": optim.SGD(discriminator.parameters(), lr=0.1)}

    def step(_batch):
        for optimizer in optimizers.values():
            optimizer.step()

    models = {"generator": generator, "discriminator": discriminator}
    return running(lambda _: optimizers, model=models, step=step, **options)


def test_several_optimizers():
    with gan() as run:
        run.set({"discriminator.lr": 0.4})
        run.set({"generator.head.lr": 0.6})
        expected = {"generator.body.lr": 0.1, "generator.head.lr": 0.6, "discriminator.lr": 0.4}
        assert values(run, ".lr") == expected
        run.step()
        assert {key: run.history[key].iloc[0] for key in expected} == expected
        run.set(lr=0.2, group="generator")
        assert values(run, ".lr") == expected | {"generator.body.lr": 0.2, "generator.head.lr": 0.2}
        run.set(lr=0.9, group="generator.head")
        assert run.hyperparameters["generator.head.lr"].value == 0.9
        with pytest.raises(rt.UnknownHyperparameterError, match=r"generator.body.lr, generator.head.lr, discriminator"):
            run.set(lr=0.1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"learning_rate": 0.1}, "There is no hyperparameter 'learning_rate'"),
        ({"momentun": 0.9}, "Did you mean momentum"),
        ({"zzz": 1}, "There are: lr, momentum, dampening"),
        ({"betas": (0.9,)}, "There is no hyperparameter 'betas'"),
        ({"lr[0]": 0.1}, "There is no hyperparameter 'lr"),
    ],
)
def test_unknown_keys_come_with_the_nearest_names(asked, words):
    with running() as run:
        with pytest.raises(rt.UnknownHyperparameterError, match=words.replace("[", r"\[")):
            run.set(asked)
        assert len(run.tree.nodes) == 1


@pytest.mark.parametrize("group", ["tail", "hea", "", "lr"])
def test_unknown_groups(group):
    with running(grouped) as run, pytest.raises(rt.UnknownHyperparameterError, match=rf"hyperparameter '{group}\.lr'"):
        run.set(lr=0.5, group=group)


@pytest.mark.parametrize("value", [0.9, (0.9,), (0.9, 0.99, 0.999), "ab c", None])
def test_a_tuple_of_the_wrong_length(value):
    with (
        running(lambda model: optim.Adam(model.parameters())) as run,
        pytest.raises(rt.HyperparameterError, match=r"betas takes 2 numbers, \(betas\[0\], betas\[1\]\), not"),
    ):
        run.set(betas=value)


def test_one_bad_value_refuses_all():
    with running() as run:
        with pytest.raises(rt.HyperparameterError):
            run.set(lr=0.5, weight_decay=-1.0)
        assert run.hyperparameters["lr"].value == 0.1


def test_the_same_value_is_no_change():
    with running() as run:
        change = run.set(lr=0.1)
        assert (change.values, change.node, len(run.tree.nodes)) == ((), None, 1)
        assert repr(change) == "Change(nothing changed, used from step 1)"


def test_a_change_says_what_it_did():
    with running() as run:
        run.step(3)
        change = run.set(lr=0.01, momentum=0.9, note="calmer")
        assert (change.step, change.used_from, change.note, change.author) == (3, 4, "calmer", "user")
        assert [(c.key, c.old, c.new) for c in change.values] == [("lr", 0.1, 0.01), ("momentum", 0, 0.9)]
        assert repr(change).startswith("Change(lr 0.1→0.01, momentum 0→0.9, used from step 4; momentum: late by one")
        assert change.node.note == "calmer"
