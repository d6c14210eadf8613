"""The cases of the matrix by name, and the way that each one goes: k, checkpoint, on to N."""

import random

import numpy as np
import torch

import retune_widget as rt
from tests.engine.laboratory import losses, seed_all
from tests.engine.matrix.optimizers import OPTIMIZERS
from tests.engine.matrix.schedulers import CYCLING, SCHEDULERS
from tests.engine.matrix.setups import SETUPS, scheduled, simple

KS, N = (0, 8, 14), 21
"""The start, the end of an epoch (of four steps), the middle of one; and where the comparison ends."""

CASES = {
    **{name: (lambda make=make: simple(make)) for name, make in OPTIMIZERS.items()},
    **{
        f"{name} over {optimizer}": (lambda make=make, optimizer=optimizer: scheduled(OPTIMIZERS[optimizer], make))
        for name, make in SCHEDULERS.items()
        for optimizer in ("SGD momentum", "AdamW tensor lr")
    },
    **{
        f"{name} over {optimizer}": (lambda make=make, optimizer=optimizer: scheduled(OPTIMIZERS[optimizer], make))
        for name, make in CYCLING.items()
        for optimizer in ("SGD momentum", "AdamW")
    },
    **SETUPS,
}
PRODUCT = {
    f"{name} over {optimizer}": (lambda make=make, its=its: scheduled(its, make))
    for name, make in SCHEDULERS.items()
    for optimizer, its in OPTIMIZERS.items()
}
"""Each scheduler over each optimizer."""


def begin(name, *, path=":memory:", **options):
    """A new run of a case, from the same start each time."""
    seed_all()
    return rt.Run(**{**CASES, **PRODUCT}[name](), path=path, **options)


def begin_elsewhere(name, **options):
    """The same in other objects, with other weights and other states of the generators."""
    seed_all()
    parts = {**CASES, **PRODUCT}[name]()
    with torch.no_grad():
        for tensor in (*parts["model"].parameters(), *parts["model"].buffers()):
            tensor.add_(1)
    torch.rand(7)
    np.random.rand(3)  # noqa: NPY002
    random.random()
    return rt.Run(**parts, **{"path": ":memory:", **options})


def with_no_break(name):
    """The states at each k and at N, and the losses, of a run that never goes back."""
    run = begin(name)
    states = {}
    for at in (*KS, N):
        if at:
            run.step(at - run.head.step)
        states[at] = run.digest()
    result = {"states": states, "losses": losses(run)}
    run.close()
    return result


def keep_each(run):
    """Train to the last k, with a checkpoint at each."""
    for k in KS:
        if k:
            run.step(k - run.head.step)
        run.checkpoint()


def keep_each_on_the_way(name):
    """A run that trained beyond the last k without a stop, and its nodes by k: copied while training went on."""
    run = begin(name, checkpoint_every=2)
    run.step(KS[-1] + 2)
    return run, {node.step: node for node in run.tree.nodes if node.step in KS}


def on_to_the_end(run, k):
    """What the run at k comes to: the state there, the losses from there, the state at the end."""
    at_k = run.digest()
    run.step(N - k)
    return [at_k, losses(run)[k - N :], run.digest()]


def expected(reference, k):
    """What it should come to."""
    return [reference["states"][k], reference["losses"][k:], reference["states"][N]]
