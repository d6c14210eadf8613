"""Trains a run, with changes, branches and eviction, until it is killed; prints each node once it is saved."""

import contextlib
import random
import sys

import numpy as np
import torch

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy, network


def main(path: str, seed: int) -> None:
    """Resume, check that evicted nodes are trained again to their digest, steer at random for ever."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    run = rt.Run(
        model, optimizer, Noisy(), batch_size=8, loss_fn=cross_entropy, path=path, resume=True, checkpoint_every=3,
        window=9, budget="250 KB",
    )  # fmt: skip
    chance = random.Random(seed)
    evicted = [node for node in run.tree.nodes if node.checkpoint.evicted]
    for node in chance.sample(evicted, min(20, len(evicted))):
        assert run._helm._state_of(node).digest() == node.digest, node
    print("resumed", run.head.step, len(run.history), flush=True)  # noqa: T201  # the parent reads it
    told: set[str] = set()
    while True:
        for node in run.tree.nodes:
            if node.saved and node.id not in told:
                told.add(node.id)
                print("saved", node.id, node.digest, flush=True)  # noqa: T201
        run.step(chance.randint(1, 5))
        with contextlib.suppress(rt.StatusError):  # there is nothing to undo, or a node must stay
            steer(run, chance)


def steer(run: rt.Run, chance: random.Random) -> None:
    """Ask for something at random."""
    match chance.randrange(8):
        case 0 | 1:
            run.set(lr=float(np.exp(chance.uniform(-7, -3))))
        case 2:
            run.checkpoint()
        case 3:
            run.branch(chance.choice([node for node in run.tree.nodes if not node.checkpoint.error]))
        case 4:
            run.undo()
        case 5:
            delete(run, chance)
        case 6:
            run.pin(chance.choice(run.tree.nodes), chance.random() < 0.1)
        case 7:
            run.evict(chance.choice(run.tree.nodes))


def delete(run: rt.Run, chance: random.Random) -> None:
    """Delete a branch, if there is one that the run does not stand on; tell before which nodes go."""
    ways = {branch for branch, _ in run.tree.path(run.tree.branch(run.head.branch))}
    others = [branch for branch in run.tree.branches if branch not in ways]
    if others:
        gone = [chance.choice(others)]
        for its in run.tree.branches:  # what grew from it is younger
            if its.fork is not None and its.fork.branch in gone:
                gone.append(its)
        print("deleting", *(its.id for its in run.tree.nodes if its.branch in gone), flush=True)  # noqa: T201
        run.delete_branch(gone[0])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
