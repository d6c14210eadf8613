"""What is written by hand while a run is paused becomes a node of its own, which no replay could reach."""

import copy

import pytest
import torch

import retune_widget as rt
from tests.engine.laboratory import make_run, network
from tests.rig import PATIENCE


@pytest.fixture
def run():
    made = make_run(lambda p: torch.optim.Adam(p, lr=0.01), model=network())
    made.box = {"smoothing": 0.0}
    made.register("smoothing", lambda: made.box["smoothing"], lambda value: made.box.update(smoothing=value))
    made.step(4)
    yield made
    made.close()


def model_of(run):
    return run._engine.live.models["model"]


def optimizer_of(run):
    return run._engine.live.optimizers["optimizer"]


def no_grad(write):
    @torch.no_grad()
    def edit(run):
        write(run)

    return edit


def forward_in_training_mode(run):
    model_of(run)(torch.randn(8, 6))  # batch norm takes note


EDITS = {
    "a parameter": no_grad(lambda run: model_of(run)[0].weight[0].zero_()),
    "its data": lambda run: model_of(run)[0].weight.data.mul_(2),
    "other data": lambda run: setattr(model_of(run)[0].weight, "data", torch.zeros(8, 6)),
    "loaded weights": lambda run: model_of(run).load_state_dict(network(8).state_dict()),
    "a buffer": no_grad(lambda run: model_of(run)[1].running_mean.add_(1)),
    "batch statistics": forward_in_training_mode,
    "an attribute": lambda run: setattr(model_of(run)[3], "p", 0.9),
    "the mode": lambda run: model_of(run).eval(),
    "a frozen layer": lambda run: model_of(run)[0].requires_grad_(False),
    "a param group": lambda run: optimizer_of(run).param_groups[0].update(lr=0.5),
    "an option": lambda run: optimizer_of(run).param_groups[0].update(foreach=True),
    "optimizer state": lambda run: next(iter(optimizer_of(run).state.values()))["exp_avg"].zero_(),
    "loaded optimizer": lambda run: optimizer_of(run).load_state_dict(copy.deepcopy(optimizer_of(run).state_dict())),
    "a registered value": lambda run: run.box.update(smoothing=0.5),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("then", ["step", "checkpoint", "set", "restore"])
def test_an_edit_is_a_node_of_its_own(run, edit, then):
    EDITS[edit](run)
    edited = run.digest()
    {"step": lambda: run.step(2), "checkpoint": run.checkpoint, "set": lambda: run.set(lr=0.3),
     "restore": lambda: run.restore("n0")}[then]()  # fmt: skip
    run.flush()
    node = run.tree.nodes[1]
    assert (node.step, node.cause, node.note, node.origin, node.digest) == (
        4, "manual", "edited by hand", "edited", edited,
    )  # fmt: skip
    assert [its.origin for its in run.tree.nodes[2:]] == (["trained"] if then == "set" else [])
    run.step(2)
    run.checkpoint()
    run.flush()
    with pytest.raises(
        rt.StatusError, match="n1 keeps its checkpoint: " + ("it is the tip" if then == "restore" else "the state")
    ):
        run.evict("n1")


@pytest.mark.parametrize("edited_first", [False, True])
def test_what_changes_nothing_makes_no_node(run, edited_first):
    if edited_first:
        with torch.no_grad():
            model_of(run)[0].weight.zero_()
    run.checkpoint()
    nodes = len(run.tree.nodes)
    torch.rand(3)
    model_of(run).eval()
    model_of(run)(torch.randn(8, 6))
    model_of(run).train()
    model_of(run).load_state_dict(model_of(run).state_dict())  # written, with what was there
    run.verify("n1")
    run.step(1)
    run.pause()
    run.step(1)
    assert len(run.tree.nodes) == nodes


def test_an_object_of_the_users_that_fails_does_not_break_the_pause():
    class Part:
        broken = False

        def state_dict(self):
            if self.broken:
                raise ZeroDivisionError
            return {}

        def load_state_dict(self, state):
            pass

    part = Part()
    made = make_run(lambda p: torch.optim.Adam(p, lr=0.01), modules={"part": part})
    made.step(1)
    made.start()
    part.broken = True
    made.pause()
    made.wait(PATIENCE)
    assert (made.status, made.error) == ("paused", None)
    with pytest.raises(ZeroDivisionError):
        made.checkpoint()
    part.broken = False
    made.step(1)
    made.close()


def test_an_edit_after_a_restore_begins_a_branch(run):
    run.checkpoint()
    run.step(2)
    run.restore("n1")
    with torch.no_grad():
        model_of(run)[0].weight.zero_()
    run.step(1)
    node = run.tree.nodes[-1]
    assert (node.branch.name, node.parent.id, node.step, run.head.branch) == ("main @4", "n1", 4, "main @4")


def test_what_a_loop_of_the_callers_trained_is_by_hand(run):
    optimizer = optimizer_of(run)
    for number, (inputs, targets) in enumerate(run.batches()):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model_of(run)(inputs), targets).backward()
        optimizer.step()
        if number == 2:
            break
    node = run.checkpoint()
    assert (node.origin, node.note) == ("edited", "")
    run.step(2)
    assert run.checkpoint().origin == "trained"
