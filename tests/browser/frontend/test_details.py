"""The node panel."""

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import REMEMBER_ELEMENTS, sent, show, update

pytestmark = pytest.mark.browser


class TestDetails:
    def test_shows_a_node(self, bare):
        show(bare, "details", samples.details(), width=290)
        panel = bare.locator(".rtw-panel")
        for text in [
            "before decay",
            "main · step 700 · epoch 29 · by hand, 14:02",
            "✓ exact",
            "7f3a00…e9c1",
            "saved, 1.1 MB",
            "amsgrad off → on",
            "its buffer starts at zero",
        ]:
            expect(panel).to_contain_text(text)
        deltas = bare.locator(".rtw-delta")
        expect(deltas).to_have_text(["\N{MINUS SIGN}0.031", "\N{MINUS SIGN}0.008", ""])
        assert deltas.evaluate_all("(cells) => cells.map((cell) => cell.dataset.better ?? null)") == [
            "true",
            "false",
            None,
        ]

    def test_says_what_is_not_exact_or_not_saved(self, bare):
        state = {"exact": False, "why": "the loader cannot be taken apart"}
        lost = samples.checkpoint("not saved", "disk full")
        show(bare, "details", samples.details(checkpoint=lost, digest=None, **state), width=290)
        expect(bare.locator(".rtw-box")).to_contain_text("≈ not exact: the loader cannot be taken apart")
        expect(bare.locator(".rtw-box")).to_contain_text("not saved: disk full")

    def test_asks(self, bare):
        show(bare, "details", samples.details(branch="b2", branch_name="slow"), width=290)
        bare.get_by_role("button", name="Restore").click()
        bare.get_by_role("button", name="More actions").click()
        bare.get_by_role("menuitem", name="Rename").click()
        bare.keyboard.type("fast")
        bare.keyboard.press("Enter")
        bare.get_by_role("button", name="More actions").click()
        bare.get_by_role("menuitem", name="Delete").click()
        bare.get_by_role("button", name="Delete", exact=True).click()
        assert sent(bare) == [
            {"kind": "restore", "node": "n2"},
            {"kind": "rename", "branch": "b2", "name": "fast"},
            {"kind": "delete_branch", "branch": "b2"},
        ]

    def test_saving_a_node_leaves_its_tables_alone(self, bare):
        show(bare, "details", samples.details(checkpoint=samples.checkpoint("saving")), width=290)
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-table")
        update(bare, **samples.details())
        expect(bare.locator(".rtw-box")).to_contain_text("saved, 1.1 MB")
        assert bare.evaluate("window.remembered.every((table) => table.isConnected)")
        update(bare, node=None)
        expect(bare.get_by_text("Select a node in the tree")).to_be_visible()
