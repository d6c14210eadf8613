from types import SimpleNamespace

import bqplot
import numpy as np
import pytest

import retune_widget as rt
from retune_widget.view import charts as charts_module
from retune_widget.view import retired
from retune_widget.view.toolbar import Speed
from tests.view.conftest import open_page, until


@pytest.fixture
def charts(run, view, ask):
    ask(view.toolbar, kind="step", n=24)
    run.set(lr=0.01)
    ask(view.toolbar, kind="step", n=8)
    redrawn(view)
    return view.charts


def lines(charts):
    return [mark for mark in charts.metric.figure.marks if mark not in charts.metric.over]


def redrawn(view):
    """Wait for a full frame that draws what was chosen before it."""
    done = []
    view.pump.post(frame="full", then=lambda: (done.append(1), view.toolbar.comm.send({"method": "test"})))
    until(lambda: done)


def test_before_the_first_step_the_chart_is_empty_and_whole(view):
    assert lines(view.charts)[:1] == []
    assert view.charts.bar.readout.startswith("no steps yet")
    assert (view.charts.metric.y.min, view.charts.metric.y.max) == (0.0, 1.0)
    assert view.charts._x.max > 0


def test_train_and_validation_share_a_chart_with_the_right_points(run, charts):
    thin, thick = lines(charts)
    assert thin.stroke_width < thick.stroke_width
    assert list(thin.x) == list(range(1, 33))
    assert list(thick.x) == [8, 16, 24, 32]
    assert (thin.marker, thick.marker) == (None, "circle")
    assert thin.x.dtype == thin.y.dtype == np.float64
    frame = run.history
    np.testing.assert_array_equal(thin.y, frame["train/loss"])


def test_both_figures_have_the_same_steps(charts):
    x = {mark.scales["x"] for pane in (charts.metric, charts.values) for mark in pane.figure.marks}
    assert x == {charts._x}


def test_a_change_is_marked_with_what_changed(charts):
    dashed, _, labels, *_ = charts.metric.over
    assert np.unique(dashed.x).tolist() == [24.0]
    assert list(labels.text) == ["lr 0.1→0.01"]


def test_the_hyperparameter_is_drawn_in_steps_on_its_own_scale(charts):
    (line, *_) = charts.values.figure.marks
    assert line.interpolation == "step-after"
    assert list(line.x) == [0, 24, 32]
    assert list(line.y) == [0.1, 0.01, 0.01]
    assert isinstance(charts.values.y, bqplot.LogScale)


def test_smoothing_keeps_the_raw_line_behind(view, charts):
    raw_y = lines(charts)[0].y.copy()
    charts.bar.set_state({"smoothing": 0.9})
    until(lambda: len(lines(charts)) == 3)
    raw, smoothed, _ = lines(charts)
    np.testing.assert_array_equal(raw.y, raw_y)
    assert raw.opacities[0] < smoothed.opacities[0]
    assert np.std(smoothed.y) < np.std(raw.y)


def test_log_y_and_back(view, charts):
    charts.bar.set_state({"log_y": True})
    until(lambda: isinstance(charts.metric.y, bqplot.LogScale))
    redrawn(view)
    assert all(line.scales["y"] is charts.metric.y for line in lines(charts))
    assert charts.metric.figure.axes[1].scale is charts.metric.y
    charts.bar.set_state({"log_y": False})
    until(lambda: isinstance(charts.metric.y, bqplot.LinearScale))


def test_another_metric(view, charts):
    charts.bar.set_state({"metric": "accuracy"})
    until(lambda: len(lines(charts)) == 1)
    assert charts.bar.metrics == ["loss", "accuracy"]


def test_only_lines_with_new_data_are_sent(run, view, ask, charts):
    ask(view.tree, kind="branch", node="n1", name="other")
    ask(view.toolbar, kind="step", n=4)
    redrawn(view)
    before = {line.model_id: len(line.comm.updates()) for line in lines(charts)}
    ask(view.toolbar, kind="step", n=4)
    redrawn(view)
    news = {line.colors[0] for line in lines(charts) if len(line.comm.updates()) > before[line.model_id]}
    assert len({line.colors[0] for line in lines(charts)}) == 2
    assert news == {view.tree.branches[1]["colour"]}


def test_zoom_holds_while_training_and_reset_shows_all(run, view, ask, charts):
    charts._x.set_state({"min": 4.0, "max": 12.0})
    ask(view.toolbar, kind="step", n=4)
    redrawn(view)
    assert (charts._x.min, charts._x.max) == (4.0, 12.0)
    assert ask(charts.bar, kind="reset_zoom")["ok"]
    assert (charts._x.min, charts._x.max) == (None, None)


def test_a_deleted_branch_takes_its_lines_along(run, view, ask, charts):
    ask(view.tree, kind="branch", node="n1", name="other")
    ask(view.toolbar, kind="step", n=2)
    redrawn(view)
    gone = [line for line in lines(charts) if line.colors[0] == view.tree.branches[1]["colour"]]
    ask(view.tree, kind="restore", node="n0")
    ask(view.tree, kind="delete_branch", branch="1")
    redrawn(view)
    assert gone
    assert all(line.comm is None for line in gone)
    assert [entry["name"] for entry in charts.bar.legend] == ["main"]


def test_a_page_finds_the_charts_drawn_and_builds_them_in_peace(run, monkeypatch):
    """bqplot loses lines and axes that come or go while a page builds its figure."""
    run.step(9)
    now = [0.0]
    monkeypatch.setattr(charts_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    view = run.view
    view.displayed()
    assert {len(line.x) for line in lines(view.charts)} == {1, 9}
    open_page(view)
    before = [figure.marks for figure in (view.charts.metric.figure, view.charts.values.figure)]
    run.branch(run.tree.root, lr=0.2)
    run.step(9)
    until(lambda: len(view.tree.branches) == 2)
    assert [figure.marks for figure in (view.charts.metric.figure, view.charts.values.figure)] == before
    now[0] = charts_module.OPENING
    until(lambda: len(view.charts.bar.legend) == 2)
    redrawn(view)
    assert len({line.colors[0] for line in lines(view.charts)}) == 2


def test_what_left_the_charts_is_freed_later_or_with_them(run, view, monkeypatch):
    monkeypatch.setattr(retired, "PATIENCE", 1e6)
    run.step(9)
    redrawn(view)
    axes = view.charts.metric.figure.axes
    view.charts.bar.set_state({"log_y": True})
    until(lambda: view.charts.metric.figure.axes != axes)
    redrawn(view)
    assert all(axis.comm is not None for axis in axes)
    view.close()
    assert all(axis.comm is None for axis in axes)


def test_speed_is_measured_over_the_last_seconds():
    speed = Speed()
    assert speed.measure(0, running=True, now=0.0) is None
    assert speed.measure(100, running=True, now=1.0) == 100
    assert speed.measure(1000, running=True, now=10.0) == 100
    assert speed.measure(3000, running=True, now=20.0) == 200
    assert speed.measure(3000, running=False, now=21.0) is None
    assert speed.measure(10, running=True, now=22.0) is None


def dotted(charts):
    return [mark for mark in charts.values.figure.marks if getattr(mark, "line_style", "") == "dotted"]


def drawn_ahead(charts):
    near, far = dotted(charts)
    return [*near.x, *far.x], [*near.y, *far.y]


def test_what_is_to_come_is_dotted_from_the_head_to_the_planned_end(run, view, ask, charts):
    assert drawn_ahead(charts) == ([], [])
    marks = dotted(charts)
    run.max_steps = 100
    run.schedule("lr", rt.schedules.cosine(0.1, 0.01, 50))
    redrawn(view)
    assert dotted(charts) == marks, "bqplot may lose marks that come later"
    x, y = drawn_ahead(charts)
    assert (x[0], x[-1], y[0], y[-1]) == (32, 100, 0.1, 0.01)
    assert {mark.colors[0] for mark in marks} == {view.tree.branches[0]["colour"]}
    near, far = marks
    assert near.x[-1] == far.x[0] == 64, "the axis shows as much of what is to come as of what was"
    assert [mark.preserve_domain.get("x", False) for mark in marks] == [False, True]
    ask(view.toolbar, kind="step", n=10)
    redrawn(view)
    assert drawn_ahead(charts)[0][0] == 42
    run.set(lr=run.preview("lr", 1)[0] / 2)
    redrawn(view)
    assert drawn_ahead(charts)[1][-1] == 0.005
    charts.bar.set_state({"hyperparameter": "momentum"})
    until(lambda: drawn_ahead(charts) == ([], []))


def test_what_is_to_come_is_sent_only_when_it_is_news(run, view, ask, charts):
    run.max_steps = 100_000
    run.schedule("lr", rt.schedules.cosine(0.1, 0.01, 99_000))
    redrawn(view)
    _, far = dotted(charts)
    sent = len(far.comm.updates())
    for _ in range(5):
        ask(view.toolbar, kind="step", n=2)
        redrawn(view)
    assert len(far.comm.updates()) - sent <= 6
    assert len(far.x) < 220
    ask(view.toolbar, kind="pause")
    redrawn(view)
    still = [len(mark.comm.updates()) for mark in dotted(charts)]
    redrawn(view)
    assert [len(mark.comm.updates()) for mark in dotted(charts)] == still


def test_on_a_logarithmic_axis_a_value_of_0_is_a_gap(run, view, charts):
    run.max_steps = 60
    run.schedule("lr", rt.schedules.warmup(4, rt.schedules.constant(0.1)))
    redrawn(view)
    assert isinstance(charts.values.y, bqplot.LogScale)
    assert all(mark.scales["y"] is charts.values.y for mark in dotted(charts))
    x, y = drawn_ahead(charts)
    assert np.isnan(y[x.index(32)])
    assert y[x.index(36)] == 0.1


def test_before_the_first_step_all_of_a_schedule_is_shown(run, view):
    run.max_steps = 300
    run.schedule("lr", rt.schedules.linear(0.1, 0.02, 300))
    redrawn(view)
    assert drawn_ahead(view.charts)[0][-1] == 300
    assert view.charts._x.max == 300
