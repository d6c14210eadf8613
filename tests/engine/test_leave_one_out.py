"""The twin of the golden test: leave one captured part out of a restore, and the golden comparison must fail.

Left out means: the part stays as the live objects have it when the restore comes. `disturb` sees to it that every part
differs by then, and `test_the_list_is_complete` that no part of the snapshot is missing from this file.
"""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from retune_widget.engine.commands import Hold, Release, SetHyperparameters, SetSchedules
from retune_widget.engine.engine import Engine
from retune_widget.engine.feed import make_feed
from retune_widget.engine.hyperparameters import own_hyperparameter
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.state import LiveState
from retune_widget.policies import schedules
from tests.engine.laboratory import BATCH, K, N, Noisy, cross_entropy, seed_all


class Everything(nn.Module):
    """One of each kind of state, all of it used by the forward pass."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6, 3)
        self.register_buffer("drift", torch.zeros(6), persistent=False)
        self.calls = 0
        self.hidden = torch.zeros(6)
        self.draws = torch.Generator().manual_seed(5)

    def forward(self, x):
        self.calls += 1
        self.drift.mul_(0.9).add_(0.1 * x.mean(0))
        h = self.drop(self.norm(self.body(x))) + self.drift + 0.1 * self.hidden + 0.01 * (self.calls % 7)
        self.hidden = h.mean(0).detach()
        return self.head(h + 0.01 * torch.randn(6, generator=self.draws))


class Bench:
    """An engine over `Everything`, with gradients in flight at K, and what was measured on the way."""

    def __init__(self):
        seed_all()
        self.model = Everything()
        for parameter in self.model.body.parameters():
            parameter.requires_grad_(False)
        groups = [
            {"params": [*self.model.body.parameters(), *self.model.norm.parameters()], "lr": 0.05},
            {"params": [*self.model.head.parameters()], "lr": 0.02},
        ]
        self.optimizer = optim.SGD(groups, momentum=0.9)
        self.scheduler = lr_scheduler.ExponentialLR(self.optimizer, 0.98)
        self.noise = torch.Generator().manual_seed(6)
        self.smoothing = 0.0
        self.losses = []
        live = LiveState(
            {"model": self.model},
            {"optimizer": self.optimizer},
            {"scheduler": self.scheduler, "noise": self.noise},
            keep_gradients=True,
        )
        live.settings.build_in("l2", 0.1)
        feed = make_feed(Noisy(), BATCH, seed=0)
        self.engine = Engine(live, feed, self.train_on, revive=schedules.from_record)
        self.engine.register(
            own_hyperparameter(
                "smoothing", lambda: self.smoothing, self.smooth, low=0, high=1, scale="linear", text="smoothing"
            )
        )
        for parameter in self.model.body.parameters():
            parameter.requires_grad_(True)

    def govern(self, *asked):
        for command in asked:
            self.engine.apply(self.engine.claims.of(command))

    def smooth(self, value):
        self.smoothing = value

    def train_on(self, batch):
        x, y = batch
        x = x + 0.01 * torch.randn(6, generator=self.noise)
        loss = cross_entropy(self.model(x), y, label_smoothing=self.smoothing) / 3
        weight = self.engine.live.settings.values["l2"] + self.engine.value("pull", 0.01)
        loss = loss + weight * self.model.norm.weight.square().sum()
        loss.backward()
        if self.engine.step % 3 == 2:
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.scheduler.step()
        return {"train/loss": loss.detach()}

    def train(self, steps):
        for _ in range(steps):
            metrics = self.train_on(self.engine.begin_step())
            self.engine.complete_step(metrics)
            self.losses.append(metrics["train/loss"].numpy().tobytes())

    def disturb(self):
        """Train on, and change everything that training alone leaves as it is."""
        self.train(6)
        self.govern(
            SetSchedules({"smoothing": schedules.linear(0.1, 0.2, 50)}),
            SetHyperparameters({"group1.lr": 0.4}),
            Hold({"smoothing": 0.15}),
            Release(["group1.weight_decay"]),
        )
        self.smoothing = 0.3
        self.model.eval()
        self.model.drop.p = 0.5
        for group in self.optimizer.param_groups:
            group.update(lr=0.5, momentum=0.1, weight_decay=0.1, dampening=0.5, nesterov=True, initial_lr=0.3)
        self.scheduler.gamma = 0.5
        self.engine.reseed(17)
        self.engine.apply(self.engine.claims.set({"l2": 0.3, "pull": 0.05}))
        self.engine.live.settings.frozen["optimizer[1]"] = [1]
        self.engine.feed.batch_size = 4
        self.train(1)  # the reseeded order is in force from the next epoch on; half a small epoch is left
        while self.engine.feed.position()["seed"] != 17:
            self.train(1)
        self.train(2)
        for parameter in self.model.body.parameters():
            parameter.requires_grad_(False)
        for parameter in self.model.parameters():
            parameter.grad = torch.ones_like(parameter)
        np.random.seed(99)  # noqa: NPY002
        random.seed(99)

    def observe(self):
        """Everything that can be seen from here on: what a person draws or reads now, losses, the state at the end."""
        normal = np.random.randn(3).tolist()  # noqa: NPY002
        self.engine.hyperparameters["group1.frozen"].write(False)
        now = [self.scheduler.get_last_lr(), torch.rand(2).tolist(), normal, random.random(), random.gauss(0, 1)]
        del self.losses[:]
        while self.engine.step < N:
            self.train(1)
        return now, self.losses[:], self.engine.capture().digest()


def at_k():
    bench = Bench()
    bench.train(2)
    falling = schedules.linear(0.5, 0.3, 40)
    bench.govern(
        SetSchedules({"smoothing": falling, "group1.weight_decay": schedules.constant(0.1)}),
        SetHyperparameters({"smoothing": 0.25, "group1.lr": 0.04}),
        Hold({"group1.weight_decay": 0.2}),
    )
    bench.train(K - 2)
    np.random.randn()  # noqa: NPY002  # numpy keeps the second of a pair of normal numbers, python too: captured
    random.gauss(0, 1)
    bench.model.head.weight.requires_grad_(False)  # frozen with its gradient in flight
    bench.engine.live.settings.frozen["optimizer[1]"] = [0]
    return bench


def leaves(values, path=()):
    """Every number, word and list of different lengths in a snapshot's JSON, by its path."""
    if isinstance(values, dict):
        return {name: leaf for key, inner in values.items() for name, leaf in leaves(inner, (*path, key)).items()}
    if isinstance(values, list) and values:
        return {name: leaf for i, inner in enumerate(values) for name, leaf in leaves(inner, (*path, i)).items()}
    return {path: values}


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


def parts_that_differ(saved, live):
    """Names of the parts of `saved` that are otherwise in `live`: tensors by name, other values by path."""
    assert set(saved.tensors) == set(live.tensors)
    tensors = [name for name in saved.tensors if bits(saved.tensors[name]) != bits(live.tensors[name])]
    here, there = leaves(saved.values), leaves(live.values)
    assert set(here) == set(there)
    return [*tensors, *(path for path in here if here[path] != there[path])]


def without(saved, part, live):
    """A snapshot in which one part is what the live objects have."""
    tensors, values = dict(saved.tensors), copy.deepcopy(saved.values)
    if isinstance(part, str):
        tensors[part] = live.tensors[part]
    else:
        place = values
        for key in part[:-1]:
            place = place[key]
        place[part[-1]] = leaves(live.values)[part]
    return Snapshot(tensors, values)


def name_of(part):
    return part if isinstance(part, str) else "/".join(map(str, part))


def scenario():
    """The snapshot at K, and one of the disturbed state from which the restore starts."""
    bench = at_k()
    saved = bench.engine.capture()
    bench.disturb()
    return saved, bench.engine.capture()


def observed_after(part):
    bench = at_k()
    saved = bench.engine.capture()
    bench.disturb()
    live = bench.engine.capture()
    bench.engine.restore(without(saved, part, live) if part is not None else saved)
    return bench.observe()


PARAMETERS = [f"{layer}.{kind}" for layer in ("body", "norm", "head") for kind in ("weight", "bias")]
FIELDS = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "initial_lr")
MODULES = ("", "body", "norm", "drop", "head")
EXPECTED = {
    *(f"param/model/{name}" for name in PARAMETERS),
    *(f"buffer/model/norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
    "buffer/model/drift",
    *(f"grad/model/{name}" for name in PARAMETERS),
    *(f"optim/optimizer/model/{name}/momentum_buffer" for name in PARAMETERS),
    *(f"requires_grad/model/body.{kind}" for kind in ("weight", "bias")),
    *(f"optimizers/optimizer/groups/{group}/fields/{field}" for group in (0, 1) for field in FIELDS),
    *(f"modules/model/{name}/data/training" for name in MODULES),
    "modules/model/drop/data/p",
    "modules/model//data/calls",
    "attribute/model//hidden",
    "attribute/model//draws/1",
    "extra/noise/1",
    "registered/smoothing",
    "settings/built_in/l2",
    "settings/asked/pull",
    "settings/frozen/optimizer[1]/0",
    *(f"governed/smoothing/{word}" for word in ("curve/start", "curve/end", "curve/steps", "since", "scale", "held")),
    "governed/group1.weight_decay/held",
    "governed/group1.lr/scale",
    *(f"position/{word}" for word in ("epoch", "sample", "batch_size", "seed", "next_seed")),
    "step",
    "noise_seed",
    "rng/torch",
    "rng/numpy",
    "rng/numpy/1",
    "rng/numpy/2",
    "rng/numpy/3",
    "rng/python",
    "rng/python/1",
}
SAVED, LIVE = scenario()
PARTS = parts_that_differ(SAVED, LIVE)


def test_the_list_is_complete():
    """Every part that this test means to leave out does differ, and nothing else in the snapshot does."""
    names = {name_of(part) for part in PARTS}
    scheduler = {name for name in names if name.startswith("extras/scheduler/")}
    assert names - scheduler == EXPECTED
    assert len(scheduler) >= 4  # last_epoch, _step_count, gamma, _last_lr


@pytest.fixture(scope="module")
def golden():
    return at_k().observe()


def test_nothing_left_out_is_golden(golden):
    assert observed_after(None) == golden


@pytest.mark.parametrize("part", PARTS, ids=name_of)
def test_left_out(part, golden):
    assert observed_after(part) != golden
