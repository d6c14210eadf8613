"""Where each checkpoint is, in every part: marks, words, menus; and what a saved run does not offer."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import answer, sent, show, update

pytestmark = pytest.mark.browser

STATES = ("saved", "saving", "not saved", "evicted")


def tree_node(page, name):
    return page.locator(f'.rtw-tree-svg [data-node="{name}"]')


def four(**fields):
    """A tree with one node for each place that a checkpoint can be in."""
    nodes = [samples.node("n0", "b0", 0, "start")]
    for at, status in enumerate(STATES, 1):
        reason = "No space left on device" if status == "not saved" else None
        nodes.append(samples.node(f"n{at}", "b0", at * 250, checkpoint=samples.checkpoint(status, reason), **fields))
    return samples.tree(nodes=nodes, branches=samples.tree()["branches"][:1], selected="n1")


def look_of(page, name):
    """What tells a mark apart without its colour: filled or not, how full, with badges or without."""
    return tree_node(page, name).evaluate(
        """(node) => {
            const style = getComputedStyle(node);
            const plain = getComputedStyle(node.closest('.rtw')).backgroundColor;
            const badges = [...document.querySelectorAll('.rtw-badges')].filter(
                (group) => group.getAttribute('transform') === node.getAttribute('transform'));
            return [style.fill === plain ? 'hollow' : 'filled', badges.length];
        }"""
    )


class TestMarks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_each_state_can_be_told_without_colour(self, bare, scheme):
        bare.emulate_media(color_scheme=scheme)
        show(bare, "tree", four())
        assert look_of(bare, "n1") == ["filled", 0]
        assert look_of(bare, "n3") == ["filled", 1]
        assert look_of(bare, "n4") == ["hollow", 0]
        fills = "['n1', 'n2'].map((n) => getComputedStyle(document.querySelector(`[data-node=${n}]`)).fill)"
        bare.wait_for_function(f"new Set({fills}).size === 2")
        assert look_of(bare, "n2") == ["filled", 0]

    def test_a_checkpoint_that_is_saved_at_once_does_not_flicker(self, bare):
        show(bare, "tree", four())
        delays = tree_node(bare, "n2").evaluate("(node) => node.getAnimations().map((a) => a.effect.getTiming().delay)")
        assert delays == [1200]
        place = tree_node(bare, "n2").get_attribute("transform")
        legend = bare.locator(".rtw-causes")
        height = legend.bounding_box()["height"]
        traits = four()
        traits["nodes"][2]["checkpoint"] = samples.checkpoint()
        update(bare, nodes=traits["nodes"])
        expect(tree_node(bare, "n2")).to_have_attribute("data-checkpoint", "saved")
        assert tree_node(bare, "n2").get_attribute("transform") == place
        assert tree_node(bare, "n2").evaluate("(node) => node.getAnimations().length") == 0
        assert legend.bounding_box()["height"] == height

    def test_legend_and_hover_say_it(self, bare):
        show(bare, "tree", four(pinned=True))
        legend = bare.locator(".rtw-causes")
        for words in ("freed, rebuilt by replay", "not saved", "pinned"):
            expect(legend.get_by_text(words, exact=True)).to_be_visible()
        tooltip = bare.get_by_role("tooltip")
        for name, words in (("n3", "not saved: No space left on device"), ("n4", "freed, rebuilt by replay")):
            tree_node(bare, name).hover()
            expect(tooltip).to_contain_text(words)
            expect(tooltip).to_contain_text("pinned")
        expect(tree_node(bare, "n3")).to_have_attribute("aria-label", re.compile("pinned, not saved$"))

    def test_a_pin_comes_and_goes(self, bare):
        show(bare, "tree", four())
        assert bare.locator(".rtw-tree-svg .rtw-badge-pin").count() == 0
        update(bare, nodes=four(pinned=True)["nodes"])
        assert bare.locator(".rtw-tree-svg .rtw-badge-pin").count() == 4
        update(bare, nodes=four()["nodes"])
        assert bare.locator(".rtw-tree-svg .rtw-badge-pin").count() == 0

    def test_a_ring_turns_around_the_node_that_is_at_work(self, bare):
        show(bare, "tree", four())
        ring = bare.locator(".rtw-busy-ring")
        expect(ring).to_be_hidden()
        update(bare, busy={"node": "n4", "text": "rebuilding n4, about 12 s", "cancellable": True})
        expect(ring).to_be_visible()
        expect(ring).to_have_attribute("transform", tree_node(bare, "n4").get_attribute("transform"))
        tree_node(bare, "n4").click()
        bare.get_by_role("button", name="Restore").click()
        expect(bare.locator(".rtw-feedback")).to_have_text("rebuilding n4, about 12 s …")
        answer(bare, "restore", ok=True, text="At n4, step 1,000: paused.")
        update(bare, busy=None)
        expect(ring).to_be_hidden()
        expect(bare.locator(".rtw-feedback")).to_have_text("At n4, step 1,000: paused.")


class TestMenus:
    def test_pin_verify_and_free_from_the_tree(self, bare):
        show(bare, "tree", four())
        for name in ("Pin", "Verify", "Free its checkpoint"):
            tree_node(bare, "n1").click(button="right")
            bare.get_by_role("menuitem", name=name).click()
        assert sent(bare) == [
            {"kind": "pin", "node": "n1", "pinned": True},
            {"kind": "verify", "node": "n1"},
            {"kind": "evict", "node": "n1"},
        ]
        answer(bare, "evict", ok=False, error="n1 is the tip of a branch")
        expect(bare.locator(".rtw-feedback")).to_have_text("n1 is the tip of a branch")

    def test_only_what_is_kept_and_not_pinned_can_be_freed(self, bare):
        show(bare, "tree", four())
        free = bare.get_by_role("menuitem", name="Free its checkpoint")
        for name, can in (("n1", True), ("n2", False), ("n3", False), ("n4", False)):
            tree_node(bare, name).click(button="right")
            expect(free).to_be_enabled(enabled=can)
            bare.keyboard.press("Escape")
        update(bare, nodes=four(pinned=True)["nodes"])
        tree_node(bare, "n1").click(button="right")
        expect(free).to_be_disabled()
        bare.get_by_role("menuitem", name="Unpin").click()
        assert sent(bare) == [{"kind": "pin", "node": "n1", "pinned": False}]

    def test_pin_and_verify_from_the_details(self, bare):
        show(bare, "details", samples.details(), width=290)
        bare.get_by_role("button", name="More actions").click()
        bare.get_by_role("menuitem", name="Pin").click()
        bare.get_by_role("button", name="verify").click()
        assert sent(bare) == [{"kind": "pin", "node": "n2", "pinned": True}, {"kind": "verify", "node": "n2"}]


class TestWords:
    def test_the_details_say_where_the_checkpoint_is(self, bare):
        show(bare, "details", samples.details(pinned=True), width=290)
        box = bare.locator(".rtw-box")
        expect(box).to_contain_text("saved, 1.1 MB · pinned")
        freed = {"checkpoint": samples.checkpoint("evicted"), "rebuilding": "rebuilt by replay, about 12 s"}
        update(bare, **samples.details(**freed))
        expect(box).to_contain_text("freed: rebuilt by replay, about 12 s")
        update(bare, **samples.details(checkpoint=samples.checkpoint("saving")))
        expect(box).to_contain_text("being saved …")

    def test_a_verdict_is_shown_and_while_it_is_sought_that_too(self, bare):
        show(bare, "details", samples.details(), width=290)
        box = bare.locator(".rtw-box")
        update(bare, **samples.details(busy="verifying n2"))
        expect(box.get_by_role("status")).to_have_text("verifying n2 …")
        expect(box.get_by_role("button", name="verify")).to_have_count(0)
        equal = {"equal": True, "text": "120 steps trained again, every bit is the same"}
        update(bare, **samples.details(verdict=equal))
        expect(box.locator(".rtw-good").last).to_have_text("✓ verified: 120 steps trained again, every bit is the same")
        other = {"equal": False, "text": "another train/loss at step 6"}
        update(bare, **samples.details(verdict=other, exact=False, why=f"it is not reached again: {other['text']}"))
        expect(box.locator(".rtw-warning")).to_have_text("≈ not exact")
        expect(box.locator(".rtw-bad")).to_have_text("✗ not reached again: another train/loss at step 6")

    def test_the_tree_says_what_is_used_of_the_budget(self, bare):
        show(bare, "tree", samples.tree())
        disk = bare.get_by_role("meter", name="Room for checkpoints")
        expect(disk).to_have_text("412 MB of 2 GB")
        fill = bare.locator(".rtw-disk-fill")
        assert fill.evaluate("(fill) => fill.style.width") == "20.6%"
        update(bare, **samples.tree(disk={"bytes": 2_300_000_000, "budget": 2_000_000_000}))
        expect(disk).to_have_text("⚠ 2.3 GB of 2 GB")
        expect(disk).to_have_attribute("title", re.compile("more than the budget"))
        update(bare, **samples.tree(disk={"bytes": 412_000_000, "budget": None}))
        expect(disk).to_have_text("412 MB")
        expect(bare.locator(".rtw-disk-bar")).to_be_hidden()

    def test_what_trains_steps_again_can_be_cancelled(self, bare):
        show(bare, "toolbar", samples.toolbar(status="paused"))
        cancel = bare.get_by_role("button", name="Cancel")
        expect(cancel).to_be_hidden()
        busy = {"node": "n4", "text": "restoring n4", "cancellable": False}
        update(bare, **samples.toolbar(status="paused", busy=busy))
        expect(bare.locator(".rtw-pill")).to_have_text("restoring n4")
        expect(bare.locator(".rtw-cancel")).to_have_attribute("hidden", "")
        update(bare, **samples.toolbar(status="paused", busy=busy | {"cancellable": True}))
        cancel.click()
        assert sent(bare) == [{"kind": "pause"}]


class TestSavedRun:
    def test_says_what_it_is_and_how_to_go_on(self, bare):
        show(bare, "savedbar", samples.savedbar())
        root = bare.locator(".rtw-savedbar")
        for words in ("saved run", "runs/digits", "it was on", "cosine", "step 2,140 · epoch 91"):
            expect(root).to_contain_text(words)
        expect(bare.locator(".rtw-resume-line")).to_have_text(samples.savedbar()["saved"]["resume"])
        update(bare, **samples.savedbar(following=True, step=2150))
        expect(root).to_contain_text("in training elsewhere")
        expect(root).to_contain_text("step 2,150")
        expect(bare.locator(".rtw-resume-line")).to_be_hidden()
        update(bare, **samples.savedbar(problem="The run at runs/digits cannot be read"))
        expect(bare.locator(".rtw-notice")).to_have_text("The run at runs/digits cannot be read")

    def test_offers_nothing_that_steers(self, bare):
        show(bare, "tree", samples.tree(steerable=False, selected="n3"))
        tree_node(bare, "n3").click(button="right")
        expect(bare.get_by_role("menu")).to_have_count(0)
        tree_node(bare, "n3").click()
        bare.keyboard.press("Enter")
        assert sent(bare) == []
        show(bare, "details", samples.details(steerable=False, is_head=True), width=290)
        names = bare.get_by_role("button").evaluate_all("(all) => all.map((b) => b.title || b.textContent)")
        assert names == ["Zoom out", "Zoom in (Ctrl and the wheel)", "Show all"]
        expect(bare.locator(".rtw-details .rtw-pill")).to_have_text("where it was")
