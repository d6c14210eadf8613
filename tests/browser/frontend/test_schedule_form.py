"""The form of a schedule and the line of who governs a value, on a bare page."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import answer, sent, show, update
from tests.browser.frontend.test_controls import field, position, press_slider, slider

pytestmark = pytest.mark.browser
DRAFT = {
    "kinds": [
        {
            "kind": "cosine",
            "help": "Half a cosine from `start` to `end`.",
            "fields": [
                {"name": "start", "label": "start", "kind": "number", "entry": "1e-3", "help": "at first"},
                {"name": "end", "label": "end", "kind": "number", "entry": "1e-5", "help": "at last"},
                {"name": "steps", "label": "steps", "kind": "whole", "entry": "600", "help": "so many"},
            ],
        },
        {
            "kind": "one_cycle",
            "help": "<b>Up</b> and down.",
            "fields": [
                {"name": "peak", "label": "peak", "kind": "number", "entry": "0.1", "help": "highest"},
                {"name": "sharp", "label": "sharp", "kind": "switch", "entry": False, "help": "or round"},
            ],
        },
    ],
    "kind": "cosine",
    "warmup": [{"name": "steps", "label": "steps", "kind": "whole", "entry": "30", "help": "so many"}],
    "warms_up": False,
}
PREVIEW = {"steps": [0, 300, 600], "values": [1e-3, 5e-4, 1e-5], "log": False, "text": "1e-3 → 1e-5 by step 600"}
GOVERNED = {
    "name": "cosine",
    "mode": "scale",
    "scale": 1.0,
    "text": "×1.0 of cosine",
    "title": "×1 of cosine(1e-3 → 1e-5, 600)",
    "ours": True,
}
ENTRIES = {"start": "1e-3", "end": "1e-5", "steps": "600"}


def opened(page, **traits):
    """The form of body.lr with its preview."""
    show(page, "controls", samples.controls(**traits), width=290)
    return reopened(page)


def reopened(page):
    page.get_by_role("button", name="Schedule body.lr …").click()
    answer(page, "draft_schedule", ok=True, found=DRAFT)
    answer(page, "preview_schedule", ok=True, found=PREVIEW)
    return page.get_by_role("dialog", name="Schedule of body.lr")


def line(page, key="body.lr"):
    return page.locator(f'[data-key="{key}"] .rtw-governed')


class TestForm:
    def test_is_built_from_what_python_says_and_sends_what_was_filled_in(self, bare):
        form = opened(bare)
        expect(form.get_by_label("Schedule", exact=True)).to_be_focused()
        expect(form.locator(".rtw-form-help")).to_have_text("Half a cosine from start to end.")
        expect(form.get_by_role("img")).to_have_attribute("aria-label", "The values to come: 1e-3 → 1e-5 by step 600")
        expect(form.locator(".rtw-preview-line")).to_have_attribute("d", re.compile(r"^M0\.0,0\.0L"))
        form.get_by_label("end").fill("2e-5")
        form.get_by_role("button", name="Set").click()
        assert sent(bare)[-1] == {
            "kind": "schedule",
            "key": "body.lr",
            "form": {"kind": "cosine", "entries": ENTRIES | {"end": "2e-5"}, "warmup": None},
        }
        expect(form).to_be_visible()
        answer(bare, "schedule", ok=True)
        expect(form).to_have_count(0)
        expect(bare.get_by_role("button", name="Schedule body.lr …")).to_be_focused()

    def test_each_edit_asks_for_a_preview_one_at_a_time(self, bare):
        form = opened(bare)
        before = len(sent(bare))
        form.get_by_label("end").fill("2e-5")
        form.get_by_label("end").fill("3e-5")
        form.get_by_label("warm up first").check()
        asked = sent(bare)[before:]
        assert [message["form"]["entries"]["end"] for message in asked] == ["2e-5"]
        answer(bare, "preview_schedule", ok=True, found=PREVIEW | {"text": "old"})
        latest = sent(bare)[-1]["form"]
        assert (latest["entries"]["end"], latest["warmup"]) == ("3e-5", {"steps": "30"})
        expect(form.locator(".rtw-form-said")).to_have_text("1e-3 → 1e-5 by step 600")
        answer(bare, "preview_schedule", ok=True, found=PREVIEW | {"text": "new"})
        expect(form.locator(".rtw-form-said")).to_have_text("new")

    def test_what_is_refused_stays_with_the_reason(self, bare):
        form = opened(bare)
        form.get_by_label("start").fill("-1")
        answer(bare, "preview_schedule", ok=False, error="SGD refuses it: Invalid learning rate: <b>-1.0</b>")
        said = form.locator(".rtw-form-said")
        expect(said).to_have_text("SGD refuses it: Invalid learning rate: <b>-1.0</b>")
        expect(said).to_have_attribute("data-kind", "error")
        form.get_by_role("button", name="Set").click()
        answer(bare, "schedule", ok=False, error="no")
        expect(said).to_have_text("no")
        expect(form.get_by_label("start")).to_have_value("-1")
        bare.keyboard.press("Escape")
        expect(form).to_have_count(0)
        form = reopened(bare)
        expect(form.get_by_label("start")).to_have_value("-1")
        expect(form.get_by_label("end")).to_have_value("1e-5")
        form.get_by_role("button", name="Cancel").click()
        expect(reopened(bare).get_by_label("start")).to_have_value("1e-3")

    def test_another_kind_has_other_fields_and_markup_is_text(self, bare):
        form = opened(bare)
        form.get_by_label("Schedule", exact=True).select_option("one_cycle")
        expect(form.locator(".rtw-form-help")).to_have_text("<b>Up</b> and down.")
        form.get_by_label("sharp").check()
        form.get_by_label("peak").press("Enter")
        assert sent(bare)[-1]["form"] == {
            "kind": "one_cycle",
            "entries": {"peak": "0.1", "sharp": True},
            "warmup": None,
        }

    def test_a_long_text_that_is_pasted_arrives_whole(self, bare):
        form = opened(bare)
        form.get_by_label("start").fill("")
        form.get_by_label("start").focus()
        bare.keyboard.insert_text("0: 0.125, " * 1000)
        form.get_by_label("start").press("Enter")
        assert sent(bare)[-1]["form"]["entries"]["start"] == "0: 0.125, " * 1000

    def test_remove_is_there_only_for_a_schedule_of_ours(self, bare):
        form = opened(bare, governed={"body.lr": GOVERNED})
        form.get_by_role("button", name="Remove").click()
        assert sent(bare)[-1] == {"kind": "unschedule", "key": "body.lr"}
        answer(bare, "unschedule", ok=True)
        update(bare, governed={"body.lr": GOVERNED | {"ours": False}})
        expect(reopened(bare).get_by_role("button", name="Remove")).to_have_count(0)

    def test_works_by_keyboard_alone(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        bare.get_by_role("button", name="Schedule body.lr …").focus()
        bare.keyboard.press("Enter")
        answer(bare, "draft_schedule", ok=True, found=DRAFT)
        form = bare.get_by_role("dialog")
        expect(form.get_by_label("Schedule", exact=True)).to_be_focused()
        bare.keyboard.press("Tab")
        expect(form.get_by_label("start")).to_be_focused()
        bare.keyboard.press("Escape")
        expect(form).to_have_count(0)
        expect(bare.get_by_role("button", name="Schedule body.lr …")).to_be_focused()

    def test_switches_have_none(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        assert bare.locator('[data-key="body.amsgrad"] .rtw-schedule').count() == 0
        assert bare.locator(".rtw-schedule").count() == 6


class TestGoverned:
    def test_says_who_governs_and_what_can_be_done(self, bare):
        show(bare, "controls", samples.controls(governed={"body.lr": GOVERNED}), width=290)
        expect(line(bare)).to_have_text("×1.0 of cosine · hold", use_inner_text=True)
        expect(line(bare, "dropout")).to_be_hidden()
        bare.get_by_role("button", name="hold body.lr").click()
        assert sent(bare) == [{"kind": "hold", "key": "body.lr"}]
        held = GOVERNED | {"mode": "hold", "text": "held at 3e-4 (cosine)"}
        update(bare, governed={"body.lr": held})
        expect(line(bare)).to_have_text("held at 3e-4 (cosine) · release", use_inner_text=True)
        bare.get_by_role("button", name="release body.lr").click()
        answer(bare, "release", ok=False, error="Nothing governs body.lr")
        expect(bare.locator('[data-key="body.lr"] .rtw-mark')).to_have_text("Nothing governs body.lr")
        update(bare, governed={})
        expect(line(bare)).to_be_hidden()

    def test_a_drag_tells_the_factor_at_once_and_is_not_fought(self, bare):
        values = samples.controls()["values"]
        show(bare, "controls", samples.controls(governed={"body.lr": GOVERNED}), width=290)
        press_slider(bare, "body.lr", 0.7)
        words = line(bare).inner_text()
        assert re.match(r"→ ×[\d.]+ of cosine", words)
        at = position(bare, "body.lr")
        for value in (9e-4, 8e-4, 7e-4):
            update(bare, values=values | {"body.lr": value})
            assert position(bare, "body.lr") == at
        bare.mouse.up()
        asked = sent(bare)[-1]["value"]
        assert float(words.partition("×")[2].partition(" ")[0]) == pytest.approx(asked / 1e-3, rel=0.05)
        scaled = GOVERNED | {"scale": asked / 7e-4, "text": "×5.0 of cosine"}
        applied = {"state": "applied", "value": asked, "step": 9, "text": "used from step 9"}
        update(bare, values=values | {"body.lr": asked}, governed={"body.lr": scaled}, marks={"body.lr": applied})
        expect(line(bare)).to_have_text("×5.0 of cosine · hold · release", use_inner_text=True)
        update(bare, values=values | {"body.lr": 1e-5})
        expect(field(bare, "body.lr")).to_have_value("1e-5")
        assert position(bare, "body.lr") < at

    def test_a_press_without_a_move_leaves_the_words(self, bare):
        show(bare, "controls", samples.controls(governed={"body.lr": GOVERNED}), width=290)
        slider(bare, "body.lr").focus()
        bare.keyboard.down("ArrowRight")
        assert line(bare).inner_text().startswith("→ ×")
        bare.keyboard.up("ArrowRight")
        answer(bare, "set", ok=False, error="no")
        expect(line(bare)).to_have_text("×1.0 of cosine · hold", use_inner_text=True)

    def test_a_note_stands_below_its_slider(self, bare):
        show(bare, "controls", samples.controls(notes={"dropout": "12 % of the last 300 steps"}), width=290)
        expect(bare.locator('[data-key="dropout"] .rtw-row-note')).to_have_text("12 % of the last 300 steps")
        expect(bare.locator('[data-key="body.lr"] .rtw-row-note')).to_be_hidden()
