import gc
import json
import subprocess
import sys
import weakref
from types import SimpleNamespace

import pytest
from ipywidgets.widgets.widget import _instances

import retune_widget as rt
from retune_widget.view import bundles, register
from retune_widget.view.kernel import family
from tests.view.conftest import PATIENCE, close_page, open_page, until


def test_importing_the_package_imports_nothing_of_jupyter():
    heavy = ["IPython", "anywidget", "bqplot", "ipywidgets", "traitlets"]
    code = f"import sys, retune_widget; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_sent_before_the_first_display(run):
    view = run.view
    assert all(part.comm.messages == [] for part in view._parts)
    assert view.pump._thread is None


def test_a_run_has_one_widget_and_two_displays_share_it(run):
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    view = run.view
    assert run.view is view
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "IPython", kernel)
        one, other = run._repr_mimebundle_(), run._repr_mimebundle_()
    key = "application/vnd.jupyter.widget-view+json"
    assert one[key]["model_id"] == other[key]["model_id"] == view.model_id
    assert one["text/plain"] == repr(run)


def test_outside_of_a_notebook_a_run_is_a_line_of_text(run):
    assert run._repr_mimebundle_() == {"text/plain": repr(run)}


def test_a_front_end_that_is_not_built_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(bundles, "STATIC", tmp_path)
    with pytest.raises(FileNotFoundError, match="make install"):
        bundles.bundle("tree.js")


def test_the_state_alone_redraws_everything(run, view, ask):
    ask(view.toolbar, kind="step", n=9)
    ask(view.controls, kind="set", key="lr", value=0.05)
    ask(view.toolbar, kind="step", n=2)
    tree, controls = view.tree.get_state(), view.controls.get_state()
    assert [(n["id"], n["label"], n["step"]) for n in tree["nodes"]] == [("n0", "", 0), ("n1", "lr 0.1→0.05", 9)]
    assert tree["nodes"][1]["metrics"].keys() == {"train/loss", "val/loss", "val/accuracy"}
    assert tree["head"] == {"branch": "0", "step": 11, "node": "n1", "running": False}
    assert controls["values"]["lr"] == 0.05
    assert controls["marks"]["lr"]["text"] == "used from step 10"
    json.dumps([tree, controls, view.toolbar.get_state(), view.charts.bar.get_state()], allow_nan=False)


def test_a_loss_that_is_no_number_crosses_as_text(run, view, ask, gate):
    ask(view.toolbar, kind="step", n=1)
    run._records.record(0, 2, 1.0, {"train/loss": float("nan")})
    run.note("n0", "again")
    until(lambda: view.tree.branches and view.tree.branches[0]["stopped"])
    assert view.tree.branches[0]["stopped"] == "train/loss is NaN, step 2"
    json.dumps(view.tree.get_state(), allow_nan=False)


def test_the_selected_node_is_shown_in_the_details(run, view, ask):
    ask(view.toolbar, kind="step", n=8)
    ask(view.toolbar, kind="checkpoint", note="one epoch")
    ask(view.toolbar, kind="step", n=1)
    ask(view.toolbar, kind="checkpoint", note="the head's")
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1" and view.details.node["checkpoint"]["status"] == "saved")
    node = view.details.node
    assert (node["note"], node["step"], node["exact"], node["is_head"]) == ("one epoch", 8, True, False)
    assert node["digest"] == run.tree.node("n1").digest
    loss = next(metric for metric in node["metrics"] if metric["name"] == "val/loss")
    assert loss["delta"] is None
    view.tree.set_state({"selected": None})
    until(lambda: view.details.node["note"] == "the head's")
    assert view.details.node["is_head"]


def test_a_metric_is_better_or_worse_than_at_the_parent(run, view, ask):
    for note in ("one", "two"):
        ask(view.toolbar, kind="step", n=8)
        ask(view.toolbar, kind="checkpoint", note=note)
    view.tree.set_state({"selected": "n2"})
    until(lambda: view.details.node is not None)
    loss = next(metric for metric in view.details.node["metrics"] if metric["name"] == "val/loss")
    assert loss["delta"] != 0
    assert loss["better"] is (loss["delta"] < 0)


def drawn_and_still(view) -> int:
    """Messages sent so far, once everything that is known is drawn."""
    seen = []
    view.pump.post(lambda: seen.append(1), frame="full", then=lambda: seen.append(2))
    view.pump.post(frame="full", then=lambda: (seen.append(3), view.toolbar.comm.send({"method": "test"})))
    until(lambda: 3 in seen)
    return sum(len(widget.comm.messages) for widget in family(view)) - 1


def test_nothing_is_sent_when_nothing_changed(view, ask, run):
    ask(view.toolbar, kind="step", n=3)
    run.flush()
    drawn_and_still(view)
    before = drawn_and_still(view)
    assert drawn_and_still(view) == before + 1  # the test's own


def test_a_frame_is_one_message_a_widget_from_the_pump_alone(view, ask, run):
    ask(view.toolbar, kind="step", n=3)
    run.flush()
    drawn_and_still(view)
    parts = [widget for widget in family(view) if widget.comm.messages]
    counts = {id(widget): len(widget.comm.updates()) for widget in parts}
    ask(view.controls, kind="set", key="lr", value=0.05)
    for part in (view.toolbar, view.controls, view.tree):
        # "asked" and "applied" may be two frames
        assert len(part.comm.updates()) - counts[id(part)] <= 2
    sent = {name for widget in family(view) for name in widget.comm.threads}
    assert sent <= {"retune-pump", "MainThread"}
    for widget in (view.toolbar, view.controls, view.tree, view.details):
        names = {
            name
            for message, name in zip(widget.comm.messages, widget.comm.threads, strict=True)
            if message["method"] == "update"
        }
        assert names <= {"retune-pump"}, widget


def test_a_page_that_closes_costs_nothing_more(view, ask, run):
    ask(view.toolbar, kind="step", n=3)
    run.flush()
    close_page(view)
    drawn_and_still(view)
    before = drawn_and_still(view)
    run.step(20)
    assert sum(len(widget.comm.messages) for widget in family(view)) == before + 1
    assert view._held is None
    open_page(view)
    until(lambda: view.toolbar.status["step"] == 23)


def test_messages_are_answered_beside_a_busy_cell(view):
    assert all(widget.comm._reply_subshell_for is None for widget in view._parts)


def test_other_kernels_have_no_such_hook(run, monkeypatch):
    from tests.view.conftest import RecordingComm

    monkeypatch.setattr(
        RecordingComm, "__init__", lambda self, **o: vars(self).update(comm_id="x", messages=[], threads=[])
    )
    assert not hasattr(run.view.toolbar.comm, "_reply_subshell_for")


def make_run():
    import torch

    model = torch.nn.Linear(2, 1)
    return rt.Run(model, torch.optim.SGD(model.parameters(), lr=0.1), step=lambda batch: 0.0, path=":memory:")


def test_a_closed_widget_is_freed(run, view, ask):
    ask(view.toolbar, kind="step", n=3)
    before = set(map(id, family(view)))
    view.close()
    assert not before & set(map(id, _instances.values()))
    assert run.view is not view


def test_a_run_without_a_page_takes_its_widget_along():
    before = set(_instances)
    run = make_run()
    view = run.view
    open_page(view)
    close_page(view)
    gone, thread = weakref.ref(view), view.pump._thread
    run.close()
    del run, view
    gc.collect()
    thread.join(PATIENCE)
    gc.collect()
    assert not thread.is_alive()
    assert gone() is None
    assert set(_instances) - before == set()


def test_a_page_keeps_its_run():
    run = make_run()
    view, alive = run.view, weakref.ref(run)
    open_page(view)
    del run
    gc.collect()
    assert alive() is not None
    alive().close()
    close_page(view)
    view.close()


def test_a_cell_that_breaks_out_of_its_loop_leaves_the_run_free(run):
    with pytest.raises(KeyboardInterrupt) as broken:
        stopped_by_hand(run)
    register.after_cell(SimpleNamespace(error_in_exec=broken.value, error_before_exec=None))
    assert str(run.status) in {"paused", "failed"}
    run.step(1)


def stopped_by_hand(run):
    for _ in run.batches():
        raise KeyboardInterrupt


def test_the_cell_hook_is_registered_once(run, monkeypatch):
    registered = []
    events = SimpleNamespace(register=lambda name, hook: registered.append((name, hook)))

    class Shell:
        pass

    shell = Shell()
    shell.events = events
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    register.watch_cells()
    register.watch_cells()
    assert registered == [("post_run_cell", register.after_cell)]


def test_a_part_that_fails_leaves_the_others_and_says_so(run, view, ask, monkeypatch):
    def fails(_run, _selected):
        raise ValueError("no such node")

    monkeypatch.setattr(view.details, "update", fails)
    ask(view.toolbar, kind="step", n=2)
    assert view.tree.head["step"] == 2
    until(lambda: any("no such node" in notice for notice in view.toolbar.status["notices"]))
    assert isinstance(view.error, ValueError)
