"""The widget of a run that is only looked at: whole without a model, read-only, and it follows."""

import gc
import json
import sys
import weakref
from types import SimpleNamespace

import pytest

import retune_widget as rt
from retune_widget.view import following, register
from retune_widget.view.kernel import family
from retune_widget.view.saved_widget import SavedWidget
from tests.resuming import train
from tests.view.conftest import PATIENCE, close_page, open_page, until


@pytest.fixture
def clock(monkeypatch):
    """The time by which a directory is looked at again: at each tick, or when a test says so."""
    now = [0.0]
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def writing(tmp_path):
    """A run that is trained on while it is looked at, as if by another process."""
    run = train(tmp_path / "run")
    run.step(6)
    run.set(lr=0.5, note="<b>bold</b>")
    run.step(4)
    run.flush()
    yield run
    run.close()


@pytest.fixture
def saved(writing, monkeypatch):
    monkeypatch.setattr("retune_widget.view.charts.OPENING", 0.0)
    monkeypatch.setattr("retune_widget.view.retired.PATIENCE", 0.0)
    made = rt.open(writing.path)
    yield made
    view = register._views.pop(made, None)
    if view is not None:
        view.close()
    gc.collect()


def shown(saved):
    """Its widget on a page."""
    view = saved.view
    open_page(view)
    until(lambda: view.charts.bar.readout != "", "the first frame")
    return view


def test_it_shows_tree_charts_and_details_without_a_model(saved, writing, clock):
    view = shown(saved)
    assert [(n["id"], n["label"], n["step"]) for n in view.tree.nodes] == [
        ("n0", "", 0),
        ("n1", "<b>bold</b>", 6),
    ]
    assert view.tree.head == {"branch": "0", "step": 10, "node": "n1", "running": False}
    assert view.details.node["changes"] == [{"key": "lr", "old": 0.01, "new": 0.5, "governed": None, "notice": None}]
    assert view.details.node["checkpoint"]["status"] == "saved"
    assert [list(line.x) for line in view.charts.metric.figure.marks[:1]] == [list(range(1, 11))]
    assert view.charts.bar.hyperparameter == "lr"
    assert type(view.charts.values.y).__name__ == "LogScale"
    bar = view.bar.saved
    assert (bar["branch"], bar["step"], bar["epoch"], bar["following"]) == ("main", 10, writing.head.epoch, False)
    assert bar["resume"] == f"run = rt.Run(model, optimizer, data, …, path={str(writing.path)!r}, resume=True)"
    assert view.tree.disk["bytes"] == sum(node.checkpoint.bytes for node in writing.tree.nodes) > 0
    assert view.error is None
    json.dumps([part.get_state() for part in (view.tree, view.details, view.bar)], allow_nan=False, default=str)


def test_a_freed_checkpoint_is_shown_with_what_the_way_back_takes(saved, writing, clock):
    writing.pin(writing.checkpoint("tip"))
    writing.flush()
    writing.evict("n1")
    writing.flush()
    clock[0] += following.SHORTEST
    view = shown(saved)
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1")
    view.pump.draw_now()
    assert [node["checkpoint"]["status"] for node in view.tree.nodes] == ["saved", "evicted", "saved"]
    assert [node["pinned"] for node in view.tree.nodes] == [False, False, True]
    assert view.details.node["rebuilding"] == "rebuilt by replay once the run is resumed, less than a second"
    assert view.details.node["digest"] == writing.tree.node("n1").digest
    assert view.tree.disk["bytes"] == writing.disk_use.bytes


def test_a_verdict_is_kept_with_its_node(saved, writing, clock):
    view = shown(saved)
    assert view.details.node["verdict"] is None
    assert writing.verify("n1")
    writing.flush()
    clock[0] += following.SHORTEST
    until(lambda: view.details.node["verdict"])
    assert view.details.node["verdict"] == {"equal": True, "text": "6 steps trained again, every bit is the same"}


def test_nothing_can_be_steered(saved, ask, clock):
    view = shown(saved)
    assert (view.tree.steerable, view.details.steerable) == (False, False)
    assert not hasattr(view, "controls")
    for content in (
        {"kind": "start"},
        {"kind": "restore", "node": "n0"},
        {"kind": "pin", "node": "n0", "pinned": True},
    ):
        answer = ask(view.tree, **content)
        assert not answer["ok"]
        assert "This is a saved run" in answer["error"]
    assert "knows no 'nonsense'" in ask(view.tree, kind="nonsense")["error"]
    assert ask(view.charts.bar, kind="reset_zoom")["ok"]


def test_a_node_can_be_selected(saved, clock):
    view = shown(saved)
    view.tree.set_state({"selected": "n0"})
    until(lambda: view.details.node["id"] == "n0")
    assert view.details.node["is_root"]


def test_it_follows_what_another_process_writes_and_looks_once_a_second(saved, writing, clock):
    view = shown(saved)
    writing.step(5)
    writing.branch("n0", name="other")
    writing.flush()
    view.pump.draw_now()
    assert view.bar.saved["step"] == 10
    clock[0] += following.SHORTEST
    until(lambda: view.bar.saved["following"], "what was written")
    view.pump.draw_now()
    assert [branch["name"] for branch in view.tree.branches] == ["main", "other"]
    assert view.tree.head["running"]
    assert [len(line.x) for line in view.charts.metric.figure.marks[:1]] == [15]
    assert len(saved.history) == 10
    clock[0] += following.LIVELY
    until(lambda: not view.bar.saved["following"], "that nobody writes any more")
    view.pump.draw_now()
    assert not view.tree.head["running"]


def test_it_reads_only_what_has_changed(saved, writing, clock, monkeypatch):
    reads = []
    monkeypatch.setattr(following, "read", lambda path: reads.append(path) or read(path))
    read = sys.modules["retune_widget.saved"].read
    view = shown(saved)
    for _ in range(3):
        clock[0] += following.SHORTEST
        view.pump.draw_now()
    assert reads == []
    writing.step(1)
    writing.flush()
    for _ in range(3):
        clock[0] += following.SHORTEST
        view.pump.draw_now()
    assert reads == [writing.path]


def test_a_refresh_by_hand_is_taken_over(saved, writing, clock, monkeypatch):
    view = shown(saved)
    writing.step(1)
    writing.flush()
    saved.refresh()
    monkeypatch.setattr(following, "read", None)
    clock[0] += following.SHORTEST
    view.pump.draw_now()
    assert view.bar.saved["step"] == saved.head.step == 11


def test_a_directory_that_is_gone_leaves_what_was_read(saved, writing, clock, tmp_path):
    view = shown(saved)
    writing.close()
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    clock[0] += following.SHORTEST
    until(lambda: view.bar.saved["problem"], "the reason")
    assert "There is no run in" in view.bar.saved["problem"]
    assert len(view.tree.nodes) == 2
    assert view.error is None


def test_a_page_that_closes_costs_nothing_more(saved, writing, clock):
    view = shown(saved)
    close_page(view)
    view.pump.draw_now()
    before = sum(len(widget.comm.messages) for widget in family(view))
    writing.step(5)
    writing.flush()
    clock[0] += following.SHORTEST
    assert sum(len(widget.comm.messages) for widget in family(view)) == before
    assert view._held is None
    open_page(view)
    until(lambda: view.bar.saved["step"] == 15)


def test_a_node_whose_checkpoint_is_on_its_way_is_not_called_lost(saved, writing, clock):
    view = shown(saved)
    node = writing.tree.node("n0").record() | {"id": "n7", "parent": "n1", "checkpoint": "c7", "step": 10}
    writing._writer.save_node(node)
    writing.flush()

    def status():
        view.pump.draw_now()
        return view.tree.nodes[-1]["checkpoint"]

    clock[0] += following.SHORTEST
    until(lambda: view.bar.saved["following"])
    assert status() == {"status": "saving", "reason": None, "bytes": 0}
    clock[0] += following.LIVELY
    until(lambda: not view.bar.saved["following"])
    assert status() == {"status": "not saved", "reason": "It was not saved when the process ended.", "bytes": 0}


def test_it_is_displayed_in_a_notebook_and_freed_with_its_run(saved, clock):
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    assert saved._repr_mimebundle_() == {"text/plain": repr(saved)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "IPython", kernel)
        bundle = saved._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == saved.view.model_id
    assert isinstance(saved.view, SavedWidget)
    assert saved.view is saved.view
    other = rt.open(saved.path)
    open_page(other.view)
    close_page(other.view)
    gone, thread = weakref.ref(other.view), other.view.pump._thread
    del other
    gc.collect()
    thread.join(PATIENCE)
    gc.collect()
    assert gone() is None
