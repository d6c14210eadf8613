"""A network with everything that can be tuned beside the optimizer: two dropouts, two param groups, a norm layer."""

import torch
from torch import nn, optim

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy

CHANGES = {
    "batch_size": 5,
    "accumulate": 2,
    "dropout": 0.6,
    "5.p": 0.7,
    "l1": 0.01,
    "l2": 0.1,
    "label_smoothing": 0.2,
    "grad_clip": 0.05,
    "head.frozen": True,
}
"""Another value for each."""


def model():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, 8),
        nn.Dropout(0.1),
        nn.Linear(8, 3),
    )


def groups(network):
    body = [parameter for layer in network[:6] for parameter in layer.parameters()]
    return [{"params": body, "name": "body"}, {"params": list(network[6].parameters()), "name": "head"}]


def make(*, optimizer=optim.Adam, network=None, data=None, **options):
    network = network or model()
    options = {"loss_fn": cross_entropy, "batch_size": 8, "path": ":memory:", **options}
    return rt.Run(network, optimizer(groups(network), lr=0.01), Noisy() if data is None else data, **options)


class Rows(torch.utils.data.Dataset):
    """Samples without noise, for comparison with a loop by hand."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.x, self.y = torch.randn(30, 6, generator=generator), torch.arange(30) % 3

    def __len__(self):
        return 30

    def __getitem__(self, index):
        return self.x[index], self.y[index]


def quiet():
    """Without dropout: nothing is drawn."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def parameters(network):
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
