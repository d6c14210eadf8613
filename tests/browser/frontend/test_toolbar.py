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
