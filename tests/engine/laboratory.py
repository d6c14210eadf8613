"""Small networks, noisy data and runs to compare: everything in here draws from every generator on purpose."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import retune_widget as rt

SAMPLES, BATCH = 30, 8
K, N = 14, 23
"""K: in the middle of epoch 3 (4 steps an epoch, the last batch smaller); N: the end."""

cross_entropy = nn.functional.cross_entropy


class Noisy(Dataset):
    """Samples with augmentation drawn from torch, numpy and python."""

    def __init__(self, samples=SAMPLES):
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(samples, 6, generator=generator)
        self.y = torch.arange(samples) % 3

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        x = self.x[index] + 0.1 * torch.randn(6)
        x = x * float(np.random.uniform(0.8, 1.2))  # noqa: NPY002
        return (x.flip(0) if random.random() < 0.5 else x), self.y[index]


def network(width=8, dtype=torch.float32):
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 3)
    ).to(dtype)


def make_run(optimizer, *, model=None, workers=0, path=":memory:", loss_fn=cross_entropy, **options):
    """A run on noisy data; `optimizer` makes one for the parameters."""
    model = model or network()
    data = DataLoader(Noisy(), BATCH, shuffle=True, num_workers=workers)
    return rt.Run(model, optimizer(model.parameters()), data, loss_fn=loss_fn, path=path, **options)


def train(run, steps):
    run.step(steps)


def losses(run):
    """The losses on the way to the head, as bit patterns."""
    frame = run.lineage_history(run.head.branch)
    return frame["train/loss"].to_numpy(np.float64).view(np.int64).tolist()


def seed_all():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)


def straight(make, *, k=K, n=N, go=train):
    """Train to n without a break: the state at k, the losses, the state at n."""
    seed_all()
    run = make()
    go(run, k)
    at_k = run.digest()
    go(run, n - k)
    result = at_k, losses(run), run.digest()
    run.close()
    return result


def there_and_back(make, *, k=K, n=N, go=train, away=4, before_restore=lambda run: None):
    """Train to k, checkpoint, train on, restore, train to n."""
    seed_all()
    run = make()
    go(run, k)
    node = run.checkpoint()
    go(run, away)
    before_restore(run)
    assert run.digest() != node.digest
    run.flush()
    run.restore(node)
    at_k = run.digest()
    go(run, n - k)
    result = at_k, losses(run), run.digest()
    run.close()
    return result


def assert_golden(make, **options):
    expected = straight(make, **{key: its for key, its in options.items() if key in {"k", "n", "go"}})
    actual = there_and_back(make, **options)
    assert actual[0] == expected[0], "the state right after the restore"
    assert actual[1] == expected[1], "the losses"
    assert actual[2] == expected[2], "the state at the end"


class Odd(nn.Module):
    """Tied weights, a buffer that is not persistent, state in plain attributes, generators of its own, LSTM weights."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.tied = nn.Linear(6, 6)
        self.tied.weight = self.inner.weight
        self.cell = nn.LSTM(6, 3, batch_first=True)
        self.register_buffer("drift", torch.zeros(6), persistent=False)
        self.calls, self.last, self.recent = 0, None, []
        self.hidden = torch.zeros(6)
        self.alias = self.hidden
        self.numbers = np.zeros(2)
        self.draws = torch.Generator().manual_seed(5)
        self.noise = np.random.default_rng(5)

    def forward(self, x):
        self.calls += 1
        self.drift = self.drift * 0.9 + x.mean(0).detach() * 0.1
        h = self.tied(torch.tanh(self.inner(x))) + self.drift + 0.01 * self.hidden + 0.001 * (self.calls % 5)
        h = h + 0.01 * torch.randn(6, generator=self.draws) + 0.01 * float(self.noise.standard_normal())
        self.alias, self.hidden = self.hidden, h.mean(0).detach()
        h = h + 0.01 * (self.last or 0.0) + 0.01 * sum(self.recent) + 0.01 * self.alias
        self.last = float(h.detach().mean()) + float(self.numbers.sum())
        self.recent.append(self.last)
        del self.recent[:-3]
        self.numbers += 0.01
        return self.cell(h[:, None])[0][:, 0]


class Numbers(Dataset):
    """Sample i is (i, a draw)."""

    def __init__(self, length=10):
        self.length, self.offset = length, 0
        self.bad = set()

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index in self.bad:
            raise OSError(f"sample {index} cannot be read")
        return torch.tensor(index + self.offset), torch.rand(()) + random.random() + float(np.random.rand())  # noqa: NPY002


def take(feed, count):
    batches = []
    for _ in range(count):
        batches.append(feed.next())
        feed.advance()
    return batches


def content(batches):
    return [[part.tolist() for part in batch] for batch in batches]


def indices(batches):
    return [int(i) for batch in batches for i in batch[0]]
