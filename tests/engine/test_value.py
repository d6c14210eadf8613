"""`run.value`: a hyperparameter of one's own step, from the first time that it is read."""

import pytest
import torch
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.engine.laboratory import Noisy, losses, network
from tests.rig import batches, running, sgd


class Own:
    """A step of one's own that reads values; `run` is given to it later."""

    def __init__(self, path=":memory:", **options):
        self.model = network()
        self.optimizer = sgd(self.model, momentum=0.9)
        self.run = None
        self.run = rt.Run(
            self.model, self.optimizer, Noisy(), step=self.step, batch_size=8, path=path, **options
        )  # fmt: skip

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(batch[0]), batch[1])
        size = sum(parameter.abs().sum() for parameter in self.model.parameters())
        (loss + self.run.value("l1", 0.001) * size + self.run.value("push", 0.5) * size.detach()).backward()
        self.optimizer.step()
        return loss


def test_nothing_is_shown_that_nobody_reads():
    own = Own()
    assert "l1" not in own.run.hyperparameters
    with pytest.raises(rt.UnknownHyperparameterError):
        own.run.set(l1=0.1)
    own.run.step(1)
    l1, push = own.run.hyperparameters["l1"], own.run.hyperparameters["push"]
    assert (l1.value, l1.scale, l1.section) == (0.001, "log", "regularisation")
    assert (push.value, push.kind, push.section) == (0.5, "float", "own")
    assert own.run.history.l1.tolist() == [0.001]
    own.run.close()


def test_a_value_is_set_used_recorded_and_restored():
    own, plain = Own(), Own()
    run = own.run
    for its in (run, plain.run):
        its.step(3)
        its.set(l1=0.01)
        its.step(3)
    node = run.checkpoint()
    run.set(l1=0.5, push=3)
    run.step(2)
    run.restore("n0")
    assert run.digest() == run.tree.node("n0").digest
    assert run.hyperparameters["l1"].value == 0.001
    run.step(1)
    run.restore(node)
    assert (run.value("l1", 9.0), run.value("push", 9.0)) == (0.01, 0.5)
    for its in (run, plain.run):
        its.step(4)
    assert losses(run) == losses(plain.run)
    assert run.digest() == plain.run.digest()
    for its in run.tree.nodes[1:]:
        assert run.verify(its), run.verify(its)
    run.close()
    plain.run.close()


def test_a_value_changed_where_it_was_not_read_yet():
    own = Own()
    run = own.run
    run.step(2)
    run.branch("n0", l1=0.2)
    run.step(1)
    assert run.history.l1.tolist()[-1] == 0.2
    run.checkpoint()
    assert run.verify("n1")
    run.close()


@pytest.mark.parametrize("at_the_start", [True, False])
def test_in_a_new_process_the_checkpoint_counts_and_not_the_default(tmp_path, at_the_start):
    own = Own(tmp_path / "run")
    own.run.step(3)
    if at_the_start:
        own.run.restore("n0")
    own.run.branch(own.run.head.node_id, l1=0.25, push=2.0) if at_the_start else own.run.set(l1=0.25, push=2.0)
    own.run.close()
    plain = Own(":memory:")
    plain.run.step(3)
    plain.run.branch("n0", l1=0.25, push=2.0) if at_the_start else plain.run.set(l1=0.25, push=2.0)
    again = Own(tmp_path / "run", resume=True)
    for its in (again.run, plain.run):
        its.step(2)
    assert again.run.value("l1", 7.0) == 0.25
    assert losses(again.run)[-2:] == losses(plain.run)[-2:]
    assert again.run.digest() == plain.run.digest()
    assert again.run.problems == []
    again.run.close()
    plain.run.close()


@pytest.mark.parametrize(
    ("key", "default", "words"),
    [
        ("l1", -1.0, "l1 cannot be negative"),
        ("dropout", 1.0, "dropout must be at least 0 and below 1"),
        ("mine", "much", "mine takes a number, not 'much'"),
        ("mine", float("nan"), "mine cannot be nan"),
    ],
)
def test_a_default_that_makes_no_sense(key, default, words):
    with running(bare=True) as run:
        for _ in run.batches():
            with pytest.raises(rt.HyperparameterError, match=words):
                run.value(key, default)
            break


def test_what_is_refused_and_what_is_already_there():
    with running(bare=True) as run:
        for _ in run.batches():
            assert run.value("lr", 7.0) == 0.1
            run.value("l1", 0)
            run.value("on", True)
            run.value("many", 3)
            break
        found = run.hyperparameters
        assert [found[key].kind for key in ("l1", "on", "many")] == ["float", "bool", "int"]
        with pytest.raises(rt.HyperparameterError, match="l1 cannot be negative"):
            run.set(l1=-0.5)
        run.set(l1=5, on=False, many=-2)
        assert (run.value("l1", 0), run.value("on", True), run.value("many", 3)) == (5.0, False, -2)


def test_outside_of_a_step_it_only_reads():
    with running(batch_size=None) as run:
        assert run.value("mine", 0.5) == 0.5
        assert run.value("l1", 0.5) == 0.0
        assert "mine" not in run.hyperparameters


def test_in_ones_own_loop():
    model = network()
    data = [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0])) for _ in range(4)]
    with running(model=model, data=data, bare=True, max_steps=6) as run:
        optimizer, seen = run._engine.live.optimizers["optimizer"], []
        for x, y in run.batches():
            seen.append(run.value("label_smoothing", 0.0))
            optimizer.zero_grad()
            cross_entropy(model(x), y, label_smoothing=seen[-1]).backward()
            optimizer.step()
            if run.head.step == 2:
                run.set(label_smoothing=0.2)
        assert seen == [0.0] * 3 + [0.2] * 3
        assert run.history.label_smoothing.tolist() == seen


def test_ones_own_registration_takes_the_place():
    box = [0.1]
    with running(data=batches()) as run:
        run.register("label_smoothing", lambda: box[0], lambda new: box.__setitem__(0, new))
        run.set(label_smoothing=0.3)
        assert box == [0.3]
