"""What is found beside the optimizer, and what each does: as a loop by hand would."""

import math

import pytest
import torch
from torch import nn, optim
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.engine.regularised import CHANGES, Rows, make, parameters, quiet
from tests.rig import batches, network, running, sgd


def by_hand(data, train, *, steps=8, change=3):
    """The parameters after so many steps: `train(model, optimizer, batch, on)`, `on` after `change` steps."""
    twin = network()
    optimizer = sgd(twin)
    for step in range(steps):
        optimizer.zero_grad()
        train(twin, optimizer, data[step % len(data)], step >= change)
    return parameters(twin)


def live(values, *, steps=8, change=3, data=None, **options):
    twin = network()
    with running(model=twin, data=data, **options) as run:
        run.step(change)
        run.set(values)
        run.step(steps - change)
        return parameters(twin), run.history


def test_what_is_found():
    run = make()
    found = run.hyperparameters
    keys = ["batch_size", "dropout", "3.p", "5.p", "label_smoothing", "l1", "l2", "grad_clip", "accumulate"]
    assert [key for key in found if found[key].section != "optimizer"] == [*keys, "body.frozen", "head.frozen"]
    assert {found[key].section for key in keys} == {"data", "regularisation", "gradients"}
    assert all("Up:" in found[key].help and "own:" in found[key].help for key in keys)
    assert "no knob for validation" in found["batch_size"].help
    assert (found["batch_size"].low, found["batch_size"].high, found["batch_size"].value) == (1, 30, 8)
    run.close()


def test_what_is_not_there_is_not_offered():
    with running(step=lambda _batch: None) as run:
        assert not [key for key, its in run.hyperparameters.items() if its.section != "optimizer"]
    with running(lambda its: optim.LBFGS(its.parameters())) as run:
        assert not {"batch_size", "dropout", "grad_clip", "accumulate"} & run.hyperparameters.keys()
        assert {"l1", "l2", "label_smoothing"} <= run.hyperparameters.keys()


def test_the_help_says_who_decouples_weight_decay():
    adamw, plain = (kind(network().parameters(), lr=0.1) for kind in (optim.AdamW, optim.SGD))
    with running(lambda _: adamw) as run:
        assert "decoupled_weight_decay on (as in AdamW)" in run.hyperparameters["weight_decay"].help
    with running(lambda _: plain) as run:
        assert "Not decoupled" in run.hyperparameters["weight_decay"].help
        assert "AdamW, Muon, Adafactor" in run.hyperparameters["l2"].help


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": 0}, "batch_size must be from 1 to 30: 0"),
        ({"batch_size": 31}, "batch_size must be from 1 to 30: 31"),
        ({"batch_size": 2.5}, "batch_size takes a whole number, not 2.5"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1: 1.0"),
        ({"3.p": -0.1}, "3.p must be at least 0 and below 1: -0.1"),
        ({"l1": -1}, "l1 cannot be negative: -1"),
        ({"l2": -1e-9}, "l2 cannot be negative"),
        ({"l2": math.inf}, "l2 cannot be inf"),
        ({"grad_clip": -1}, "grad_clip cannot be negative"),
        ({"grad_clip": math.nan}, "grad_clip cannot be nan"),
        ({"label_smoothing": 1.1}, "label_smoothing must be from 0 to 1: 1.1"),
        ({"accumulate": 0}, "accumulate must be at least 1: 0"),
        ({"head.frozen": 1}, "head.frozen is on or off: give True or False, not 1"),
        ({"head.frozen": True, "body.frozen": True}, "Everything would be frozen"),
    ],
)
def test_what_is_refused(values, words):
    run = make()
    run.step(2)
    before = run.digest()
    with pytest.raises(rt.HyperparameterError, match=words):
        run.set(values)
    assert run.digest() == before
    assert len(run.tree.nodes) == 1
    run.close()


@pytest.mark.parametrize("penalize", ["weights", "all"])
@pytest.mark.parametrize(("key", "size"), [("l1", torch.abs), ("l2", lambda weight: 0.5 * weight.square())])
def test_a_penalty(key, size, penalize):
    twin = quiet()
    run = rt.Run(
        twin, sgd(twin), Rows(), loss_fn=cross_entropy, batch_size=30, path=":memory:", penalize=penalize
    )  # fmt: skip
    other = quiet()
    optimizer = sgd(other)
    weights = [other[0].weight, other[3].weight] if penalize == "weights" else list(other.parameters())
    seen = []
    for step in range(6):
        optimizer.zero_grad()
        penalty = 0.03 * sum(size(weight).sum() for weight in weights)
        seen.append(float(penalty.detach()))
        loss = cross_entropy(other(Rows().x), Rows().y)
        (loss + penalty if step >= 2 else loss).backward()
        optimizer.step()
    run.step(2)
    run.set({key: 0.03})
    run.step(4)
    torch.testing.assert_close(parameters(twin), parameters(other))
    assert run.history["train/penalty"].tolist()[2:] == pytest.approx(seen[2:])
    assert run.history["train/penalty"].isna().tolist() == [True] * 2 + [False] * 4
    assert run.history["train/loss"].iloc[-1] == pytest.approx(float(loss.detach()))
    run.close()


def test_a_word_that_penalize_does_not_know():
    with pytest.raises(ValueError, match=r'penalize must be "weights" or "all", not \'most\''):
        make(penalize="most")


def test_l2_is_the_weight_decay_of_sgd():
    plain, twin = network(bias=False), network(bias=False)
    with running(lambda its: sgd(its, weight_decay=0.1), model=plain) as run, running(model=twin) as other:
        other.set(l2=0.1)
        run.step(6)
        other.step(6)
    torch.testing.assert_close(parameters(plain), parameters(twin))


def test_a_penalty_with_lbfgs():
    twin = network()
    with running(lambda its: optim.LBFGS(its.parameters(), lr=0.1), model=twin) as run:
        run.set(l2=1.0)
        size = parameters(twin).abs().sum()
        run.step(3)
        assert parameters(twin).abs().sum() < size


def test_clipping_has_the_bits_of_torch_and_says_how_often():
    norms = []

    def train(twin, optimizer, batch, on):
        cross_entropy(twin(batch[0]), batch[1]).backward()
        norms.append(float(nn.utils.clip_grad_norm_(twin.parameters(), 0.2 if on else math.inf)))
        optimizer.step()

    expected = by_hand(batches(), train)
    found, history = live({"grad_clip": 0.2}, grad_norm=True)
    assert torch.equal(found, expected)
    assert history["train/grad_norm"].tolist() == norms
    assert history["train/clipped"].tolist()[3:] == [float(norm > 0.2) for norm in norms[3:]]
    assert history["train/clipped"].isna().tolist()[:4] == [True] * 3 + [False]
    assert {0.0, 1.0} >= set(history["train/clipped"].dropna())


def test_infinity_switches_clipping_off():
    with running() as run:
        run.set(grad_clip=0.5)
        run.step(1)
        run.set(grad_clip=math.inf)
        run.step(1)
        assert run.hyperparameters["grad_clip"].value == 0
        assert run.history["train/clipped"].isna().tolist() == [False, True]


def test_clipping_takes_the_scale_out_first():
    def scaler():
        return torch.amp.GradScaler("cpu", init_scale=1024.0)

    its = scaler()

    def train(twin, optimizer, batch, on):
        its.scale(cross_entropy(twin(batch[0]), batch[1])).backward()
        its.unscale_(optimizer)
        if on:
            nn.utils.clip_grad_norm_(twin.parameters(), 0.1)
        its.step(optimizer)
        its.update()

    expected = by_hand(batches(), train)
    found, history = live({"grad_clip": 0.1}, scaler=scaler(), grad_norm=True)
    assert torch.equal(found, expected)
    assert history["train/grad_norm"].max() < 10


def test_sparse_gradients_are_clipped_too():
    def make_model():
        torch.manual_seed(0)
        return nn.Sequential(nn.EmbeddingBag(10, 4, sparse=True), nn.Linear(4, 2))

    def loss_of(its):
        return cross_entropy(its(words), torch.tensor([0, 1]))

    words = torch.tensor([[1, 1, 2], [2, 3, 3]])
    sparse, dense = make_model(), make_model()
    dense[0].sparse = False
    data = [(words, torch.tensor([0, 1]))]
    with running(model=sparse, data=data, grad_norm=True) as run, running(model=dense, data=data) as other:
        for its in (run, other):
            its.set(grad_clip=0.05)
            its.step(4)
        run.set(l2=0.1)  # leaves the embedding alone
        run.step(1)
    torch.testing.assert_close(sparse[0].weight[0], dense[0].weight[0])


@pytest.mark.parametrize(("grad_norm", "steps"), [(True, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7]), (False, [])])
def test_how_often_the_norm_is_measured(grad_norm, steps):
    with running(grad_norm=grad_norm) as run:
        run.step(7)
        table = run.history
        seen = table.step[table["train/grad_norm"].notna()].tolist() if steps else []
        assert seen == steps
        assert ("train/grad_norm" in table) == bool(steps)


@pytest.mark.parametrize("grad_norm", [0, -1, 2.5, "often"])
def test_a_norm_that_makes_no_sense(grad_norm):
    with pytest.raises(ValueError, match="grad_norm must be True, False, or a whole number"):
        make(grad_norm=grad_norm)


@pytest.mark.parametrize("kind", ["function", "module", "partial"])
def test_label_smoothing(kind):
    from functools import partial

    def train(twin, optimizer, batch, on):
        cross_entropy(twin(batch[0]), batch[1], label_smoothing=0.3 if on else 0.1 * (kind != "function")).backward()
        optimizer.step()

    loss = {
        "function": cross_entropy,
        "module": nn.CrossEntropyLoss(label_smoothing=0.1),
        "partial": partial(cross_entropy, label_smoothing=0.1),
    }[kind]
    found, _ = live({"label_smoothing": 0.3}, loss_fn=loss)
    assert torch.equal(found, by_hand(batches(), train))
    if kind == "module":
        assert loss.label_smoothing == 0.3


@pytest.mark.parametrize("loss", [cross_entropy, nn.CrossEntropyLoss()], ids=["function", "module"])
def test_evaluation_does_not_smooth_more_than_it_did(loss):
    with running(loss_fn=loss, val_data=batches(2), eval_every=1) as run:
        run.step(1)
        run.set(lr=0.0, label_smoothing=0.5)
        run.step(2)
        values = run.history["val/loss"].tolist()
        assert values[1] == values[2] == values[0]
        assert run.history["train/loss"].notna().all()


def test_a_loss_without_smoothing_has_none():
    with running(loss_fn=lambda output, target: cross_entropy(output, target)) as run:  # noqa: PLW0108  # it hides it
        assert "label_smoothing" not in run.hyperparameters


def test_a_change_of_all_is_used_by_the_step_that_follows():
    run = make()
    run.step(5)
    change = run.set(CHANGES)
    run.step(2)
    assert change.used_from == 6
    table = run.history
    for key, value in CHANGES.items():
        if key != "dropout":  # the mean of both, of which one is set by itself
            assert table[key].tolist()[5:] == [value] * 2, key
    run.close()
