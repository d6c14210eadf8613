"""Random trees: whatever was done, every node is restored and trained anew to its very bits, evicted ones too."""

import contextlib
import os

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retune_widget as rt
from retune_widget import schedules
from retune_widget.policies import Overfit, Plateau
from tests.engine.laboratory import make_run, network

CASES = int(os.environ.get("RETUNE_TREES", "200"))
"""5,000 in `make soak`."""

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.01),
}
SCHEDULERS = {
    "none": lambda o: None,
    "StepLR": lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.7),
    "LambdaLR": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step % 5)),
}
CURVES = {
    "lr": [
        schedules.cosine(0.1, 0.01, 7),
        schedules.warmup(3, schedules.exponential(0.2, 0.5, 4)),
        schedules.cyclic(0.01, 0.1, 2, 3),
    ],
    "batch_size": [schedules.linear(3, 12, 8)],
    "dropout": [schedules.cyclic(0.1, 0.6, 2, 3)],
    "l2": [schedules.exponential(0.1, 0.5, 3)],
}
HELD = {"lr": 0.02, "batch_size": 7, "dropout": 0.2, "l2": 0.05}
scheduled = st.sampled_from(sorted(CURVES)).flatmap(
    lambda key: st.tuples(st.just(key), st.sampled_from([*CURVES[key], None]))
)
places = st.floats(0, 1, exclude_max=True)
"""Which node, as a part of how many there are."""
actions = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 6)),
    st.tuples(st.just("set"), st.sampled_from([1e-3, 0.02, 0.3])),
    st.tuples(st.just("batch_size"), st.sampled_from([2, 6, 8, 30])),
    st.tuples(st.just("accumulate"), st.sampled_from([1, 2, 3])),
    st.tuples(st.just("dropout"), st.sampled_from([0.0, 0.3, 0.7])),
    st.tuples(st.just("l1"), st.sampled_from([0.0, 0.01])),
    st.tuples(st.just("l2"), st.sampled_from([0.0, 0.1])),
    st.tuples(st.just("grad_clip"), st.sampled_from([0.0, 0.05])),
    st.tuples(st.just("label_smoothing"), st.sampled_from([0.0, 0.2])),
    st.tuples(st.just("checkpoint"), st.none()),
    st.tuples(st.just("restore"), places),
    st.tuples(st.just("branch"), places),
    st.tuples(st.just("reseed"), places),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("evict"), places),
    st.tuples(st.just("pin"), places),
    st.tuples(st.just("edit"), st.floats(-1, 1)),
    st.tuples(st.just("draw"), st.none()),
    st.tuples(st.just("schedule"), scheduled),
    st.tuples(st.just("hold"), st.tuples(st.sampled_from(sorted(CURVES)), st.booleans())),
    st.tuples(st.just("release"), st.sampled_from(sorted(CURVES))),
    st.tuples(st.just("rule"), st.integers(1, 3)),
    st.tuples(st.just("overfit"), st.sampled_from([None, 1e-6])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("fault"), st.sampled_from(["look", "lower lr", "skip batch"])),
)


def node_at(run, place):
    return run.tree.nodes[int(place * len(run.tree.nodes))]


def do(run, action, argument):
    match action:
        case "step":
            run.step(argument)
        case "set":
            run.set(lr=argument)
        case "batch_size" | "accumulate" | "dropout" | "l1" | "l2" | "grad_clip" | "label_smoothing":
            run.set({action: argument})
        case "checkpoint":
            run.checkpoint()
        case "restore":
            run.restore(node_at(run, argument))
        case "branch":
            run.branch(node_at(run, argument), lr=0.05)
        case "reseed":
            run.branch(node_at(run, argument), reseed=True)
        case "undo":
            with contextlib.suppress(rt.StatusError):  # there is nothing to undo
                run.undo()
        case "schedule" | "hold" | "release":
            with contextlib.suppress(rt.HyperparameterError):  # nothing governs it
                govern(run, action, argument)
        case _:
            do_to_a_node(run, action, argument)


def govern(run, action, argument):
    match action:
        case "schedule":
            run.schedule(*argument)
        case "hold":
            key, another = argument
            run.hold(key, HELD[key] if another else None)
        case "release":
            run.release(argument)


def do_to_a_node(run, action, argument):
    match action:
        case "evict":
            run.flush()
            with contextlib.suppress(rt.StatusError):  # it must stay
                run.evict(node_at(run, argument))
        case "pin":
            with contextlib.suppress(rt.StatusError):  # it was evicted
                run.pin(node_at(run, argument))
        case "edit":
            with torch.no_grad():
                run._engine.live.models["model"][0].bias[0] = argument
        case "draw":
            torch.rand(3)
        case _:
            do_with_rules(run, action, argument)


def do_with_rules(run, action, argument):
    match action:
        case "rule":
            run.add_policy(Plateau("train/loss", patience=argument, factor=0.7, cooldown=1))
        case "overfit":
            rule = {"patience": 1, "cooldown": 1, "window": 2, "rate": argument, "floor": 0.01, "ceiling": 0.2}
            run.add_policy(Overfit("l2", **rule))
        case "suspend" if run.policies:
            name = run.policies[-1].name
            (run.suspend_policy if argument else run.resume_policy)(name)
        case "fault" if any(its.name == "NaNGuard" and its.active for its in run.policies):
            loss = run._helm.faulty
            loss.run = run
            before = run._engine.capture().training_digest()
            run.step(2)
            loss.run = None
            assert run._engine.capture().training_digest() == before
            if argument != "look":
                run.recover(argument)


class Faulty(torch.nn.CrossEntropyLoss):
    """Not finite in the steps of `run`, unless they are trained again."""

    run = None

    def forward(self, output, target):
        value = super().forward(output, target)
        return value * float("nan") if self.run is not None and not self.run._engine.replaying else value


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    every=st.sampled_from([None, 2]),
    story=st.lists(actions, min_size=2, max_size=14),
)
def test_every_node_has_its_digest_when_it_is_restored_and_when_it_is_trained_again(optimizer, scheduler, every, story):
    model, loss = network(), Faulty()
    made = OPTIMIZERS[optimizer](model.parameters())
    options = {"checkpoint_every": every, "window": every, "scheduler": SCHEDULERS[scheduler](made)}
    held_out = [(torch.linspace(-1, 1, 18).reshape(3, 6), torch.arange(3))]
    run = make_run(lambda _: made, model=model, loss_fn=loss, val_data=held_out, eval_every=2, **options)
    run._helm.faulty = loss
    try:
        for action, argument in story:
            do(run, action, argument)
        run.checkpoint()  # what was written by hand last is in a node too, or in the root
        head = run.digest()
        run.flush()
        for node in run.tree.nodes[1:]:
            assert node.origin == "edited" or run.verify(node), (node, run.verify(node))
        assert run.digest() == head
        drawn = any(action in {"draw", "fault"} for action, _ in story)  # a step that was stopped has drawn too
        expected = {
            node: (node.digest, node.checkpoint.training_digest, node.checkpoint.evicted) for node in run.tree.nodes
        }
        for node, (digest, training_digest, trained_again) in expected.items():
            run.restore(node)
            assert run._engine.capture().training_digest() == training_digest
            assert run._helm.policies.record() == node.policies
            assert run.digest() == digest or (trained_again and drawn)
        told = ("NaNGuard: step", "NaNGuard does not act", "Plateau", "Overfit", *(f"{key} is " for key in CURVES))
        assert [its for its in run.problems if not its.startswith(told)] == [], "more than what the story itself did"
    finally:
        run.close()
