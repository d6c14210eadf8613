"""The tree: selection, keyboard, menu, what is drawn and what is left alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import REMEMBER_ELEMENTS, TOUCHED_ELEMENTS, answer, sent, show, update

pytestmark = pytest.mark.browser


def tree_node(page: Page, name: str):
    return page.locator(f'.rtw-tree-svg [data-node="{name}"]')


def selected(page: Page) -> str | None:
    return page.evaluate("window.model.get('selected')")


class TestTree:
    def test_click_selects(self, bare):
        show(bare, "tree", samples.tree())
        tree_node(bare, "n3").click()
        assert selected(bare) == "n3"
        assert bare.evaluate("window.model.saved") == [{"selected": "n3"}]
        expect(tree_node(bare, "n3")).to_have_attribute("aria-selected", "true")
        assert sent(bare) == []

    def test_buttons_ask(self, bare):
        show(bare, "tree", samples.tree(selected="n8"))
        bare.get_by_role("button", name="Restore").click()
        bare.get_by_role("button", name="Branch from here").click()
        bare.keyboard.press("Enter")
        bare.get_by_role("button", name="Branch from here").click()
        bare.keyboard.type("low lr")
        bare.keyboard.press("Enter")
        bare.get_by_role("button", name="Note").click()
        bare.keyboard.type("worse")
        bare.keyboard.press("Enter")
        bare.get_by_role("button", name="Rename").click()
        bare.keyboard.type("slow")
        bare.keyboard.press("Enter")
        assert sent(bare) == [
            {"kind": "restore", "node": "n8"},
            {"kind": "branch", "node": "n8", "name": None},
            {"kind": "branch", "node": "n8", "name": "low lr"},
            {"kind": "note", "node": "n8", "note": "worse"},
            {"kind": "rename", "branch": "b2", "name": "slow"},
        ]

    def test_delete_asks_first(self, bare):
        show(bare, "tree", samples.tree(selected="n8"))
        remove = bare.get_by_role("button", name="Delete branch")
        remove.click()
        expect(bare.get_by_text("Delete branch “lr=3e-3 @700” and its 2 nodes?")).to_be_visible()
        bare.keyboard.press("Escape")
        assert sent(bare) == []
        remove.click()
        bare.get_by_role("button", name="Delete", exact=True).click()
        assert sent(bare) == [{"kind": "delete_branch", "branch": "b2"}]
        answer(bare, "delete_branch", ok=False, error="the run trains on this branch")
        expect(bare.locator(".rtw-feedback")).to_have_text("the run trains on this branch")
        update(bare, selected="n1")
        expect(remove).to_be_disabled()

    def test_keyboard(self, bare):
        show(bare, "tree", samples.tree())
        tree_node(bare, "n1").click()
        walk = {
            "ArrowRight": "n2",
            "ArrowDown": "n4",
            "End": "n7",
            "Home": "n4",
            "ArrowLeft": "n2",
            "ArrowUp": "n2",
        }
        for key, name in walk.items():
            bare.keyboard.press(key)
            assert selected(bare) == name
            update(bare)
            expect(tree_node(bare, name)).to_have_attribute("aria-selected", "true")
        bare.keyboard.press("Enter")
        assert sent(bare) == [{"kind": "restore", "node": "n2"}]
        active = bare.get_by_role("tree").get_attribute("aria-activedescendant")
        assert bare.locator(f"#{active}").get_attribute("data-node") == "n2"

    def test_context_menu(self, bare):
        show(bare, "tree", samples.tree())
        tree_node(bare, "n5").click(button="right")
        menu = bare.get_by_role("menu")
        expect(menu).to_be_visible()
        assert selected(bare) == "n5"
        bare.keyboard.press("Escape")
        expect(menu).to_have_count(0)
        expect(bare.get_by_role("tree")).to_be_focused()
        tree_node(bare, "n5").click(button="right")
        bare.keyboard.press("ArrowDown")
        bare.keyboard.press("Enter")
        expect(bare.get_by_label("New branch from here")).to_be_visible()
        bare.keyboard.press("Escape")
        tree_node(bare, "n5").click(button="right")
        bare.get_by_role("menuitem", name="Restore").click()
        assert sent(bare) == [{"kind": "restore", "node": "n5"}]

    def test_hover_shows_values_and_metrics(self, bare):
        show(bare, "tree", samples.tree())
        tree_node(bare, "n3").hover()
        tooltip = bare.get_by_role("tooltip")
        expect(tooltip).to_be_visible()
        for text in ["lr ×30", "step 900", "body.lr 0.01 → 0.3", "val/accuracy", "0.941", "batch_size"]:
            expect(tooltip).to_contain_text(text)
        bare.mouse.move(2, 2)
        expect(tooltip).to_be_hidden()

    def test_a_step_moves_the_head_and_builds_nothing(self, bare):
        show(bare, "tree", samples.tree())
        line = bare.locator(".rtw-line[data-branch=b1]")
        head = bare.locator(".rtw-head")
        before = (line.get_attribute("d"), head.get_attribute("transform"))
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-tree-svg *")
        update(bare, head={"branch": "b1", "step": 2160, "node": None, "running": True})
        touched = bare.evaluate(TOUCHED_ELEMENTS)
        assert line.get_attribute("d") != before[0]
        assert head.get_attribute("transform") != before[1]
        assert touched["built"] == 0
        assert touched["touched"] <= 4
        assert bare.evaluate("window.remembered.every((element) => element.isConnected)")

    def test_the_head_is_at_its_own_step_and_after_a_restore_on_its_node(self, bare):
        at_tip = {"branch": "b1", "step": 2140, "node": "n7", "running": True}
        show(bare, "tree", samples.tree(head=at_tip))
        tip = bare.locator(".rtw-line[data-branch=b1]").get_attribute("d").rpartition("L")[2]
        head = bare.locator(".rtw-head")
        expect(head).to_have_attribute("transform", f"translate({tip})")
        expect(bare.locator(".rtw-head-dot")).to_be_visible()
        update(bare, head={"branch": "b0", "step": 700, "node": "n2", "running": False})
        expect(head).to_have_attribute("transform", tree_node(bare, "n2").get_attribute("transform"))
        expect(bare.locator(".rtw-head-dot")).to_be_hidden()
        update(bare, head={"branch": "b0", "step": 705, "node": "n2", "running": True})
        assert head.get_attribute("transform") != tree_node(bare, "n2").get_attribute("transform")
        expect(bare.locator(".rtw-head-dot")).to_be_visible()

    def test_a_note_wins_the_room(self, bare):
        """Three labels for the room above and below one place: the note stays, whatever came first."""
        nodes = [
            samples.node("n0", "b0", 0, "start"),
            samples.node("n1", "b0", 600, label="lr 1e-3→0.1 and much more", parent="n0"),
            samples.node("n2", "b0", 606, label="lr 0.1→0.2 and much more", parent="n1"),
            samples.node("n3", "b0", 612, "manual", label="before decay", note="before decay", parent="n2"),
        ]
        show(bare, "tree", samples.tree(nodes=nodes, branches=samples.tree()["branches"][:1]))
        labels = bare.locator(".rtw-labels text")
        expect(labels.filter(has_text="before decay")).to_have_count(1)
        note = labels.filter(has_text="before decay").bounding_box()
        assert note["y"] < tree_node(bare, "n3").bounding_box()["y"]

    def test_a_new_node_builds_only_itself(self, bare):
        show(bare, "tree", samples.tree())
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-node")
        update(bare, nodes=[*samples.tree()["nodes"], samples.node("n10", "b1", 2140)])
        assert bare.evaluate("window.remembered.every((element) => element.isConnected)")
        expect(bare.locator(".rtw-tree-svg .rtw-node")).to_have_count(11)

    def test_labels_do_not_overlap(self, bare):
        nodes = [samples.node(f"n{at}", "b0", at * 12, label=f"lr .0{at}→.1{at}") for at in range(100)]
        show(bare, "tree", samples.tree(nodes=nodes, branches=samples.tree()["branches"][:1]))
        texts = bare.locator(".rtw-labels text")
        boxes = texts.evaluate_all("(all) => all.map((text) => text.getBoundingClientRect().toJSON())")
        assert 5 < len(boxes) < 100
        for at, one in enumerate(boxes):
            for other in boxes[at + 1 :]:
                apart = one["right"] <= other["left"] or other["right"] <= one["left"]
                # A line of text is a little higher than the room it needs: 2 px of air may touch.
                apart = apart or one["bottom"] <= other["top"] + 2 or other["bottom"] <= one["top"] + 2
                assert apart, (one, other)

    def test_zoom_pan_and_fit(self, bare):
        show(bare, "tree", samples.tree())
        place = "document.querySelector('[data-node=n3]')?.getAttribute('transform') ?? null"
        fitted = bare.evaluate(place)
        bare.get_by_role("button", name=re.compile("Zoom in")).click()
        bare.wait_for_function(f"{place} !== {fitted!r}")
        zoomed = bare.evaluate(place)
        box = bare.get_by_role("tree").bounding_box()
        bare.mouse.move(box["x"] + 600, box["y"] + 150)
        bare.mouse.down()
        bare.mouse.move(box["x"] + 640, box["y"] + 150, steps=4)
        bare.mouse.up()
        bare.wait_for_function(f"{place} !== {zoomed!r}")
        assert selected(bare) is None
        bare.get_by_role("button", name="Show all").click()
        bare.wait_for_function(f"{place} === {fitted!r}")

    def test_the_wheel_scrolls_the_page_until_the_tree_has_the_focus(self, bare):
        show(bare, "tree", samples.tree())
        bare.evaluate("document.body.style.minHeight = '4000px'")
        bare.get_by_role("tree").hover()
        bare.mouse.wheel(0, 200)
        bare.wait_for_function("window.scrollY > 0")

    def test_reduced_motion_stops_the_pulse(self, bare):
        show(bare, "tree", samples.tree())
        pulse = "getComputedStyle(document.querySelector('.rtw-pulse')).animationName"
        assert bare.evaluate(pulse) == "rtw-pulse"
        bare.emulate_media(reduced_motion="reduce")
        assert bare.evaluate(pulse) == "none"

    def test_a_thousand_nodes(self, bare):
        show(bare, "tree", samples.large_tree(1000))
        expect(bare.locator(".rtw-line")).to_have_count(20)
        frames = bare.evaluate(
            """async () => {
                const frame = () => new Promise(requestAnimationFrame);
                const svg = document.querySelector('.rtw-tree-svg');
                const times = [];
                for (let at = 0; at < 20; at += 1) {
                    const start = performance.now();
                    svg.dispatchEvent(new WheelEvent('wheel', {
                        deltaY: at % 2 ? 40 : -40, ctrlKey: true, clientX: 500, clientY: 80, bubbles: true,
                        cancelable: true,
                    }));
                    await frame();
                    await frame();
                    times.push(performance.now() - start);
                }
                return times.sort((a, b) => a - b);
            }"""
        )
        # Two frames for one event and its drawing; far above what an idle machine needs.
        assert frames[len(frames) // 2] < 150
