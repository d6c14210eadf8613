import json
import random
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest
import torch

import retune_widget as rt
from retune_widget.engine.leaves import Tensors, owned
from retune_widget.engine.pack import pack, unpack, unpack_into, write

NAN = float("nan")
STATES = [
    None, True, 0, -(2**70), 0.1, -0.0, NAN, float("inf"), "", "a/b", b"\x00\xff", 1 + 2j,
    [], [1, [2.0]], (), (1, (2,)), {1, 2}, frozenset({"x"}), deque([1, 2], maxlen=3), deque([1]),
    {}, {1: "a", "1": "b", (2, 3): None, None: []}, OrderedDict(b=1, a=2), Counter("abb"),
    defaultdict(list, a=[1]), defaultdict(None, a=1), {"!tuple": [1]}, {"!tensor": ["x", "cpu", None]},
    np.float64(0.1), np.int8(-3), np.bool_(True), np.float16(NAN), np.datetime64("2020-01-01"),
    np.arange(6).reshape(2, 3)[:, ::2], np.array(3.5), np.zeros((0, 2)), np.array(["ab", "c"]), np.array([True]),
    np.array([1], ">i4"), np.array([1 + 1j], np.complex64),
    torch.Size([2, 3]), torch.bfloat16, torch.device("cuda:1"),
    torch.tensor(1), torch.zeros(0, 3), torch.tensor([NAN, -0.0, float("inf")]), torch.ones(1, dtype=torch.bfloat16),
    torch.tensor([True]), torch.tensor([1 + 2j]), torch.arange(6).reshape(2, 3).T, torch.tensor([1 + 2j]).conj(),
    torch.eye(3).to_sparse(), torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (2,), check_invariants=True),
    [{"a": (torch.ones(2), {3: np.ones(1)})}],
]  # fmt: skip


def same(a, b):
    """Equal in type and in every bit, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple | deque):
        return len(a) == len(b) and all(map(same, a, b)) and getattr(a, "maxlen", 0) == getattr(b, "maxlen", 0)
    return bits(a) == bits(b)


def bits(thing):
    if isinstance(thing, torch.Tensor) and thing.layout is torch.sparse_coo:
        return thing.is_coalesced(), thing.shape, bits(thing._values()), bits(thing._indices())
    if isinstance(thing, torch.Tensor):
        flat = thing.resolve_conj().contiguous().reshape(-1)
        return thing.dtype, thing.shape, flat.view(torch.uint8).tolist()
    if isinstance(thing, np.ndarray | np.generic):
        return thing.dtype, thing.shape, thing.tobytes()
    return repr(thing)


def there_and_back(state):
    tensors = Tensors()
    packed = json.loads(json.dumps(pack(state, "s", tensors)))
    return unpack(packed, tensors)


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_there_and_back_through_json(state):
    assert same(state, there_and_back(state))


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_into_something_else(state):
    tensors = Tensors()
    packed = pack(state, "s", tensors)
    for live in STATES:
        assert same(state, unpack_into(live if isinstance(live, int) else there_and_back(live), packed, tensors))


def test_a_default_dict_goes_on_making_defaults():
    state = there_and_back(defaultdict(list))
    state["new"].append(1)
    assert state == {"new": [1]}


def test_what_was_packed_is_a_copy_and_so_is_what_is_unpacked():
    state = {"t": torch.zeros(2), "a": np.zeros(2)}
    tensors = Tensors()
    packed = pack(state, "s", tensors)
    first = unpack(packed, tensors)
    for each in (state, first):
        each["t"].add_(1)
        each["a"] += 1
    again = unpack(packed, tensors)
    assert again["t"].sum() == again["a"].sum() == 0


def test_names_that_meet_stay_apart():
    state = {1: torch.ones(1), "1": torch.zeros(1), "a/b": np.ones(1), "a": {"b": np.zeros(1)}}
    assert same(state, there_and_back(state))


def test_strides_are_kept():
    state = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    tensors = Tensors()
    packed = pack(state, "s", tensors)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}  # as a file holds it
    assert unpack(packed, contiguous).stride() == state.stride()
    assert torch.equal(unpack(packed, contiguous), state)


Pair = namedtuple("Pair", "a b")  # noqa: PYI024  # the kind that a person would use


class Own:
    pass


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Own(), "holds a .*Own, which a checkpoint cannot keep"),
        (print, "holds a builtins.builtin_function_or_method"),
        ([{"deep": lambda: 0}], "s/0/deep holds a builtins.function"),
        (Pair(1, 2), "holds a .*Pair"),
        (np.array([Own()]), "is an array of object"),
        (np.zeros(1, [("a", int)]), "is an array of"),
        (defaultdict(Own), "is a defaultdict of"),
        (torch.eye(2).to_mkldnn(), "is a tensor of layout torch._mkldnn"),
    ],
)
def test_what_is_no_data_is_refused_with_its_name(state, words):
    with pytest.raises(rt.CaptureError, match=words):
        pack(state, "s", Tensors())


def test_live_tensors_lists_and_dicts_are_written_in_place():
    live = {"t": torch.zeros(2), "list": [torch.zeros(1), 5], "later": 1}
    tensor, inner, first = live["t"], live["list"], live["list"][0]
    tensors = Tensors()
    packed = pack({"t": torch.ones(2), "list": [torch.ones(1), 6, 7]}, "s", tensors)
    result = unpack_into(live, packed, tensors)
    assert result is live
    assert live["t"] is tensor
    assert live["list"] is inner
    assert inner[0] is first
    assert tensor.tolist() == [1, 1]
    assert inner == [torch.ones(1), 6, 7]
    assert "later" not in live


@pytest.mark.parametrize("live", [torch.zeros(3), torch.zeros(2, dtype=torch.float64), None, 5], ids=repr)
def test_a_live_tensor_that_does_not_fit_is_replaced(live):
    tensors = Tensors()
    packed = pack(torch.ones(2), "s", tensors)
    assert same(torch.ones(2), unpack_into(live, packed, tensors))


def test_one_live_tensor_in_two_places_becomes_two_again():
    tensors = Tensors()
    packed = pack({"a": torch.zeros(2), "b": torch.ones(2)}, "s", tensors)
    shared = torch.full((2,), 7.0)
    result = unpack_into({"a": shared, "b": shared}, packed, tensors)
    assert (result["a"].sum(), result["b"].sum()) == (0, 2)


GENERATORS = {
    "torch": (lambda: torch.Generator().manual_seed(1), lambda g: torch.rand(3, generator=g).tolist()),
    "numpy": (lambda: np.random.default_rng(1), lambda g: g.random(3).tolist()),
    "numpy mt": (lambda: np.random.Generator(np.random.MT19937(1)), lambda g: g.random(3).tolist()),
    "numpy old": (lambda: np.random.RandomState(1), lambda g: g.randn(3).tolist()),
    "python": (lambda: random.Random(1), lambda g: [g.gauss(0, 1), g.random()]),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_is_set_in_place(name):
    make, draw = GENERATORS[name]
    generator = make()
    draw(generator)
    tensors = Tensors()
    packed = json.loads(json.dumps(pack(generator, "s", tensors)))
    expected = draw(generator)
    for _ in range(2):
        assert unpack_into(generator, packed, tensors) is generator
        assert draw(generator) == expected
    other = GENERATORS["python" if name != "python" else "torch"][0]()
    with pytest.raises(rt.RestoreError, match="put a generator of that kind there"):
        unpack_into(other, packed, tensors)


def test_an_expanded_tensor_is_written_where_its_elements_are():
    live = torch.zeros(3, 1).expand(3, 4)
    saved = owned(torch.arange(3.0)[:, None].expand(3, 4))
    assert write(live, saved) is live
    assert live.tolist() == saved.tolist()
