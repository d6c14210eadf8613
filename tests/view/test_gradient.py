"""The strip of the gradient's norm."""

import bqplot
import numpy as np
import pytest

from retune_widget.view import gradient_pane
from retune_widget.view.kernel import family
from tests.view.conftest import until
from tests.view.test_charts import redrawn


@pytest.fixture
def strip(run, view, ask):
    """Every 4th step has a norm; from step 12 to 20 it is clipped, and measured at each."""
    run._engine.train_on.norm_every = 4
    ask(view.toolbar, kind="step", n=12)
    run.set(grad_clip=0.5)
    ask(view.toolbar, kind="step", n=8)
    run.set(grad_clip=0.0)
    ask(view.toolbar, kind="step", n=4)
    redrawn(view)
    return view.charts


def show(view):
    view.charts.bar.set_state({"gradient": True})
    until(lambda: len(view.charts.children) == 4)
    redrawn(view)
    return view.charts._gradient


def lines(pane):
    return [mark for mark in pane.pane.figure.marks if mark not in pane.pane.over]


def test_without_a_norm_there_is_nothing_to_switch_on(view, ask):
    ask(view.toolbar, kind="step", n=8)
    assert not view.charts.bar.has_gradient
    view.charts.bar.set_state({"gradient": True})
    redrawn(view)
    assert len(view.charts.children) == 3


def test_the_norm_is_a_line_through_the_steps_at_which_it_was_measured(run, view, strip):
    assert view.charts.bar.has_gradient
    norm, limit = lines(show(view))
    measured = run.history.set_index("step")["train/grad_norm"].dropna()
    assert list(norm.x) == measured.index.tolist()
    np.testing.assert_array_equal(norm.y, measured)
    assert len(norm.x) < 24
    assert isinstance(norm.scales["y"], bqplot.LogScale)
    assert (list(limit.x), list(limit.y), limit.line_style) == ([12.0, 20.0], [0.5, 0.5], "dashed")
    low, high = norm.scales["y"].min, norm.scales["y"].max
    assert low <= min(norm.y) <= max(*norm.y, 0.5) <= high


def test_it_goes_and_comes_between_the_other_two(view, strip):
    pane = show(view)
    assert strip.children[1:] == (strip.metric.figure, pane.pane.figure, strip.values.figure)
    strip.bar.set_state({"gradient": False})
    until(lambda: len(strip.children) == 3)
    assert pane.pane.figure.comm is not None
    assert show(view) is pane


def test_a_page_is_left_in_peace_while_it_builds_the_figure(view, strip, monkeypatch):
    monkeypatch.setattr("retune_widget.view.charts.OPENING", 1e6)
    strip.bar.set_state({"gradient": True})
    until(lambda: len(strip.children) == 4)
    assert strip.is_opening
    assert len(lines(strip._gradient)) == 2


def test_switched_off_it_is_freed_with_the_widget(view, strip):
    pane = show(view)
    strip.bar.set_state({"gradient": False})
    until(lambda: len(strip.children) == 3)
    widgets = list(family(pane.pane.figure))
    view.close()
    assert all(widget.comm is None for widget in widgets)


def test_a_limit_is_drawn_while_it_is_on():
    x, y = np.array([0.0, 10, 20, 30, 40]), np.array([0.0, 1.0, 2.0, 0.0, np.inf])
    steps, values = gradient_pane.limit_points(x, y)
    assert (steps.tolist(), values.tolist()) == ([10.0, 20.0, 30.0], [1.0, 2.0, 2.0])
    again = gradient_pane.limit_points(np.array([0.0, 5, 9, 12]), np.array([1.0, 0.0, 3.0, 3.0]))
    assert again[0].tolist() == [0.0, 5.0, 5.0, 9.0, 12.0]
    assert np.isnan(again[1][2])
    assert [len(its) for its in gradient_pane.limit_points(x[:1], y[:1])] == [0, 0]


def test_norms_that_a_logarithmic_scale_has_no_place_for_are_left_out():
    x, y = gradient_pane.measured_points(np.arange(4.0), np.array([1.0, 0.0, np.inf, np.nan]))
    assert (x.tolist(), y.tolist()) == ([0.0], [1.0])
