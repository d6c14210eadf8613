"""The toolbar and the chart bar: what they ask and write, and that nothing moves while training."""

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import answer, sent, show, update

pytestmark = pytest.mark.browser


class TestToolbar:
    @pytest.mark.parametrize(
        ("now", "name", "kind"),
        [("ready", "Start", "start"), ("running", "Pause", "pause"), ("paused", "Resume", "start")],
    )
    def test_primary_button(self, bare, now, name, kind):
        show(bare, "toolbar", samples.toolbar(status=now))
        bare.get_by_role("button", name=name).click()
        assert sent(bare) == [{"kind": kind}]

    def test_buttons_ask(self, bare):
        show(bare, "toolbar", samples.toolbar(status="paused"))
        bare.get_by_label("Steps to train").fill("25")
        bare.get_by_role("button", name="Step", exact=True).click()
        bare.get_by_role("button", name="Stop").click()
        bare.get_by_role("button", name="Checkpoint", exact=True).click()
        bare.get_by_role("button", name="Undo").click()
        bare.get_by_role("button", name="Checkpoint with a note").click()
        bare.get_by_label("Note", exact=True).fill("before decay")
        bare.keyboard.press("Enter")
        assert sent(bare) == [
            {"kind": "step", "n": 25},
            {"kind": "stop"},
            {"kind": "checkpoint", "note": None},
            {"kind": "undo"},
            {"kind": "checkpoint", "note": "before decay"},
        ]

    def test_refusal_is_shown(self, bare):
        show(bare, "toolbar", samples.toolbar(status="paused"))
        bare.get_by_role("button", name="Undo").click()
        answer(bare, "undo", ok=False, error="there is no change to undo")
        expect(bare.locator(".rtw-feedback")).to_have_text("there is no change to undo")

    def test_training_moves_nothing(self, bare):
        show(bare, "toolbar", samples.toolbar(step=999, steps_per_second=9.9, eta_seconds=9))
        places = "[...document.querySelectorAll('.rtw-bar *')].map((e) => e.getBoundingClientRect().left)"
        before = bare.evaluate(places)
        update(bare, **samples.toolbar(step=2_222, steps_per_second=1812, eta_seconds=71))
        assert bare.evaluate(places) == before

    @pytest.mark.parametrize("width", [900, 1168, 1400])
    def test_all_is_spelled_out(self, bare, width):
        bare.set_viewport_size({"width": width + 40, "height": 600})
        branch = "body.lr=3e-3 @300" if width < 1400 else "body.weight_decay=0.05 @1,30"
        show(bare, "toolbar", samples.toolbar(branch=branch), width=width)
        name = bare.locator(".rtw-branch")
        assert name.evaluate("(name) => name.scrollWidth <= name.clientWidth"), "the branch's name is cut"
        expect(bare.locator(".rtw-where")).to_have_text("step 2,140 of 3,000 · epoch 91")
        expect(bare.locator(".rtw-pace")).to_have_text("412 steps/s · 0:02 left")
        assert bare.locator(".rtw-progress").bounding_box()["width"] >= 150
        right = bare.locator(".rtw-bar").bounding_box()
        pace = bare.locator(".rtw-pace").bounding_box()
        assert pace["x"] + pace["width"] <= right["x"] + right["width"] + 1

    def test_error_banner(self, bare):
        error = {"summary": "ValueError: shapes", "traceback": "Traceback\n  line 3"}
        show(bare, "toolbar", samples.toolbar(status="failed", error=error, notices=["disk full"]))
        expect(bare.get_by_role("alert")).to_contain_text("ValueError: shapes")
        expect(bare.locator(".rtw-traceback")).to_be_hidden()
        bare.get_by_text("Traceback", exact=True).click()
        expect(bare.locator(".rtw-traceback")).to_contain_text("line 3")
        expect(bare.locator(".rtw-notice")).to_have_text("disk full")
        bare.get_by_role("button", name="Dismiss").click()
        assert sent(bare) == [{"kind": "dismiss_error"}]
        update(bare, **samples.toolbar(status="paused"))
        expect(bare.locator(".rtw-error")).to_be_hidden()


def test_chartbar_writes_its_choices(bare):
    show(bare, "chartbar", samples.chartbar(), width=700)
    bare.get_by_label("Metric", exact=True).select_option("accuracy")
    bare.get_by_label("log", exact=True).check()
    bare.get_by_label("Smoothing").fill("0.9")
    bare.get_by_role("button", name="Reset zoom").click()
    expect(bare.locator(".rtw-chip")).to_have_text(["main", "cosine", "lr=3e-3 @700"])
    bare.wait_for_function("window.model.saved.length === 3")
    assert bare.evaluate("window.model.saved") == [
        {"metric": "accuracy"},
        {"log_y": True},
        {"smoothing": 0.9},
    ]
    assert sent(bare) == [{"kind": "reset_zoom"}]
    update(bare, metric="loss", readout="step 3", legend=samples.chartbar()["legend"][:1])
    expect(bare.get_by_label("Metric", exact=True)).to_have_value("loss")
    expect(bare.locator(".rtw-chip")).to_have_text(["main"])


def test_the_chartbar_keeps_its_height_and_cuts_nothing(bare):
    many = [{"id": f"b{at}", "name": f"lr={at}e-3 @{at}00", "colour": "#888", "head": at == 3} for at in range(9)]
    show(bare, "chartbar", samples.chartbar(legend=many, smoothing=0.0), width=440)
    expect(bare.locator("output")).to_have_text("off")
    height = "document.querySelector('.rtw-chartbar').getBoundingClientRect().height"
    readout = bare.locator(".rtw-readout")
    update(bare, smoothing=0.6, readout="step 1,761 — " + " · ".join(f"lr={at}e-3 @{at}00 0.14" for at in range(4)))
    expect(bare.locator("output")).to_have_text("0.60")
    assert readout.evaluate("(line) => line.scrollWidth <= line.clientWidth")
    before = bare.evaluate(height)
    update(bare, readout="step 1,762")
    assert bare.evaluate(height) == before
