"""What the schedules are compared on: two small tasks with fixed splits, and the ways to give a learning rate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from mnist1d.data import get_dataset_args, make_dataset
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from retune_widget import Schedule, schedules
from retune_widget.policies import Overfit, Plateau, Policy


@dataclass(frozen=True)
class Task:
    """Data in three parts, the network, and the validation accuracy that is to be reached."""

    name: str
    target: float
    train: TensorDataset
    validation: TensorDataset
    test: TensorDataset
    network: Callable[[], nn.Module]


TARGETS = {"digits": 0.96, "MNIST-1D": 0.85}
"""Fixed before the comparison: what a constant learning rate came to after a tenth and two thirds of the steps, in one
run with a seed that is used for nothing else."""


@cache
def task(name: str) -> Task:
    """The task of this name; its data is made or read here, nothing is downloaded."""
    return _digits() if name == "digits" else _mnist1d()


def _digits() -> Task:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images / 16, dtype=torch.float32)[order], torch.tensor(labels)[order]
    train, validation, test = (TensorDataset(x[part], y[part]) for part in _parts(1137, 300, 360))
    return Task("digits", TARGETS["digits"], train, validation, test, _perceptron)


def _mnist1d() -> Task:
    data = make_dataset(get_dataset_args())
    x = torch.tensor(data["x"], dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(data["y"])
    train, validation = (TensorDataset(x[part], y[part]) for part in _parts(3200, 800))
    test = TensorDataset(torch.tensor(data["x_test"], dtype=torch.float32).unsqueeze(1), torch.tensor(data["y_test"]))
    return Task("MNIST-1D", TARGETS["MNIST-1D"], train, validation, test, _convolutions)


def _parts(*sizes: int) -> list[slice]:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(1, 16, 5, padding=2, stride=2), nn.ReLU(), nn.Conv1d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(320, 10),
    )  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How the learning rate comes about, once its peak is given."""

    schedule: Callable[[float, int], Schedule] | None = None
    rule: Callable[[], Policy] | None = None
    what: str = ""


WAYS: Mapping[str, Way] = {
    "constant": Way(what="the peak throughout"),
    "exponential": Way(lambda lr, steps: schedules.exponential(lr, 0.01, steps), what="down to 1 % of the peak"),
    "piecewise": Way(
        lambda lr, steps: schedules.piecewise({0: lr, steps // 2: lr / 10, 3 * steps // 4: lr / 100}),
        what="÷ 10 at a half and at three quarters",
    ),
    "cosine": Way(lambda lr, steps: schedules.cosine(lr, 0.0, steps), what="half a cosine to 0"),
    "linear": Way(lambda lr, steps: schedules.linear(lr, 0.0, steps), what="a line to 0"),
    "Plateau": Way(
        rule=lambda: Plateau("val/loss", "lr", factor=0.5, patience=4, cooldown=2),
        what="× 0.5 after 4 measurements without a better validation loss",
    ),
    "Overfit": Way(
        rule=lambda: Overfit("dropout", factor=2.0, patience=3, cooldown=3, ceiling=0.6, rate=5e-4),
        what="constant; dropout × 2, to 0.6 at most, where the gap grows and training falls too fast",
    ),
}
