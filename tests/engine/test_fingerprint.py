"""What decides about bits beside the state: the data, by a few samples, and the conditions of the process."""

import random
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from retune_widget.engine import data_hash as its
from retune_widget.engine import fingerprint as conditions
from retune_widget.engine.data_hash import data_hash, first_other_sample
from retune_widget.engine.fingerprint import difference, fingerprint
from retune_widget.engine.state import LiveState
from tests.engine.laboratory import Noisy, Numbers, network

Pair = namedtuple("Pair", ["x", "y"])  # noqa: PYI024  # one without types, as data sets have them


class Given(Dataset):
    """Samples as they are given; `fetched` has the indices that were asked for."""

    def __init__(self, samples):
        self.samples, self.fetched = samples, []

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        self.fetched.append(index)
        return self.samples[index]


class WithOwnGenerators(Noisy):
    """Draws from generators of its own too."""

    def __init__(self):
        super().__init__()
        self.draws, self.more = torch.Generator().manual_seed(1), np.random.default_rng(1)

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + torch.randn(6, generator=self.draws) + self.more.random(), y


@pytest.fixture
def hashed(feeds):
    return lambda data: data_hash(feeds(data, **({"batch_size": 1} if isinstance(data, Dataset) else {})))


def live(model=None):
    model = model or network()
    return LiveState({"model": model}, {}, {}, keep_gradients=False)


def generators():
    return [torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()]  # noqa: NPY002


def test_the_same_data_has_the_same_hash_and_no_generator_moves(hashed):
    data = WithOwnGenerators()
    before = [*generators(), data.draws.get_state().tolist(), data.more.bit_generator.state]
    first = hashed(data)
    assert [*generators(), data.draws.get_state().tolist(), data.more.bit_generator.state] == before
    torch.rand(5)
    data.more.random(3)
    assert hashed(data) == first
    assert hashed(WithOwnGenerators()) == first


def test_it_reads_sixteen_samples_over_the_whole_length(hashed):
    data = Given([torch.tensor(i) for i in range(1000)])
    found = hashed(data)
    assert len(data.fetched) == len(found) == 16
    assert sorted(data.fetched) == [i * 1000 // 16 for i in range(16)]
    assert data.fetched[:4] == [0, 500, 250, 750]
    few = Given([torch.tensor(i) for i in range(3)])
    hashed(few)
    assert sorted(few.fetched) == [0, 1, 2]


def test_a_slow_data_set_is_left_after_the_time(hashed, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(its.time, "monotonic", lambda: next(clock) * its.SECONDS / 3)
    slow = Given([torch.tensor(i) for i in range(1000)])
    found = hashed(slow)
    assert slow.fetched == [0, 500, 250, 750]
    monkeypatch.undo()
    assert first_other_sample(hashed(Given(slow.samples)), found) is None
    assert first_other_sample(found, hashed(Given(slow.samples))) is None


OTHERS = [
    (torch.zeros(3), torch.zeros(4)),
    (torch.zeros(3), -torch.zeros(3)),  # the sign of zero is a bit
    (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
    (torch.zeros(200_000), torch.cat([torch.zeros(199_998), torch.ones(2)])),
    (torch.tensor([True]), torch.tensor([False])),
    (torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    (torch.zeros(2, dtype=torch.complex64), torch.zeros(2, dtype=torch.complex64) + 1j),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.zeros(2), np.ones(2)),
    (np.float32(1), np.float32(2)),
    (1, 1.0),
    ("cat", "dog"),
    (b"a", b"b"),
    (None, 0),
    ([1, 2], [2, 1]),
    ([1, 2], (1, 2)),
    ({"x": torch.zeros(1)}, {"y": torch.zeros(1)}),
    (Pair(torch.zeros(1), 1), Pair(torch.zeros(1), 2)),
    ((torch.zeros(2, 2).t(), 1), (torch.ones(2, 2).t(), 1)),
    (torch.zeros(2).requires_grad_(), torch.ones(2).requires_grad_()),
]


@pytest.mark.parametrize(("one", "other"), OTHERS, ids=range(len(OTHERS)))
def test_other_samples_have_other_hashes(hashed, one, other):
    assert hashed(Given([one])) == hashed(Given([one]))
    assert hashed(Given([one])) != hashed(Given([other]))
    assert first_other_sample(hashed(Given([one, one])), hashed(Given([one, other]))) == 1


def loop():
    """A list that is in itself."""
    made = [1]
    made.append(made)
    return made


ODD = {
    "object": object(),
    "set": {1, 2},
    "sparse": torch.zeros(2).to_sparse(),
    "array of objects": np.array([object()]),
    "function": open,
    "in itself": loop(),
    "empty": torch.zeros(0),
    "empty array": np.zeros(0),
}


@pytest.mark.parametrize("sample", ODD.values(), ids=ODD)
def test_of_odd_samples_the_stable_part_counts(hashed, sample):
    found = hashed(Given([(sample, 1)]))
    assert found == hashed(Given([(sample, 1)]))
    assert found != hashed(Given([(sample, 2)]))


def test_samples_that_cannot_be_fetched_are_left_out(hashed):
    broken, whole = Numbers(10), Numbers(10)
    broken.bad = {0, 5}
    assert {index for index, _ in hashed(broken)} == set(range(10)) - {0, 5}
    assert first_other_sample(hashed(whole), hashed(broken)) is None


def test_what_cannot_be_read_by_index_here_has_none(hashed, feeds):
    assert hashed(None) is None
    assert hashed(iter([1])) is None
    read_by_workers = Given([torch.zeros(1)] * 4)
    assert data_hash(feeds(DataLoader(read_by_workers, 2, num_workers=1))) is None
    assert read_by_workers.fetched == []
    assert len(hashed([torch.zeros(2), torch.ones(2)])) == 2
    assert len(hashed(TensorDataset(torch.zeros(5, 2)))) == 5


def test_the_conditions_are_the_same_for_the_same_run(feeds):
    assert difference(fingerprint(live(), feeds(Noisy(), 8)), fingerprint(live(), feeds(Noisy(), 8))) is None


def told(then, now):
    return difference(then, now).removeprefix("it was resumed under other conditions: ")


def test_other_data_is_said_by_its_first_sample(feeds):
    then, other = fingerprint(live(), feeds(Noisy(), 8)), Noisy()
    other.x[15:] += 1
    assert told(then, fingerprint(live(), feeds(other, 8))) == "sample 15 of the data is another one"
    shorter = fingerprint(live(), feeds(Noisy(29), 8))
    assert told(then, shorter) == "length of the data was 30 and is 29"


def test_a_run_from_before_a_fact_was_known_is_not_blamed_for_it(feeds):
    now = fingerprint(live(), feeds(Noisy(), 8))
    assert difference({"torch": now["torch"], "threads": now["threads"]}, now) is None


@pytest.mark.parametrize("how", ["wrapped", "in place", "a part"])
def test_compiled_models(feeds, how):
    model = nn.Sequential(network(), nn.Identity())
    then = fingerprint(live(model), feeds(Noisy(), 8))
    if how == "wrapped":
        model = torch.compile(model, backend="eager")
    elif how == "in place":
        model.compile(backend="eager")
    else:
        model[0].compile(backend="eager")
    name = "model.0" if how == "a part" else "model"
    assert told(then, fingerprint(live(model), feeds(Noisy(), 8))) == f"compiled was none and is {name}"


def test_switches(feeds, monkeypatch):
    then = fingerprint(live(), feeds(Noisy(), 8))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "none at all")
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: "now and then")
    monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float16)
    now = fingerprint(live(), feeds(Noisy(), 8))
    names = ["threads", "vector instructions", "deterministic algorithms", "float32 matmul precision", "default dtype"]
    assert told(then, now) == ", ".join(f"{name} was {then[name]} and is {now[name]}" for name in names)
    assert told({**now, "python": "3.9"}, now) == f"python was 3.9 and is {now['python']}"


def test_a_cuda_device_brings_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a {device}")
    assert conditions._of_cuda(["cuda:0"])["device names"] == ["a cuda:0"]
    before = conditions._of_cuda(["cuda:0"])
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark)
    assert conditions._of_cuda(["cuda:0"]) != before
    assert conditions._of_cuda([]) == {}
