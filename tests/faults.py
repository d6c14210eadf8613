"""Runs whose loss is not finite in one step."""

import torch
from torch import nn

import retune_widget as rt
from tests.engine.laboratory import Noisy

cross_entropy = nn.functional.cross_entropy


class Faulty:
    """A loss that is not finite in one step; with other weights too, as a bad batch makes it."""

    def __init__(self):
        self.run, self.at, self.value = None, None, float("nan")

    def __call__(self, output, target):
        loss = cross_entropy(output, target)
        return loss * self.value if self.run is not None and self.run._engine.step == self.at else loss


def normed(width=8):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.Dropout(0.2), nn.Linear(width, 3))


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def in_own_step(model, optimizer, loss_fn):
    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    return step


def make(kind="built in", model=None, optimizer=adam, **options):
    loss_fn, model = Faulty(), model or normed()
    its = optimizer(model.parameters())
    how = {"loss_fn": loss_fn} if kind == "built in" else {"step": in_own_step(model, its, loss_fn)}
    run = rt.Run(model, its, Noisy(), batch_size=8, **{"path": ":memory:", **how, **options})
    loss_fn.run = run
    return run, loss_fn


def bits(run):
    return run._engine.capture().training_digest()
