"""The golden test where something beside the optimizer was changed in the middle of an epoch."""

import pytest
from torch import nn

from tests.engine.laboratory import Noisy, assert_golden, losses
from tests.engine.regularised import CHANGES, make


def changing(values, *, at=6):
    """Trains step by step, and changes these values after step `at`, which is in the middle of the second epoch."""

    def go(run, steps):
        for _ in range(steps):
            if run.head.step == at:
                run.set(values)
            run.step(1)

    return go


@pytest.mark.parametrize("key", CHANGES)
def test_after_a_change_in_the_middle_of_an_epoch(key):
    assert_golden(make, k=9, n=18, go=changing({key: CHANGES[key]}), before_restore=take_back(key))


def take_back(key):
    """Before the restore something else is in force."""
    others = {"batch_size": 3, "accumulate": 1, "head.frozen": False}

    def change(run):
        run.set({key: others.get(key, 0.0)})
        run.step(2)

    return change


@pytest.mark.parametrize("workers", [0, 2])
def test_all_of_them_together(workers):
    from torch.utils.data import DataLoader

    def begin():
        return make(data=DataLoader(Noisy(), 8, shuffle=True, num_workers=workers), batch_size=None)

    assert_golden(begin, k=9, n=16, go=changing(CHANGES))


def test_the_smoothing_of_a_loss_module():
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)

    def begin():
        loss.label_smoothing = 0.1
        return make(loss_fn=loss)

    assert_golden(begin, k=9, n=16, go=changing({"label_smoothing": 0.3}))


@pytest.mark.parametrize("key", CHANGES)
def test_the_node_of_the_change_holds_the_state_before_it(key):
    run = make()
    run.step(6)
    before, was = run.digest(), run.hyperparameters[key].value
    change = run.set({key: CHANGES[key]})
    run.step(5)
    run.checkpoint()
    assert run.history[key].tolist()[5:7] == [was, CHANGES[key]]
    run.restore(change.node)
    assert run.hyperparameters[key].value == was
    assert run.digest() == before
    for node in run.tree.nodes[1:]:
        assert run.verify(node), run.verify(node)
    run.close()


def test_nothing_of_an_abandoned_way_is_left():
    """Away with everything changed, and back: the losses are those of the run that never went."""
    plain, run = make(), make()
    for its in (plain, run):
        its.step(6)
        its.checkpoint()
    run.set(CHANGES)
    run.step(7)
    run.restore("n1")
    for its in (plain, run):
        its.step(9)
    assert losses(run) == losses(plain)
    assert run.digest() == plain.digest()
    plain.close()
    run.close()
