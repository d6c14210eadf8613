"""What a checkpoint takes: what did not change is stored once."""

import torch
from torch import nn

from tests.rig import running


def layers(frozen, *, width=256, count=10):
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(count)))
    for layer in list(model)[:frozen]:
        layer.requires_grad_(False)
    return model


def data(width=256):
    return [(torch.randn(4, width), torch.tensor([0, 1, 2, 3]))]


def sizes(frozen, path):
    with running(model=layers(frozen), data=data(), path=path) as run:
        for _ in range(4):
            run.step()
            run.checkpoint()
        run.flush()
        files = {file.stem: file.stat().st_size for file in (path / "checkpoints").iterdir()}
        assert all(files[node.checkpoint.id] == node.checkpoint.bytes for node in run.tree.nodes)
        return [node.checkpoint.bytes for node in run.tree.nodes]


def test_a_model_with_90_percent_frozen_stores_11_percent_a_further_checkpoint(tmp_path):
    first, *others = sizes(9, tmp_path / "frozen")
    assert first > 10 * 256 * 256 * 4
    assert max(others) <= 0.11 * first
    _, *whole = sizes(0, tmp_path / "whole")
    assert min(whole) > 10 * 256 * 256 * 4


def test_a_small_adapter_on_a_frozen_model_stores_the_adapter_alone(tmp_path):
    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.base, self.down, self.up = layers(10), nn.Linear(256, 4, bias=False), nn.Linear(4, 256, bias=False)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x))

    path = tmp_path / "run"
    with running(
        lambda model: torch.optim.AdamW([p for p in model.parameters() if p.requires_grad]),
        model=Adapted(), data=data(), path=path,
    ) as run:  # fmt: skip
        run.step()
        before = run.checkpoint()
        run.step()
        after = run.checkpoint()
        run.flush()
        adapter = 3 * 2 * 256 * 4 * 4
        assert before.checkpoint.bytes < adapter + 64 * 1024
        assert after.checkpoint.bytes < adapter + 64 * 1024
        digest = before.digest
        run.restore(before)
        assert run.digest() == digest
