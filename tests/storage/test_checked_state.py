"""Every state that is captured passes the check, after a way through JSON; one that somebody else made does not."""

import json
import random
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from torch import optim

import retune_widget as rt
from retune_widget.engine.snapshot import Snapshot
from retune_widget.storage.checked_state import check_state
from tests.engine.laboratory import Odd, make_run, network

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "AdamW tensor lr": lambda p: optim.AdamW(p, lr=torch.tensor(0.01), amsgrad=True),
    "LBFGS": lambda p: optim.LBFGS(p, lr=0.5, max_iter=4, line_search_fn="strong_wolfe"),
    "ASGD": lambda p: optim.ASGD(p, lr=0.05),
    "Adafactor": lambda p: optim.Adafactor(p, lr=0.01),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
}


class Everything:
    """State of each kind that `pack` takes."""

    def __init__(self):
        transposed = torch.arange(6.0).reshape(2, 3).t().clone(memory_format=torch.preserve_format)
        self.state = {
            "plain": [1, 2.5, "x", None, True, float("nan")], 3: (1, (2,)), "deque": deque([1], 4),
            "sets": [{1, "a", (2, 3)}, frozenset({2.5})], "counter": Counter("aab"), "ordered": OrderedDict(a=1),
            "default": [defaultdict(list, a=[1]), defaultdict(None, {2: 3})],
            "array": [np.eye(2), np.array(["a", "bc"])],
            "empty": [np.empty((0, 3)), torch.empty(0, 2)],
            "numbers": [np.float32(1.5), np.int64(2), np.str_("y"), 1 + 2j],
            "bytes": b"\x00\xff", "torch": [torch.Size([2, 0]), torch.bfloat16, torch.device("cpu")],
            "tensors": [transposed, torch.ones(2, 2, 2, 2).to(memory_format=torch.channels_last), torch.tensor(1)],
            "sparse": torch.eye(3).to_sparse(), "wide": torch.ones(8, 1, 3, 3).to(memory_format=torch.channels_last),
        }  # fmt: skip

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state


class Drawing(torch.nn.Module):
    """A module with generators of its own."""

    def __init__(self):
        super().__init__()
        self.layer = network()
        self.generators = [torch.Generator().manual_seed(1), np.random.default_rng(2), random.Random(3)]
        self.old = np.random.RandomState(4)

    def forward(self, x):
        return self.layer(x)


def captured(run, *, steps=3):
    if steps:
        run.step(steps)
    snapshot = run._engine.capture()
    run.close()
    return Snapshot(snapshot.tensors, json.loads(json.dumps(snapshot.values)))


@pytest.fixture(scope="module")
def sound():
    return captured(make_run(OPTIMIZERS["SGD"], modules={"everything": Everything()}, model=Drawing()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_every_kind_of_optimizer_passes(name):
    check_state(captured(make_run(OPTIMIZERS[name])))


@pytest.mark.parametrize("data", [None, [(torch.ones(2, 6), torch.zeros(2, dtype=torch.long))]])
def test_every_kind_of_data_passes(data):
    model = network()
    run = rt.Run(
        model, optim.SGD(model.parameters(), lr=0.1), data, path=":memory:",
        **({"loss_fn": torch.nn.functional.cross_entropy} if data else {"step": lambda _: None}),
    )  # fmt: skip
    check_state(captured(run, steps=2 if data else 0))


def test_every_kind_of_state_passes(sound):
    check_state(sound)
    check_state(captured(make_run(OPTIMIZERS["SGD"], model=Odd())))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("step", "3"), ("step", -1), ("noise_seed", None), ("position", {"epoch": 0}), ("position", []),
        ("position|batch_size", 0), ("position|sample", 2.5), ("modules", []), ("modules|model/|data", None),
        ("requires_grad", {"model/0.weight": 1}), ("optimizers|optimizer|groups", None), ("rng|devices", -1),
        ("optimizers|optimizer|groups", [{"params": ["nobody"], "fields": {"lr": 1}}]), ("rng|python", [3, "x"]),
        ("optimizers|optimizer|groups", [{"params": [], "fields": {}}]), ("rng|numpy", ["MT19937", 9999, 0, 0.0]),
        ("optimizers|optimizer|shared", {}), ("optimizers|optimizer|state", {"nobody": 1}), ("rng|numpy", None),
        ("optimizers|optimizer|attributes", 3), ("rng|python", [2, None]),
        ("other", {"a": [1]}), ("rng", {}), ("gradients", {"a": {"!tensor": ["nowhere", "cpu", None]}}),
    ],
)  # fmt: skip
def test_what_no_capture_makes_is_refused(sound, place, value):
    values = json.loads(json.dumps(sound.values))
    *way, last = place.split("|")
    at = values
    for name in way:
        at = at[name]
    at[last] = value
    with pytest.raises(rt.RestoreError, match=f"its '{place.split('|')[0]}' is nothing that retune-widget writes"):
        check_state(Snapshot(sound.tensors, values))


@pytest.mark.parametrize(
    "packed",
    [
        {}, {"!eval": "1"}, {"!a": 1, "!b": 2}, {"!tensor": ["nowhere", "cpu", None]},
        {"!tensor": ["w", "cuda:99", None]},
        {"!tensor": ["w", "meta", None]}, {"!tensor": ["w", "cpu", [2**50, 1]]}, {"!tensor": ["w", "cpu", [0, 0]]},
        {"!tensor": ["w", "cpu", ["a", 1]]}, {"!tensor": None}, {"!array": ["b", "O", [1]]},
        {"!array": ["b", "<f8", [2**60]]},
        {"!array": ["b", "<f8", [0, 2**60]]}, {"!array": ["w", "<f4", [2, 3]]}, {"!set": [[]]}, {"!dict": [[[], 1]]},
        {"!dict": [[1]]}, {"!dict": 7}, {"!size": [-1]}, {"!size": "ab"}, {"!dtype": "save"}, {"!device": "nowhere"},
        {"!bytes": "zz"}, {"!number": ["O", "00"]}, {"!number": ["<f8", "00"]}, {"!complex": ["1", "2"]},
        {"!default": ["open", []]}, {"!deque": [-1, []]}, {"!deque": [1, 2]}, {"!tuple": "ab"},
        {"!generator": ["random.Random", [3, {"!tuple": []}, None]]}, {"!generator": ["builtins.eval", "1"]},
        {"!generator": ["torch.Generator", {"!tensor": ["w", "cpu", None]}]}, {"!generator": None},
        {"!generator": ["numpy.random.Generator", {"!dict": [["bit_generator", "PCG64"]]}]},
        {"!sparse": ["cpu", "w", "w", [2, 3], True]}, {"!sparse": ["cpu", "i", "v", [1, 1], True]},
        {"!frozenset": [{"!dict": []}]},
    ],
)  # fmt: skip
def test_what_pack_never_writes_is_refused(sound, packed):
    tensors = {
        **sound.tensors, "w": torch.ones(2, 3), "b": torch.zeros(8, dtype=torch.uint8), "i": torch.tensor([[0], [7]]),
        "v": torch.ones(1),
    }  # fmt: skip
    for value in (packed, [packed], {"!dict": [["key", packed]]}, {"!tuple": [packed]}):
        with pytest.raises(rt.RestoreError, match="its 'extras' is nothing that retune-widget writes"):
            check_state(Snapshot(tensors, {**sound.values, "extras": {"scheduler": value}}))
