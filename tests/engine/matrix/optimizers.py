"""Every optimizer of `torch.optim`, in the forms that a CPU runs, each made for the parameters of a network."""

from functools import partial

import torch
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch import optim


def muon(parameters, **options):
    """Muon takes matrices only; the others stay as they are."""
    return optim.Muon([its for its in parameters if its.ndim == 2], lr=0.02, **options)


def two_groups(parameters):
    """One group is frozen: it has no gradients, and so no state."""
    first, *rest = parameters
    first.requires_grad_(False)
    return optim.AdamW([{"params": [first], "lr": 0.5}, {"params": rest, "name": "rest"}], lr=0.01)


def tensor_lr(kind, value=0.01, **options):
    """A learning rate that is a tensor, as compiled optimizers want it."""
    return lambda parameters: kind(parameters, lr=torch.tensor(value), **options)


def trains(kind, **options):
    """An optimizer of the schedule-free kind, in training mode."""

    def make(parameters):
        optimizer = kind(parameters, **options)
        optimizer.train()
        return optimizer

    return make


Adam, AdamW, SGD = (partial(kind, lr=0.01) for kind in (optim.Adam, optim.AdamW, optim.SGD))
RMSprop = partial(optim.RMSprop, lr=0.01, momentum=0.5, centered=True)
LBFGS = partial(optim.LBFGS, lr=0.1, max_iter=3)

OPTIMIZERS = {
    "SGD": SGD,
    "SGD momentum": partial(SGD, momentum=0.9, dampening=0.1),
    "SGD nesterov": partial(SGD, momentum=0.9, nesterov=True, weight_decay=0.01),
    "SGD foreach": partial(SGD, momentum=0.9, foreach=True),
    "SGD fused": partial(SGD, momentum=0.9, fused=True),
    "SGD tensor lr": tensor_lr(optim.SGD, 0.1, momentum=0.9),
    "Adam": Adam,
    "Adam maximize": partial(Adam, maximize=True),
    "Adam amsgrad": partial(Adam, amsgrad=True),
    "Adam foreach": partial(Adam, foreach=True),
    "Adam fused": partial(Adam, fused=True),
    "AdamW": AdamW,
    "AdamW amsgrad fused": partial(AdamW, amsgrad=True, fused=True),
    "AdamW foreach": partial(AdamW, foreach=True),
    "AdamW fused": partial(AdamW, fused=True),
    "AdamW tensor lr": tensor_lr(optim.AdamW),
    "AdamW tensor lr, fused": tensor_lr(optim.AdamW, fused=True),
    "AdamW two groups, one frozen": two_groups,
    "RMSprop": RMSprop,
    "RMSprop plain": partial(optim.RMSprop, lr=0.01),
    "RMSprop foreach": partial(RMSprop, foreach=True),
    "Adagrad": partial(optim.Adagrad, lr=0.05, lr_decay=0.01),
    "Adagrad foreach": partial(optim.Adagrad, lr=0.05, foreach=True),
    "Adagrad fused": partial(optim.Adagrad, lr=0.05, fused=True),
    "Adadelta": partial(optim.Adadelta, lr=0.5),
    "Adadelta foreach": partial(optim.Adadelta, lr=0.5, foreach=True),
    "Adamax": partial(optim.Adamax, lr=0.01),
    "Adamax foreach": partial(optim.Adamax, lr=0.01, foreach=True),
    "NAdam": partial(optim.NAdam, lr=0.01),
    "NAdam decoupled, foreach": partial(
        optim.NAdam, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True, foreach=True
    ),
    "RAdam": partial(optim.RAdam, lr=0.01),
    "RAdam foreach": partial(optim.RAdam, lr=0.01, foreach=True),
    "Rprop": partial(optim.Rprop, lr=0.01),
    "Rprop foreach": partial(optim.Rprop, lr=0.01, foreach=True),
    "ASGD": partial(optim.ASGD, lr=0.05, t0=5),
    "ASGD foreach": partial(optim.ASGD, lr=0.05, t0=5, foreach=True),
    "Adafactor": partial(optim.Adafactor, lr=0.01),
    "Adafactor clipped": partial(optim.Adafactor, lr=0.01, d=1.5, beta2_decay=-0.5, foreach=True),
    "LBFGS": LBFGS,
    "LBFGS wolfe": partial(LBFGS, lr=0.5, line_search_fn="strong_wolfe"),
    "Muon": muon,
    "Muon nesterov off": partial(muon, nesterov=False, weight_decay=0.2),
    "SGD schedule-free": trains(SGDScheduleFree, lr=0.5, warmup_steps=4),
    "AdamW schedule-free": trains(AdamWScheduleFree, lr=0.05, warmup_steps=4),
}
"""By name; SparseAdam, which wants sparse gradients, is among the setups."""
