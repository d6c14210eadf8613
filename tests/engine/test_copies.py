"""The large copies of a snapshot are made while training goes on; they must be what a copy at once would have been."""

import threading

import pytest
import torch
from torch import nn

import retune_widget as rt
from retune_widget.engine import copies
from tests.engine.laboratory import assert_golden, make_run, network, seed_all
from tests.engine.loops import Loop
from tests.rig import PATIENCE, batches, in_thread, parameters, result_of, running, same, sgd

OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1),
}


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch):
    monkeypatch.setattr(copies, "LARGE", 1)


@pytest.fixture
def helper(monkeypatch):
    """Holds up the helper thread before it copies, once `hold` is set."""
    its = Helper(copies.Copying.make)

    def make(*arguments):
        its.make(*arguments)

    monkeypatch.setattr(copies.Copying, "make", make)
    yield its
    its.go.set()


class Helper:
    def __init__(self, make):
        self._make = make
        self.go, self.made = threading.Event(), 0
        self.go.set()

    def make(self, *arguments):
        if threading.current_thread().name == "retune-copy":
            assert self.go.wait(PATIENCE)
            self.made += 1
        self._make(*arguments)


def at_once(run):
    run._engine.live.copies.close()


def later(run):
    """Whether the next snapshot will be copied while training goes on."""
    return run._engine.live.copies._lazily


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_copies_made_later_are_what_copies_at_once_would_have_been(optimizer, helper):
    digests = []
    for prepare in (lambda _run: None, at_once):
        seed_all()
        run = make_run(optimizer, checkpoint_every=1)
        prepare(run)
        run.step(12)
        run.flush()
        digests.append([node.digest for node in run.tree.nodes])
        run.close()
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 13
    assert helper.made == 12, "all but the first, with which it is tried out"


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_restore_of_what_was_copied_later_is_exact(optimizer):
    assert_golden(lambda: make_run(optimizer, checkpoint_every=2))


def test_the_forward_pass_runs_meanwhile_and_the_optimizer_waits(helper):
    inside, updated = threading.Event(), threading.Event()

    class Model(nn.Linear):
        def forward(self, x):
            if copying():
                inside.set()
            return super().forward(x)

    def copying():
        return run._engine.live.copies._current is not None

    with running(model=Model(4, 2), checkpoint_every=3) as run:
        run.step(2)
        run._engine.live.optimizers["optimizer"].register_step_post_hook(
            lambda *_: updated.set() if inside.is_set() else None
        )
        helper.go.clear()
        run.start()
        assert inside.wait(PATIENCE), "the forward pass waited for the copy"
        before = run._engine.live.models["model"].weight.detach().clone()
        assert not updated.is_set(), "the optimizer did not wait for the copy"
        helper.go.set()
        assert updated.wait(PATIENCE)
        run.pause()
        run.wait(PATIENCE)
        node = run.tree.nodes[1]
        run.restore(node)
        assert torch.equal(run._engine.live.models["model"].weight, before)


class Writes(nn.Linear):
    """A forward pass that writes a parameter, from the call `since` on."""

    def __init__(self, write, since):
        torch.manual_seed(0)
        super().__init__(4, 2)
        self.write, self.calls, self.since = write, 0, since
        self.written = threading.Event()

    def forward(self, x):
        self.calls += 1
        if self.calls >= self.since:
            self.write(self.weight)
            self.written.set()
        return super().forward(x)


def in_place(weight):
    with torch.no_grad():
        weight.mul_(0.9)


def unseen(weight):
    weight.data.mul_(0.9)


@pytest.mark.parametrize("write", [in_place, unseen])
def test_a_forward_pass_that_writes_parameters_is_noticed_before_anything_is_copied_later(write, helper):
    with running(model=Writes(write, 1), checkpoint_every=1) as run:
        run.step(4)
        assert later(run) is False
        run.flush()
        digests = [node.digest for node in run.tree.nodes]
        for node, digest in zip(run.tree.nodes, digests, strict=True):
            run.restore(node)
            assert run.digest() == digest
    assert helper.made == 0


@pytest.mark.parametrize("write", [in_place, unseen])
def test_one_that_begins_to_later_costs_one_checkpoint_which_says_so(write, helper):
    model = Writes(write, 5)
    with running(model=model, checkpoint_every=1) as run:
        run.step(3)
        assert later(run) is True
        helper.go.clear()
        started = in_thread(run.step, 3)
        assert model.written.wait(PATIENCE)
        helper.go.set()
        result_of(started)
        run.flush()
        lost = [node for node in run.tree.nodes if node.checkpoint.status == "not saved"]
        assert [node.step for node in lost] == [4]
        assert "the step wrote parameters before its optimizer did" in lost[0].checkpoint.error
        assert any("the step wrote parameters" in its for its in run.problems)
        with pytest.raises(rt.StoreError, match="the step wrote parameters"):
            run.restore(lost[0])
        assert later(run) is False
        assert [node.saved for node in run.tree.nodes if node not in lost] == [True] * 6


def put_back(weight):
    with torch.no_grad():
        weight.copy_(weight.clone())


def test_a_write_of_the_same_bits_is_a_write_too():
    with running(model=Writes(put_back, 1), checkpoint_every=1) as run:
        run.step(2)
        assert later(run) is False


def test_a_target_network_that_is_written_in_the_step_is_copied_at_once(helper):
    model, target = network(), network()
    optimizer = sgd(model)
    seen = []

    def step(batch):
        seen.append([parameter.detach().clone() for parameter in target.parameters()])
        if len(seen) % 3 == 0:
            for its, source in zip(target.parameters(), model.parameters(), strict=True):
                its.data.copy_(source.data)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
        optimizer.step()

    data = [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]))]
    with running(
        lambda _: optimizer, model={"q": model, "target": target}, data=data, step=step, checkpoint_every=1
    ) as run:
        run.step(8)
        assert later(run) is True
        run.flush()
        for node in run.tree.nodes[1:8]:
            run.restore(node)
            assert same(parameters(target), seen[node.step])
        assert run.problems == []
    assert helper.made >= 5


def test_after_a_pause_the_model_may_be_written_at_once(helper):
    with running() as run:
        run.step(2)
        assert later(run) is True
        node = run.checkpoint()
        with torch.no_grad():
            for parameter in run._engine.live.models["model"].parameters():
                parameter.zero_()
        run.restore(node)
        assert any(parameter.any() for parameter in run._engine.live.models["model"].parameters())
    assert helper.made >= 1


def test_a_change_while_it_trains_is_copied_later_and_restored_exactly(helper):
    with running(max_steps=60) as run:
        run.step(2)
        run.start()
        changes = [run.set(lr=lr) for lr in (0.05, 0.03, 0.02)]
        run.wait(PATIENCE)
        run.flush()
        for change in changes:
            digest = change.node.digest
            run.restore(change.node)
            assert run.digest() == digest
            assert run.verify(change.node)
    assert helper.made >= 1


def test_own_steps_and_own_loops_are_copied_later_too(helper):
    model = network()
    optimizer = sgd(model)

    def step(batch):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    data = [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]))]
    with running(lambda _: optimizer, model=model, data=data, step=step, checkpoint_every=1) as run:
        run.step(4)
        assert later(run) is True
    made = helper.made
    assert made >= 2
    loop = Loop()
    with loop.running(checkpoint_every=1, max_steps=4) as run:
        for batch in run.batches():
            loop.train(batch)
        assert later(run) is True
    assert helper.made >= made + 2


def test_where_no_optimizer_steps_nothing_is_copied_later(helper):
    with running(step=lambda _batch: {"loss": 0.0}, checkpoint_every=1) as run:
        run.step(4)
        assert later(run) is None
    assert helper.made == 0


def test_a_closed_run_ends_its_helper(helper):
    with running(data=batches(), checkpoint_every=1) as run:
        run.step(4)
        assert "retune-copy" in {thread.name for thread in threading.enumerate()}
    assert helper.made
    assert "retune-copy" not in {thread.name for thread in threading.enumerate()}
