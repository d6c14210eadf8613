"""The benchmark of the schedules: its verdict follows from its figures, whichever way they come out."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import published, schedules
from benchmarks.claim_table import Found, cells, report, verdict
from benchmarks.intervals import mean, ratio
from benchmarks.schedule_tasks import TARGETS, WAYS, task

README = Path(published.__file__).with_name("README.md")


def found(way="constant", reached=(1000, 1000, 1000), test=(0.8, 0.8, 0.8), name="digits"):
    return Found(name, way, 0.1, list(reached), list(test), unfinished=0, fired=0.0, censored_at=1500)


FIXED = found()
FAST = found("cosine", reached=(700, 700, 700), test=(0.9, 0.9, 0.9))
SLOW = found("linear", reached=(1000, 990, 1010))


def answers(*its):
    return [cell.answers for cell in cells(its)]


def test_an_interval_says_yes_no_or_open():
    assert answers(FIXED, FAST, SLOW) == [("yes", "yes"), ("no", "no")]
    wide = found("linear", reached=(500, 800, 1100), test=(0.7, 0.85, 0.95))
    assert answers(FIXED, wide) == [("open", "open")]
    assert answers(FIXED, found("linear", reached=(800, 800, 800), test=(0.85, 0.85, 0.85))) == [("yes", "yes")]


def test_steps_that_are_counted_too_low_prove_nothing_in_their_own_favour():
    assert answers(found(reached=(None, 1500, 1500)), SLOW) == [("yes", "no")]
    assert answers(found(reached=(1000, None, 1000)), found("linear", reached=(1400, 1400, 1400))) == [("open", "no")]
    late = replace(FIXED, reached=[9000, 9000, 9000])
    assert answers(late, found("linear", reached=(None, None, None))) == [("open", "no")]
    assert found(reached=(None, 10, 20)).steps == [1500, 10, 20]


def test_the_verdict_is_computed():
    slow, slower = found("linear"), found("exponential", reached=(1200, 1200, 1200))
    assert verdict([FIXED, FAST]).startswith("**The claim holds here.**")
    assert verdict([FIXED, FAST, slow]).startswith("**The claim holds in 1 of 2 cases and not as a rule.**")
    told = verdict([FIXED, slow, slower, replace(FAST, test=[0.8, 0.8, 0.8])])
    assert told.startswith("**The claim does not hold here.** In 3 comparisons")
    assert "1 came to the target at least 20 % faster, 0 ended at least 5 % better, and 0 did both; in 3" in told
    assert told.endswith("Faster at all, by the whole interval: 1; better at all: 0, the most in the mean by 0.0%.")
    little = verdict([FIXED, replace(SLOW, test=[0.81, 0.82, 0.81]), replace(FAST, reached=[700, None, 700])])
    assert little.endswith("Faster at all, by the whole interval: 0; better at all: 2, the most in the mean by 12.5%.")
    wide = found("linear", reached=(500, 800, 1100), test=(0.7, 0.85, 0.95))
    assert verdict([FIXED, wide]).startswith("**The claim is left open here.**")


def test_intervals_are_those_of_the_seeds():
    its = mean([1.0, 2.0, 3.0, 4.0])
    assert its.figure == 2.5
    assert 1.0 <= its.low < 2.0
    assert 3.0 < its.high <= 4.0
    paired = ratio([1.0, 10.0, 100.0], [2.0, 20.0, 200.0])
    assert (paired.figure, paired.low, paired.high) == pytest.approx((0.5, 0.5, 0.5))


def outcome(peak, accuracy, loss=1.0, *, finished=True):
    job = schedules.Job("digits", "constant", peak, 0, schedules.QUICK)
    return schedules.Outcome(job, finished, None, accuracy, loss, 0.0, 0)


def test_tuning_takes_the_best_mean_then_the_lowest_loss_and_nothing_that_broke_off():
    assert schedules.tuned([outcome(0.1, 0.8), outcome(0.1, 0.9), outcome(0.2, 0.84), outcome(0.2, 0.84)]) == 0.1
    assert schedules.tuned([outcome(0.1, 0.8, 1.0), outcome(0.2, 0.8, 0.9)]) == 0.2
    assert schedules.tuned([outcome(0.1, 0.8), outcome(0.2, 0.9, finished=False)]) == 0.1


def test_the_peaks_are_even_on_a_logarithmic_scale():
    places = sorted(math.log(its / 0.003) / math.log(1 / 0.003) for its in schedules.peaks(16))
    assert [int(16 * its) for its in places] == list(range(16))


@pytest.mark.parametrize("name", TARGETS)
def test_no_sample_is_in_two_parts(name):
    its = task(name)
    parts = [its.train, its.validation, its.test]
    rows = [{tuple(row.flatten().tolist()) for row in part.tensors[0]} for part in parts]
    assert [len(part) for part in parts] == {"digits": [1137, 300, 360], "MNIST-1D": [3200, 800, 1000]}[name]
    assert len(set.union(*rows)) > 0.995 * sum(len(part) for part in parts)  # a few digits are there twice


def test_a_training_that_broke_off_is_counted_as_one(monkeypatch):
    job = schedules.Job("digits", "constant", 1e12, 0, schedules.QUICK)
    its = schedules.train(job)
    assert (its.finished, its.reached, its.accuracy) == (False, None, 0.0)
    assert math.isfinite(its.test)


def test_the_quick_form_trains_every_way_and_writes_nothing(capsys):
    before = README.read_bytes()
    schedules.main(["--quick"])
    said = capsys.readouterr().out
    for name in TARGETS:
        for way in WAYS:
            assert f"| {name} | {way}" in said
    assert "\n**The claim " in said
    assert README.read_bytes() == before


def test_each_benchmark_writes_its_own_part_of_the_page():
    page = published.with_part("# Figures\n\nabove\n", "claims", "one\n")
    assert page == "# Figures\n\nabove\n\n<!-- begin: claims -->\n\none\n\n<!-- end: claims -->\n"
    again = published.with_part(page + "\nbelow\n", "claims", "two")
    assert again == page.replace("one", "two") + "\nbelow\n"
    assert published.part(page, "claims") in page
    assert published.part("# Figures", "claims") == ""


def test_the_table_has_no_line_that_breaks():
    text = report([FIXED, FAST], TARGETS, WAYS, schedules.Plan())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert len({row.count("|") for row in rows}) == 1
    assert max(len(line) for line in text.splitlines() if line not in rows) <= 120
