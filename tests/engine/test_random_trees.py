"""Random trees: whatever was done, every node is restored and trained anew to its very bits, evicted ones too."""

import contextlib
import os

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retune_widget as rt
from retune_widget import schedules
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
CURVES = [
    schedules.cosine(0.1, 0.01, 7),
    schedules.warmup(3, schedules.exponential(0.2, 0.5, 4)),
    schedules.cyclic(0.01, 0.1, 2, 3),
]
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
    st.tuples(st.just("schedule"), st.sampled_from([*CURVES, None])),
    st.tuples(st.just("hold"), st.sampled_from([None, 0.02])),
    st.tuples(st.just("release"), st.none()),
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
            with contextlib.suppress(rt.HyperparameterError):  # nothing governs lr
                run.release("lr") if action == "release" else getattr(run, action)("lr", argument)
        case _:
            do_to_a_node(run, action, argument)


def do_to_a_node(run, action, argument):
    match action:
        case "evict":
            run.flush()
            with contextlib.suppress(rt.StatusError):  # it must stay
                run.evict(node_at(run, argument))
        case "pin":
            run.pin(node_at(run, argument))
        case "edit":
            with torch.no_grad():
                run._engine.live.models["model"][0].bias[0] = argument
        case "draw":
            torch.rand(3)


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    every=st.sampled_from([None, 2]),
    story=st.lists(actions, min_size=2, max_size=14),
)
def test_every_node_has_its_digest_when_it_is_restored_and_when_it_is_trained_again(optimizer, scheduler, every, story):
    model = network()
    made = OPTIMIZERS[optimizer](model.parameters())
    options = {"checkpoint_every": every, "window": every, "scheduler": SCHEDULERS[scheduler](made)}
    run = make_run(lambda _: made, model=model, **options)
    try:
        for action, argument in story:
            do(run, action, argument)
        run.checkpoint()  # what was written by hand last is in a node too, or in the root
        head = run.digest()
        run.flush()
        for node in run.tree.nodes[1:]:
            assert node.origin == "edited" or run.verify(node), (node, run.verify(node))
        assert run.digest() == head
        drawn = any(action == "draw" for action, _ in story)
        expected = {node: (node.digest, node.checkpoint.training_digest) for node in run.tree.nodes}
        for node, (digest, training_digest) in expected.items():
            trained_again = node.checkpoint.evicted
            run.restore(node)
            assert run._engine.capture().training_digest() == training_digest
            assert run.digest() == digest or (trained_again and drawn)
        assert run.problems == []
    finally:
        run.close()
