from itertools import combinations

import pytest

from retune_widget.view.change_marks import CHARACTER, MOST_LABELS, ChangeMark, placed_labels
from retune_widget.view.ticks import linear_axis, log_axis, with_margin

SPANS = [(0.0, 1.0), (0.3, 2.31), (-5.0, 7.0), (1e-4, 3e-4), (0.5, 0.5), (0.0, 0.0), (12.0, 98_000.0)]


@pytest.mark.parametrize(("low", "high"), SPANS)
def test_a_linear_axis_holds_the_values_with_a_few_round_ticks(low, high):
    start, end, ticks = linear_axis(low, high)
    assert start <= low <= high <= end
    assert 2 <= len(ticks) <= 8
    assert all(len(f"{tick:g}") <= 8 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(1e-3, 1.0), (0.02, 0.05), (1e-9, 1e3), (0.7, 0.7), (3e-4, 3e-2)])
def test_a_logarithmic_axis_holds_the_values_with_a_few_round_ticks(low, high):
    start, end, ticks = log_axis(low, high)
    assert 0 < start <= low <= high <= end
    assert 1 <= len(ticks) <= 7
    assert all(f"{tick:e}"[0] in "125" for tick in ticks)


def test_an_axis_holds_still_while_the_loss_falls_a_little():
    assert linear_axis(0.31, 2.3) == linear_axis(0.305, 2.3)
    assert log_axis(0.31, 2.3) == log_axis(0.305, 2.3)


def test_labels_never_overlap_and_the_newest_win():
    marks = [ChangeMark(step, f"lr {step}", "#000000") for step in range(0, 3000, 20)]
    placed = placed_labels(marks, 0, 3000)
    assert 3 < len(placed) <= MOST_LABELS
    assert placed[0].text == "lr 2980"
    for one, other in combinations(placed, 2):
        if one.y == other.y:
            (_, end), (begin, _) = sorted(span(label, 3000) for label in (one, other))
            assert end <= begin + 1e-6


def span(label, width):
    length = CHARACTER * (len(label.text) + 1) * width
    return (label.x - length, label.x) if label.left else (label.x, label.x + length)


def test_a_label_at_the_right_edge_stands_left_of_its_line():
    (label,) = placed_labels([ChangeMark(1000, "momentum 0.5→0.9", "#000000")], 0, 1000)
    assert (label.x, label.left) == (1000, True)


def test_changes_out_of_sight_have_no_label():
    assert placed_labels([ChangeMark(10, "lr", "#000000")], 500, 1000) == []


def test_a_margin_is_the_same_on_both_sides():
    low, high = with_margin(1e-4, 1e-2, log=True)
    assert low < 1e-4
    assert low * high == pytest.approx(1e-6)
    assert with_margin(0.0, 1.0, log=False) == (-0.06, 1.06)
