import itertools
import random

import numpy as np
import pytest
import torch

from retune_widget.engine import rng


def draw():
    return [
        torch.rand(3).tolist(), torch.randn(5).tolist(), np.random.rand(2).tolist(), np.random.randn(3).tolist(),  # noqa: NPY002
        random.random(), random.gauss(0, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_restore_gives_the_same_draws_again(before):
    for _ in range(before):
        np.random.randn()  # noqa: NPY002  # made in pairs: one may be waiting
        random.gauss(0, 1)
        torch.randn(1)
    tensors = {}
    values = rng.capture(tensors)
    expected = draw()
    draw()
    rng.restore(values, tensors)
    assert draw() == expected


def test_a_seed_sets_all_of_them_and_nothing_of_before_is_left():
    rng.seed_generators(2**63 - 1)
    expected = draw()
    np.random.randn()  # noqa: NPY002
    random.gauss(0, 1)
    rng.seed_generators(2**63 - 1)
    assert draw() == expected
    rng.seed_generators(2**63 - 2)
    assert all(a != b for a, b in zip(draw(), expected, strict=True))


def test_undisturbed_also_after_an_error():
    rng.seed_generators(3)
    expected = draw()
    rng.seed_generators(3)
    with pytest.raises(KeyError), rng.undisturbed():  # noqa: PT012  # the draw before the error is the point
        draw()
        raise KeyError
    assert draw() == expected


def test_mix_spreads():
    """Neighbours differ in about half of their bits, the order of the numbers counts, no seed comes twice."""
    seeds = [rng.mix(seed, step) for seed in range(30) for step in range(30)]
    assert len(set(seeds)) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)
    flips = [(a ^ b).bit_count() for a, b in itertools.pairwise(seeds)]
    assert 29 < np.mean(flips) < 34
    assert rng.mix(1, 2) != rng.mix(2, 1)
    assert rng.mix(-1) != rng.mix(1)
    assert rng.mix(2**64 + 5) == rng.mix(5)


class Device:
    """Stands for an accelerator that is in use."""

    def __init__(self):
        self.default_generators = [torch.Generator(), torch.Generator()]

    def is_initialized(self):
        return True


def test_the_generators_of_devices_are_captured_and_seeded_too(monkeypatch):
    device = Device()
    monkeypatch.setattr(rng, "_BACKENDS", (device,))

    def draw_there():
        return [torch.rand(2, generator=generator).tolist() for generator in device.default_generators]

    rng.seed_generators(4)
    first = draw_there()
    assert first[0] == first[1]
    tensors = {}
    values = rng.capture(tensors)
    expected = draw_there()
    rng.restore(values, tensors)
    assert draw_there() == expected
    rng.seed_generators(4)
    assert draw_there() == first


def test_a_step_is_seeded_as_by_the_public_calls_from_its_own_number():
    for step in (0, 255, 256, 1000):
        seed = rng.step_seed(3, 7, step)
        assert seed == rng.mix(3, 7, step)
        rng.seed_generators(seed)
        drawn = random.gauss(0, 1), torch.rand(3).tolist(), np.random.rand(3).tolist()  # noqa: NPY002
        random.seed(seed)
        torch.manual_seed(seed)
        np.random.seed(seed & 0xFFFFFFFF)  # noqa: NPY002
        assert drawn == (random.gauss(0, 1), torch.rand(3).tolist(), np.random.rand(3).tolist())  # noqa: NPY002
