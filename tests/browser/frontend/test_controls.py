"""The controls: what a slider and a field send, and what they show until the answer is in."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import REMEMBER_ELEMENTS, TOUCHED_ELEMENTS, answer, sent, show, update

pytestmark = pytest.mark.browser


def slider(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] input[type=range]')


def field(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] input.rtw-field')


def mark(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] .rtw-mark')


def press_slider(page: Page, key: str, to: float | None) -> None:
    """Takes the slider's thumb, moves it to a fraction of the width (or nowhere), and holds it."""
    box = slider(page, key).bounding_box()
    here = slider(page, key).evaluate("(element) => element.valueAsNumber")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 6 + here * (box["width"] - 12), y)
    page.mouse.down()
    if to is not None:
        page.mouse.move(box["x"] + box["width"] * to, y, steps=5)


def position(page: Page, key: str) -> float:
    return slider(page, key).evaluate("(element) => element.valueAsNumber")


def more(page: Page, group: str):
    return page.locator(f'section[aria-label="{group}"] summary')


class TestControls:
    def test_release_sends_one_set(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        press_slider(bare, "body.lr", 0.8)
        assert sent(bare) == []
        assert field(bare, "body.lr").input_value() != "1e-3"
        bare.mouse.up()
        (message,) = sent(bare)
        assert message["kind"] == "set"
        assert message["key"] == "body.lr"
        assert 1e-2 < message["value"] < 1

    def test_values_leave_a_dragged_slider_alone(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        press_slider(bare, "body.lr", 0.8)
        held = position(bare, "body.lr")
        values = samples.controls()["values"] | {"body.lr": 1e-5, "dropout": 0.6}
        update(bare, values=values)
        assert position(bare, "body.lr") == held
        expect(field(bare, "dropout")).to_have_value("0.6")
        bare.mouse.up()

    def test_a_press_without_a_move_sends_nothing_and_catches_up(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        press_slider(bare, "body.lr", to=None)
        update(bare, values=samples.controls()["values"] | {"body.lr": 1e-5})
        expect(field(bare, "body.lr")).to_have_value("1e-3")
        bare.mouse.up()
        expect(field(bare, "body.lr")).to_have_value("1e-5")
        assert sent(bare) == []

    def test_asked_then_applied(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        field(bare, "body.lr").fill("6e-3")
        field(bare, "body.lr").press("Enter")
        assert sent(bare) == [{"kind": "set", "key": "body.lr", "value": 6e-3}]
        expect(mark(bare, "body.lr")).to_have_text("asked 6e-3 …")
        expect(mark(bare, "body.lr")).to_have_attribute("data-state", "asked")
        asked_at = position(bare, "body.lr")
        # An old value comes in while the question is open: the slider must not jump back.
        update(bare, values=samples.controls()["values"] | {"dropout": 0.1, "body.lr": 1.1e-3})
        assert position(bare, "body.lr") == asked_at
        answer(bare, "set", ok=True)
        field(bare, "body.lr").blur()
        assert position(bare, "body.lr") == asked_at
        applied = {"state": "applied", "value": 6e-3, "step": 1301, "text": "used from step 1,301"}
        values = samples.controls()["values"] | {"body.lr": 6e-3}
        update(bare, values=values, marks={"body.lr": applied})
        expect(mark(bare, "body.lr")).to_have_text("used from step 1,301")
        expect(mark(bare, "body.lr")).to_have_attribute("data-state", "applied")
        update(bare, values=values | {"body.lr": 1e-4})
        expect(field(bare, "dropout")).to_have_value("0.3")
        assert position(bare, "body.lr") < asked_at

    def test_refused_goes_back_with_the_reason(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        before = position(bare, "batch_size")
        field(bare, "batch_size").fill("4096")
        field(bare, "batch_size").blur()
        assert sent(bare) == [{"kind": "set", "key": "batch_size", "value": 4096}]
        assert position(bare, "batch_size") == 1
        answer(bare, "set", ok=False, error="4096 refused: data has 1,500 samples")
        expect(mark(bare, "batch_size")).to_have_text("4096 refused: data has 1,500 samples")
        expect(mark(bare, "batch_size")).to_have_attribute("data-state", "refused")
        expect(field(bare, "batch_size")).to_have_value("64")
        assert position(bare, "batch_size") == before

    def test_text_that_is_no_number_is_not_sent(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        field(bare, "dropout").fill("much")
        field(bare, "dropout").press("Enter")
        expect(mark(bare, "dropout")).to_contain_text("not a number")
        expect(field(bare, "dropout")).to_have_value("0.3")
        assert sent(bare) == []

    def test_a_held_arrow_key_sends_where_it_ended(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        slider(bare, "dropout").focus()
        bare.keyboard.down("ArrowRight")
        for _ in range(9):
            bare.keyboard.down("ArrowRight")
        assert sent(bare) == []
        bare.keyboard.up("ArrowRight")
        (message,) = sent(bare)
        assert message["value"] == pytest.approx(0.39)

    def test_checkbox_and_zero(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        more(bare, "body · AdamW").click()
        bare.get_by_label("amsgrad").check()
        slider(bare, "body.lr").focus()
        bare.keyboard.press("Home")
        slider(bare, "body.weight_decay").focus()
        bare.keyboard.press("End")
        bare.keyboard.press("Home")
        assert [message["value"] for message in sent(bare)] == [True, 1e-6, 1.0, 0]

    def test_an_update_builds_nothing(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-row")
        update(bare, hyperparameters=[*samples.controls()["hyperparameters"], samples.hyperparameter("l1")])
        assert bare.evaluate("window.remembered.every((row) => row.isConnected)")
        assert bare.locator(".rtw-row").count() == 8
        assert bare.evaluate(TOUCHED_ELEMENTS)["built"] == 1

    def test_two_views_follow_one_model(self, bare):
        show(bare, "controls", samples.controls(), width=290, views=2)
        update(bare, values=samples.controls()["values"] | {"dropout": 0.45})
        for at in range(2):
            expect(field(bare, "dropout").nth(at)).to_have_value("0.45")
        field(bare, "dropout").nth(0).fill("0.5")
        field(bare, "dropout").nth(0).press("Enter")
        assert len(sent(bare)) == 1
        expect(field(bare, "dropout").nth(1)).to_have_value("0.45")

    def test_no_keystroke_leaves_the_widget(self, bare):
        show(bare, "controls", samples.controls(), width=290)
        bare.evaluate("() => { window.leaked = []; document.body.onkeydown = ({key}) => window.leaked.push(key); }")
        field(bare, "dropout").click()
        bare.keyboard.type("dd0")
        assert bare.evaluate("window.leaked") == []
        expect(bare.locator(".rtw")).to_have_attribute("data-lm-suppress-shortcuts", "true")

    def test_switches_stay_behind_more(self, bare):
        momentum = samples.hyperparameter("head.nesterov", group="head · SGD", kind="bool", low=0, high=1)
        hyperparameters = [*samples.controls()["hyperparameters"], momentum]
        show(bare, "controls", samples.controls(hyperparameters=hyperparameters), width=290)
        expect(bare.get_by_label("nesterov")).to_be_visible()
        expect(bare.get_by_label("amsgrad")).to_be_hidden()
        more(bare, "body · AdamW").click()
        expect(bare.get_by_label("amsgrad")).to_be_visible()
        update(bare, marks={"body.lr": {"state": "applied", "value": 1e-3, "step": 3, "text": "used from step 3"}})
        expect(bare.get_by_label("amsgrad")).to_be_visible()

    @pytest.mark.parametrize(("state", "opens"), [("asked", True), ("refused", True), ("applied", False)])
    def test_a_switch_that_was_asked_or_refused_shows_itself(self, bare, state, opens):
        show(bare, "controls", samples.controls(), width=290)
        text = "amsgrad refused: its buffer is missing"
        update(bare, marks={"body.amsgrad": {"state": state, "value": True, "step": None, "text": text}})
        expect(mark(bare, "body.amsgrad")).to_have_text(text)
        assert bare.get_by_label("amsgrad").is_visible() == opens
        if opens:
            # It was seen: who closes it now is not contradicted by every update.
            more(bare, "body · AdamW").click()
            update(bare, values=samples.controls()["values"] | {"dropout": 0.1})
            expect(bare.get_by_label("amsgrad")).to_be_hidden()

    def test_a_long_label_breaks_and_is_not_cut(self, bare):
        long = samples.hyperparameter("body.decoupled_weight_decay_of_the_body")
        show(bare, "controls", samples.controls(hyperparameters=[long]), width=290)
        label = bare.locator(".rtw-row-label")
        expect(label).to_have_text("decoupled_weight_decay_of_the_body")
        assert label.evaluate("(label) => label.scrollWidth <= label.clientWidth")
