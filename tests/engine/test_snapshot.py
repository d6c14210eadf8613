import copy

import numpy as np
import pytest
import torch
from torch import nn, optim

import retune_widget as rt
from retune_widget.engine.engine import Engine
from retune_widget.engine.feed import make_feed
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.state import LiveState
from tests.engine.laboratory import BATCH, Noisy, network


def live_state(model, optimizer=None, **extras):
    optimizer = optimizer or optim.Adam(model.parameters())
    return LiveState({"model": model}, {"optimizer": optimizer}, extras, keep_gradients=True)


def capture(live):
    return live.capture({"step": 0})


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(8, 6)).square().sum().backward()
    optimizer.step()


# The digest.


def snapshot(tensor=None, **values):
    return Snapshot({"t": torch.zeros(2) if tensor is None else tensor}, {"step": 0, **values})


@pytest.mark.parametrize(
    "other",
    [
        snapshot(torch.tensor([0.0, -0.0])),
        snapshot(torch.zeros(2, dtype=torch.int32)),
        snapshot(torch.zeros(1, 2)),
        snapshot(x=1),
        Snapshot({"u": torch.zeros(2)}, {"step": 0}),
    ],
    ids=["sign of zero", "type", "shape", "value", "name"],
)
def test_a_digest_sees_every_bit(other):
    assert other.digest() != snapshot().digest()
    assert snapshot().digest() == snapshot().digest()


def test_a_digest_takes_nan_for_what_its_bits_are_and_does_not_depend_on_memory_order():
    nan = torch.tensor([float("nan")])
    assert snapshot(nan).digest() == snapshot(nan.clone()).digest()
    assert snapshot(torch.eye(3)[:, :2]).digest() == snapshot(torch.eye(3)[:, :2].contiguous()).digest()
    assert snapshot(x=float("nan")).digest() == snapshot(x=float("nan")).digest()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex64, torch.bool, torch.uint8, torch.float64], ids=str)
def test_a_digest_of_any_type_and_shape(dtype):
    for shape in ((), (0,), (2, 3)):
        assert len(snapshot(torch.zeros(shape, dtype=dtype)).digest()) == 64


def test_a_snapshot_knows_its_size_and_step():
    its = Snapshot({"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.int64)}, {"step": 7})
    assert (its.nbytes, its.step) == (28, 7)


# Capture.


def test_a_snapshot_shares_nothing_with_the_live_objects():
    model = network()
    optimizer = optim.Adam(model.parameters())
    live = live_state(model, optimizer)
    step(model, optimizer)
    taken = capture(live)
    kept = {name: tensor.clone() for name, tensor in taken.tensors.items()}
    values = copy.deepcopy(taken.values)
    for _ in range(2):
        step(model, optimizer)
        live.restore(taken)
        step(model, optimizer)
        model[3].p = 0.9
        for name, tensor in taken.tensors.items():
            assert torch.equal(tensor, kept[name]), name
    assert taken.values == values


def test_tied_parameters_are_captured_once_and_data_is_not_written_twice():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    live = live_state(model)
    names = [name for name in capture(live).tensors if name.startswith("param/")]
    assert names == ["param/model/0.weight"]


def test_a_part_that_cannot_be_kept_is_an_error_with_its_name():
    class Odd:
        def state_dict(self):
            return {"callback": print}

        def load_state_dict(self, state):
            pass

    model = network()
    with pytest.raises(rt.CaptureError, match="extra/odd/callback holds a builtins"):
        capture(live_state(model, odd=Odd()))


def test_an_extra_may_take_its_state_apart_and_is_given_a_new_one_each_time():
    class Greedy:
        """As torch's CyclicLR: takes things out of the dict it is given."""

        def __init__(self):
            self.count, self.history = 3, torch.zeros(2)

        def state_dict(self):
            return {"count": self.count, "history": self.history}

        def load_state_dict(self, state):
            self.count, self.history = state.pop("count"), state.pop("history")

    greedy = Greedy()
    live = live_state(network(), greedy=greedy)
    taken = capture(live)
    for _ in range(2):
        live.restore(taken)
        greedy.history.add_(1)
        greedy.count += 1
    live.restore(taken)
    assert (greedy.count, greedy.history.tolist()) == (3, [0, 0])


# Restore.


def test_tensors_are_written_in_place():
    model = network()
    optimizer = optim.AdamW(model.parameters(), lr=torch.tensor(0.1))
    live = live_state(model, optimizer)
    step(model, optimizer)
    taken = capture(live)
    objects = [*model.parameters(), *model.buffers(), optimizer.param_groups[0]["lr"]]
    objects += [value for its in optimizer.state.values() for value in its.values()]
    step(model, optimizer)
    optimizer.param_groups[0]["lr"].fill_(0.5)
    live.restore(taken)
    after = [*model.parameters(), *model.buffers(), optimizer.param_groups[0]["lr"]]
    after += [value for its in optimizer.state.values() for value in its.values()]
    assert len(objects) == len(after)
    assert all(a is b for a, b in zip(objects, after, strict=True))
    assert capture(live).digest() == taken.digest()


def test_state_that_came_later_goes():
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    live = live_state(model, optimizer)
    taken = capture(live)
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.param_groups[0]["new"] = 1
    step(model, optimizer)
    model.counter = 1
    model.callback = print
    live.restore(taken)
    assert not optimizer.state
    assert "new" not in optimizer.param_groups[0]
    assert not hasattr(model, "counter")
    assert model.callback is print  # no data: not ours to take away
    assert all(parameter.grad is None for parameter in model.parameters())
    assert capture(live).digest() == taken.digest()


class Keeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.view = self.layer.weight.data
        self.a = self.b = torch.zeros(2)
        self.table = torch.arange(3.0)
        self.sizes = [torch.zeros(1), {"x": (1, 2)}]
        self.generators = [np.random.default_rng(1), torch.Generator()]


def test_attributes_are_replaced_not_overwritten():
    model = Keeping()
    live = live_state(model)
    taken = capture(live)
    table, view, data = model.table, model.view, torch.ones(2)
    generators = model.generators[:]
    model.a, model.b, model.sizes = data, torch.ones(2), [torch.ones(1)]
    with torch.no_grad():
        model.layer.weight.add_(1)
    model.generators[0].random()
    live.restore(taken)
    assert data.tolist() == [1, 1]  # may be the user's batch
    assert model.a is model.b  # shared as it was
    assert model.a.tolist() == [0, 0]
    assert model.table is table  # the same bits: the same object
    assert model.view is view
    assert model.view.data_ptr() == model.layer.weight.data_ptr()  # still a view
    assert model.sizes[1] == {"x": (1, 2)}
    assert all(a is b for a, b in zip(generators, model.generators, strict=True))
    assert model.generators[0].random() == np.random.default_rng(1).random()


def another(model_change):
    model = network()
    taken = capture(live_state(model))
    return taken, live_state(model_change(model))


def widen(model):
    model[4] = nn.Linear(8, 4)
    return model


def thin(model):
    model[0] = nn.Linear(6, 8, bias=False)
    return model


def double(model):
    return model.double()


def add(model):
    model.append(nn.Identity())
    return model


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (widen, r"the parameter '4.weight' is \(4, 8\) of float32 now and \(3, 8\) of float32 in the checkpoint"),
        (thin, "the parameter '0.bias' is only in the checkpoint"),
        (double, r"the parameter '0.weight' is \(8, 6\) of float64 now"),
        (add, "'5' is only live"),
    ],
)
def test_another_model_is_refused_and_nothing_is_changed(change, words):
    taken, live = another(change)
    before = capture(live).digest()
    with pytest.raises(rt.RestoreError, match=words):
        live.restore(taken)
    assert capture(live).digest() == before


def test_other_parts_are_refused_with_their_names():
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    taken = capture(live_state(model, optimizer, scheduler=scheduler))
    with pytest.raises(rt.RestoreError, match=r"state beside the model.*'scheduler' is only in the checkpoint"):
        live_state(model, optimizer).restore(taken)
    other = LiveState({"model": model}, {"head": optimizer}, {"scheduler": scheduler}, keep_gradients=True)
    with pytest.raises(rt.RestoreError, match=r"The optimizer is not the one.*'head' is only live"):
        other.restore(taken)
    registered = live_state(model, optimizer)
    registered.registered["smoothing"] = (lambda: 0.1, print)
    with pytest.raises(rt.RestoreError, match=r"holds a value of 'smoothing': register it first"):
        live_state(model, optimizer).restore(capture(registered))


def test_a_restore_that_is_cut_off_says_so():
    class Failing:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            raise OSError("no")

    model = network()
    live = live_state(model, failing=Failing())
    engine = Engine(live, make_feed(Noisy(), BATCH, 0), None)
    taken = engine.capture()
    with pytest.raises(OSError, match="no"):
        engine.restore(taken)
    assert engine.why_inexact == "a restore was cut off in the middle: restore again"
    del live.extras["failing"]
    engine.restore(engine.capture())
    assert engine.why_inexact is None
