"""The panel of rules, the tabs above it, and the banner of a step that was stopped."""

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import answer, sent, show, update

pytestmark = pytest.mark.browser


def test_tabs_are_switched_by_click_and_key_without_asking(bare):
    show(bare, "tabs", samples.tabs(), width=290)
    node, rules = bare.get_by_role("tab", name="Node"), bare.get_by_role("tab", name="Rules 2")
    expect(node).to_have_attribute("aria-selected", "true")
    rules.click()
    expect(rules).to_have_attribute("aria-selected", "true")
    bare.keyboard.press("ArrowRight")
    expect(node).to_be_focused()
    expect(node).to_have_attribute("aria-selected", "true")
    expect(rules).to_have_attribute("tabindex", "-1")
    assert bare.evaluate("window.model.saved") == [{"chosen": "rules"}, {"chosen": "node"}]
    assert sent(bare) == []
    update(bare, chosen="rules")
    expect(rules).to_have_attribute("aria-selected", "true")


class TestCards:
    def test_say_how_a_rule_stands(self, bare):
        show(bare, "rules", samples.rules(), width=290)
        plateau, slow = bare.get_by_label("Rule Plateau", exact=True), bare.get_by_label("Rule slow", exact=True)
        for text in ["val/loss → lr × 0.5", "patience 1/3", "fired once, at step 1,240"]:
            expect(plateau).to_contain_text(text)
        expect(plateau.get_by_role("switch")).to_have_attribute("aria-checked", "true")
        expect(slow).to_contain_text("Suspended: lr changed by hand at step 40")
        expect(slow).to_contain_text("not fired yet")
        expect(slow.get_by_role("switch")).to_have_attribute("aria-checked", "false")

    def test_ask(self, bare):
        show(bare, "rules", samples.rules(), width=290)
        bare.get_by_role("switch", name="Plateau acts").click()
        bare.get_by_role("switch", name="slow acts").click()
        bare.get_by_text("fired once, at step 1,240").click()
        bare.get_by_role("button", name="step 1,240").click()
        bare.get_by_role("button", name="Remove slow").click()
        assert sent(bare) == [
            {"kind": "suspend_rule", "rule": "Plateau"},
            {"kind": "resume_rule", "rule": "slow"},
            {"kind": "select", "node": "n6", "tab": None},
            {"kind": "remove_rule", "rule": "slow"},
        ]

    def test_stay_as_they_are_when_another_state_comes(self, bare):
        show(bare, "rules", samples.rules(), width=290)
        bare.get_by_text("fired once, at step 1,240").click()
        update(bare, states={"Plateau": "patience 2/3", "slow": "patience 0/9"})
        expect(bare.get_by_label("Rule Plateau", exact=True)).to_contain_text("patience 2/3")
        expect(bare.get_by_role("button", name="step 1,240")).to_be_visible()

    def test_of_a_saved_run_ask_for_nothing_but_nodes(self, bare):
        show(bare, "rules", samples.rules(steerable=False), width=290)
        expect(bare.get_by_role("switch")).to_have_count(0)
        bare.get_by_text("fired once, at step 1,240").click()
        expect(bare.get_by_role("button")).to_have_count(1)


class TestForm:
    def open(self, bare):
        show(bare, "rules", samples.rules(), width=290)
        bare.get_by_role("button", name="Add a rule").click()
        bare.get_by_role("menuitem", name="Plateau").click()

    def test_begins_with_the_defaults_and_says_what_the_field_at_hand_means(self, bare):
        self.open(bare)
        expect(bare.get_by_label("metric", exact=True)).to_be_focused()
        expect(bare.locator(".rtw-form-help")).to_have_text("metric: the metric.")
        values = [bare.get_by_label(name, exact=True).input_value() for name in ("metric", "key", "patience", "floor")]
        assert values == ["val/loss", "lr", "3", ""]
        bare.get_by_label("floor", exact=True).focus()
        expect(bare.locator(".rtw-form-help")).to_have_text("floor: the floor.")

    def test_tries_out_and_adds(self, bare):
        self.open(bare)
        bare.get_by_label("patience", exact=True).fill("5")
        bare.get_by_role("button", name="Where would it have fired?").click()
        answer(bare, "try_rule", ok=True, text="It would not have fired.")
        bare.get_by_label("patience", exact=True).press("Enter")
        values = {"metric": "val/loss", "key": "lr", "patience": 5, "floor": None, "mode": None}
        assert sent(bare) == [
            {"kind": kind, "rule": "Plateau", "arguments": values} for kind in ("try_rule", "add_rule")
        ]
        answer(bare, "add_rule", ok=True, text="Plateau acts from the next step on.")
        expect(bare.get_by_role("form")).to_have_count(0)
        expect(bare.locator(".rtw-feedback")).to_have_text("Plateau acts from the next step on.")
        expect(bare.get_by_label("Rule Plateau", exact=True)).to_be_visible()

    def test_shows_what_is_refused_and_keeps_what_was_typed(self, bare):
        self.open(bare)
        bare.get_by_label("floor", exact=True).fill("low")
        bare.get_by_role("button", name="Add", exact=True).click()
        expect(bare.get_by_role("alert")).to_have_text("floor must be a number, not “low”")
        expect(bare.get_by_label("floor", exact=True)).to_be_focused()
        assert sent(bare) == []
        bare.get_by_label("floor", exact=True).fill("1")
        bare.get_by_role("button", name="Add", exact=True).click()
        answer(bare, "add_rule", ok=False, error="factor must be above 0")
        expect(bare.get_by_role("alert")).to_have_text("factor must be above 0")
        expect(bare.get_by_label("floor", exact=True)).to_have_value("1")

    def test_escape_closes_it_and_takes_the_marks_along(self, bare):
        self.open(bare)
        update(bare, trial={"aim": "val/loss → lr × 0.5", "text": "It would have fired once.", "times": 1})
        expect(bare.locator(".rtw-trial")).to_contain_text("val/loss → lr × 0.5: It would have fired once.")
        bare.get_by_label("patience", exact=True).press("Escape")
        expect(bare.get_by_role("form")).to_have_count(0)
        expect(bare.get_by_role("button", name="Add a rule")).to_be_focused()
        assert sent(bare) == [{"kind": "forget_trial"}]


def test_a_stopped_step_offers_its_ways_on(bare):
    show(bare, "toolbar", samples.toolbar(status="paused", incident=samples.incident()))
    banner = bare.get_by_role("alert")
    expect(banner).to_contain_text("Step 132 was stopped before it could damage the weights")
    expect(banner.locator("li")).to_have_count(2)
    expect(banner.get_by_text("Samples of the batch")).to_be_hidden()
    for name in ("Back, lr × 0.1", "Skip the batch", "Look"):
        banner.get_by_role("button", name=name).click()
    assert sent(bare) == [
        {"kind": "recover", "how": "lower lr"},
        {"kind": "recover", "how": "skip batch"},
        {"kind": "select", "node": "n4", "tab": "node"},
    ]
    expect(banner.get_by_text("Samples of the batch: 3, 5")).to_be_visible()
    update(bare, **samples.toolbar(status="running"))
    expect(bare.locator(".rtw-incident")).to_be_hidden()


def test_the_line_below_a_slider_says_who_governs(bare):
    by = {"rule": "Plateau", "suspended": None, "resumable": True}
    show(bare, "controls", samples.controls(ruled={"dropout": [by]}), width=300)
    line = bare.locator('.rtw-row[data-key="dropout"] .rtw-ruled')
    expect(line).to_contain_text("Plateau governs · take over")
    line.get_by_role("button").click()
    update(bare, ruled={"dropout": [by | {"suspended": "it was suspended by hand at step 3"}]})
    expect(line).to_contain_text("Plateau suspended · resume")
    expect(line.get_by_role("button")).to_be_focused()
    line.get_by_role("button").click()
    assert sent(bare) == [{"kind": "suspend_rule", "rule": "Plateau"}, {"kind": "resume_rule", "rule": "Plateau"}]
    update(bare, ruled={})
    expect(line).to_have_count(0)
