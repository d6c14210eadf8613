"""The tables: their columns, one row a step, values carried forward, and their size."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import optim

from retune_widget.tracking.frames import history_frame
from retune_widget.tracking.history import History
from retune_widget.tracking.tree import CheckpointHandle, Tree
from tests.rig import batches, running

BUILT_IN = ["accumulate", "label_smoothing", "l1", "l2", "grad_clip"]
ADAMW = ["lr", "betas[0]", "betas[1]", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay"]


def adamw(model):
    return optim.AdamW(model.parameters(), lr=0.01)


def test_the_columns_of_an_empty_run():
    with running() as run:
        assert list(run.history.columns) == ["branch", "step", "epoch", "elapsed"]
        assert list(run.changes.columns) == [
            "branch",
            "step",
            "key",
            "old",
            "new",
            "author",
            "node",
            "note",
            "governed",
        ]
        assert len(run.changes) == len(run.history) == 0


def test_the_history_has_one_row_a_step():
    with running(adamw, val_data=batches(1), eval_every=2) as run:
        run.step(5)
        run.set(lr=0.5, amsgrad=True)
        run.step(2)
        table = run.history
        assert list(table.columns) == [
            "branch", "step", "epoch", "elapsed", "train/loss", "val/loss", *ADAMW, *BUILT_IN,
        ]  # fmt: skip
        assert table.step.tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert table.epoch.tolist() == [0, 0, 0, 1, 1, 1, 1]
        assert table["train/loss"].notna().all()
        assert table["val/loss"].notna().tolist() == [False, True, False, True, False, True, False]
        assert table.lr.tolist() == [0.01] * 5 + [0.5] * 2
        assert table.amsgrad.tolist() == [False] * 5 + [True] * 2
        assert table.amsgrad.dtype == bool
        assert str(table.branch.dtype) == "category"


def test_whole_numbers_stay_whole():
    with running(lambda model: optim.LBFGS(model.parameters(), max_iter=3)) as run:
        run.step(1)
        assert run.history.max_iter.dtype == np.int64


def test_a_hyperparameter_that_came_later_is_missing_before():
    with running() as run:
        run.step(2)
        run.register("late", lambda: 0.5, print)
        run.step(1)
        assert run.history.late.isna().tolist() == [True, True, False]


def test_the_changes():
    with running() as run:
        run.step(2)
        run.set(lr=0.5, nesterov=False, maximize=True, note="why not")
        run.branch("n0", lr=0.25, name="b")
        table = run.changes
        assert table.branch.tolist() == ["main", "main", "b"]
        assert table.step.tolist() == [2, 2, 0]
        assert table.key.tolist() == ["lr", "maximize", "lr"]
        assert table.old.tolist() == [0.1, False, 0.1]
        assert table.new.tolist() == [0.5, True, 0.25]
        assert type(table.new[1]) is bool
        assert table.author.unique().tolist() == ["user"]
        assert table.note.tolist() == ["why not", "why not", ""]
        assert table.node.tolist() == ["n1", "n1", "n2"]


def test_the_nodes():
    with running(val_data=batches(1), eval_every=1) as run:
        run.step(2)
        run.checkpoint("here")
        run.set(lr=0.5)
        assert run.flush(30)
        table = run.nodes
        assert list(table.columns) == [
            "id", "branch", "step", "parent", "cause", "changes", "metrics", "bytes", "status", "pinned", "exact",
            "why", "verified", "digest", "note", "created",
        ]  # fmt: skip
        assert table.status.tolist() == ["saved"] * 3
        assert table.id.tolist() == ["n0", "n1", "n2"]
        assert table.cause.tolist() == ["start", "manual", "change"]
        assert table.changes.tolist() == ["", "", "lr 0.1→0.5"]
        assert set(table.metrics[1]) == {"train/loss", "val/loss"}
        assert table.exact.all()
        assert (table.bytes > 0).all()
        assert table.digest.notna().all()
        assert table.digest[1] == table.digest[2]  # the state before the change is that of the checkpoint
        assert pd.Timestamp.now("UTC") - table.created[0] < pd.Timedelta(minutes=5)


def test_a_history_that_is_not_exact_is_marked():
    with running(data=iter(batches())) as run:
        run.step(1)
        run.checkpoint()
        assert run.nodes.exact.tolist() == [False, False]
        assert "position cannot be set" in run.nodes.why[0]


def rooted():
    tree = Tree()
    tree.add_node({
        "branch": tree.branches[0], "step": 0, "epoch": 0, "parent": None, "cause": "start",
        "checkpoint": CheckpointHandle("c"), "values": dict.fromkeys(ADAMW[:5], 0.1) | dict.fromkeys(ADAMW[5:], False),
    })  # fmt: skip
    return tree


@pytest.mark.parametrize("rows", [200_000])
def test_a_row_takes_less_than_100_bytes_in_the_buffers_and_in_the_table(rows):
    tree, history = rooted(), History(list)
    history.record_values(0, 1, [(key, 0.0) for key in ADAMW])
    history.set_epoch(0, 1, 0)
    for step in range(1, rows + 1):
        history.record(0, step, step, {"train/loss": 0.5, "train/accuracy": 0.5})
    table = history_frame(tree, history)
    assert len(table) == rows
    assert table.memory_usage(deep=True).sum() / rows <= 100
    columns = [column for its in history._columns.values() for column in its.values()]  # dicts
    size = sum(buffer.buffer_info()[1] * 8 for column in columns for buffer in (column.steps, column.values))  # noqa: PD011  # no Series
    assert size / rows <= 100


def test_the_losses_in_the_table_are_the_losses():
    losses = []

    def loss_fn(output, target):
        losses.append(torch.nn.functional.cross_entropy(output, target))
        return losses[-1]

    with running(loss_fn=loss_fn) as run:
        run.step(20)
        assert run.history["train/loss"].tolist() == [loss.item() for loss in losses]


def test_rows_that_come_while_a_table_is_made_are_not_in_it():
    tree, history = rooted(), History(list)
    history.set_epoch(0, 1, 0)
    for step in range(1, 4):
        history.record(0, step, step, {"train/loss": 0.5})
    read = history.lineage_pairs

    def read_while_it_trains(path, name):
        pairs = read(path, name)
        history.record(0, history.tip(tree.branches[0]) + 1, 9.0, {"train/loss": 0.25, "new": 1.0})
        return pairs

    history.lineage_pairs = read_while_it_trains
    assert history_frame(tree, history)["train/loss"].tolist() == [0.5] * 3


def test_a_whole_number_that_becomes_a_fraction_is_not_cut_off():
    with running() as run:
        mine = {"strength": 0}
        run.register("strength", lambda: mine["strength"], lambda value: mine.update(strength=value), low=0, high=1)
        run.step(1)
        assert run.history.strength.dtype == int
        mine["strength"] = 0.9
        run.step(1)
        assert run.history.strength.tolist() == [0, 0.9]
