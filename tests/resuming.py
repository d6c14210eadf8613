"""A run on the disk that is ended, or lost, and gone on with in fresh objects; and nodes to evict."""

import numpy as np
import torch

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy


def network(width=8):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(6, width), torch.nn.Dropout(0.3), torch.nn.Linear(width, 3))


def train(path, *, model=None, resume=False, **options):
    model = model or network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return rt.Run(
        model, optimizer, options.pop("data", None) or Noisy(), batch_size=8, loss_fn=cross_entropy, path=path,
        resume=resume, **options,
    )  # fmt: skip


def again(path, **options):
    """The same run in fresh objects whose weights and generators are others."""
    model = network()
    with torch.no_grad():
        model[0].weight.normal_()
    torch.rand(7)
    np.random.rand(3)  # noqa: NPY002
    return train(path, model=model, resume=True, **options)


def lose(run):
    """End a run as a crash does, with everything up to the last flush on the disk."""
    run.flush()
    run._runner.close()
    run._engine.close()
    run._writer.close()
    run._store.close()


def steered(run):
    """A story with changes, branches and other noise; returns the digest of each node."""
    run.step(5)
    run.set(lr=0.05)
    run.step(4)
    run.checkpoint("a")
    run.step(1)
    run.set(lr=0.002)
    run.step(3)
    run.branch("n1", lr=0.1, reseed=True)
    run.step(3)
    run.checkpoint()
    run.step(2)
    run.checkpoint()
    run.flush()
    return {node.id: node.digest for node in run.tree.nodes}


def evict(run, *nodes):
    for node in nodes:
        run.evict(node)
    run.flush()
