"""The batch size and accumulation: at the exact sample, each sample once an epoch, and epochs stay epochs."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import retune_widget as rt
from tests.engine.laboratory import Noisy, Numbers, network
from tests.engine.regularised import Rows, make, parameters, quiet
from tests.rig import batches, running, sgd


def watched(seen, **options):
    """A run whose step notes the indices of its batch."""

    def step(batch):
        seen.append(batch[0].tolist())

    model = network()
    return rt.Run(model, sgd(model), step=step, path=":memory:", **options)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sizes", [(3, 7), (2, 5), (5, 1)])
def test_each_sample_is_still_seen_once_an_epoch(workers, sizes):
    seen = []
    run = watched(seen, data=DataLoader(Numbers(), sizes[0], shuffle=True, num_workers=workers))
    run.step(1)
    run.set(batch_size=sizes[1])
    while run.head.epoch < 2:
        run.step(1)
    order = [index for batch in seen for index in batch]
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
    assert [len(batch) for batch in seen[:2]] == [sizes[0], min(sizes[1], 10 - sizes[0])]
    run.close()


def test_the_same_order_whatever_the_size():
    orders = []
    for size in (2, 5):
        seen = []
        run = watched(seen, data=Numbers(), batch_size=5)
        run.set(batch_size=size)
        run.step(10 // size)
        orders.append([index for batch in seen for index in batch])
        run.close()
    assert orders[0] == orders[1]


def test_data_in_batches_has_no_size_to_set():
    for data in (batches(), iter(batches())):
        with (
            running(data=data) as run,
            pytest.raises(rt.UnknownHyperparameterError, match="no hyperparameter 'batch_si"),
        ):
            run.set(batch_size=4)


def test_epochs_stay_epochs_with_another_size():
    with running(model=network(), data=Noisy(), batch_size=10, epochs=3) as run:
        assert run.max_steps == 9
        run.step(4)
        run.set(batch_size=5)
        assert run.max_steps == 4 + 4 + 6
        run.restore("n0")
        assert run.max_steps == 9
        run.set(batch_size=30, accumulate=2)
        assert run.max_steps == 3
        run.start()
        run.wait(30)
        assert (run.head.step, run.head.epoch) == (3, 3)
        run.max_steps = 4
        run.step(1)


@pytest.mark.parametrize(("steps", "epochs", "end"), [(5, 3, 5), (100, 2, 8), (100, None, 100)])
def test_whichever_comes_first(steps, epochs, end):
    with running(max_steps=steps, epochs=epochs) as run:
        assert run.max_steps == end


def test_accumulated_batches_are_one_step():
    """Four batches of 8, 8, 8, 6: with three for a step, an epoch has two steps."""
    model, other = quiet(), quiet()
    run = rt.Run(
        model, sgd(model), DataLoader(Rows(), 8), loss_fn=cross_entropy, path=":memory:", grad_norm=False,
        val_data=Rows(), metrics={},
    )  # fmt: skip
    run.set(accumulate=3, l2=0.01)
    run.step(5)
    assert run.history.epoch.tolist() == [0, 1, 1, 2, 2]
    assert run.history["val/loss"].notna().tolist() == [False, True, False, True, False]
    optimizer, losses = sgd(other), []
    parts = [(Rows().x[at : at + 8], Rows().y[at : at + 8]) for at in range(0, 30, 8)]
    for group in [parts[:3], parts[3:], parts[:3], parts[3:], parts[:3]]:
        optimizer.zero_grad()
        mean = sum(cross_entropy(other(x), y) for x, y in group) / len(group)
        penalty = 0.005 * sum(weight.square().sum() for weight in (other[0].weight, other[3].weight))
        (mean + penalty).backward()
        optimizer.step()
        losses.append(float(mean.detach()))
    torch.testing.assert_close(parameters(model), parameters(other))
    assert run.history["train/loss"].tolist() == pytest.approx(losses)
    run.close()


def test_accumulation_with_a_scaler():
    model, other = quiet(), quiet()
    for its, scaler in ((model, torch.amp.GradScaler("cpu", init_scale=64.0)), (other, None)):
        with running(model=its, data=DataLoader(Rows(), 8), scaler=scaler) as run:
            run.set(accumulate=2, l1=0.01)
            run.step(3)
    torch.testing.assert_close(parameters(model), parameters(other))


@pytest.mark.parametrize(
    "data", [lambda: batches(5), lambda: (batch for batch in batches(5)), Rows], ids=["list", "generator", "dataset"]
)
def test_every_batch_is_trained_on_once_whatever_the_data(data):
    seen = []

    def loss(output, target):
        seen.append(len(target))
        return cross_entropy(output, target)

    its = data()
    whole = isinstance(its, Rows)
    with running(model=quiet() if whole else None, data=its, batch_size=6 if whole else None, loss_fn=loss) as run:
        run.set(accumulate=2)
        run.step(3)
        assert seen == [6 if whole else 8] * 5
        assert run.head.epoch == 1


def test_a_group_that_failed_comes_again():
    """The same batches, from the same position, although three of them were fetched already (4 make an epoch)."""
    seen, broken = [], [True]

    def loss(output, target):
        seen.append(target.tolist())
        if broken[0] and len(seen) == 5:
            raise ValueError("broken")
        return cross_entropy(output, target)

    run = make(loss_fn=loss)
    run.set(accumulate=3)
    with pytest.raises(ValueError, match="broken"):
        run.step(3)
    assert (run.head.step, run.head.epoch, len(seen)) == (2, 1, 5)
    assert run._engine.feed.position()["sample"] == 0
    broken[0] = False
    run.step(2)
    assert seen[5] == seen[4]
    assert (run.head.epoch, len(seen)) == (2, 5 + 4)
    run.close()
