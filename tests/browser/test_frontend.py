"""Each bundle on a bare page with a fake model: what it shows, what it asks, what it leaves alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import fake_model
from tests.browser.fake_model import answer, sent, show, update

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror='window.stolen = true'><b>bold</b>"
REMEMBER_ELEMENTS = """(selector) => {
    window.remembered = [...document.querySelectorAll(selector)];
    window.mutations = [];
    window.observer = new MutationObserver((records) => window.mutations.push(...records));
    window.observer.observe(document.body, {childList: true, subtree: true, attributes: true});
}"""
TOUCHED_ELEMENTS = """() => {
    const records = [...window.mutations, ...window.observer.takeRecords()];
    return {
        built: records.filter((record) => record.type === 'childList').length,
        touched: new Set(records.map((record) => record.target)).size,
    };
}"""


@pytest.fixture
def bare(page: Page):
    """A bare page; whatever it complains about fails the test."""
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    fake_model.open_bare(page)
    yield page
    assert complaints == []


def slider(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] input[type=range]')


def field(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] input.rtw-field')


def mark(page: Page, key: str):
    return page.locator(f'[data-key="{key}"] .rtw-mark')


def press_slider(page: Page, key: str, to: float) -> None:
    """Takes the slider's thumb, moves it to a fraction of the width, and holds it."""
    box = slider(page, key).bounding_box()
    here = slider(page, key).evaluate("(element) => element.valueAsNumber")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 6 + here * (box["width"] - 12), y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * to, y, steps=5)


def position(page: Page, key: str) -> float:
    return slider(page, key).evaluate("(element) => element.valueAsNumber")


def tree_node(page: Page, name: str):
    return page.locator(f'.rtw-tree-svg [data-node="{name}"]')


def selected(page: Page) -> str | None:
    return page.evaluate("window.model.get('selected')")


class TestControls:
    def test_release_sends_one_set(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        press_slider(bare, "body.lr", 0.8)
        assert sent(bare) == []
        assert field(bare, "body.lr").input_value() != "1e-3"
        bare.mouse.up()
        (message,) = sent(bare)
        assert message["kind"] == "set"
        assert message["key"] == "body.lr"
        assert 1e-2 < message["value"] < 1

    def test_values_leave_a_dragged_slider_alone(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        press_slider(bare, "body.lr", 0.8)
        held = position(bare, "body.lr")
        values = fake_model.controls()["values"] | {"body.lr": 1e-5, "dropout": 0.6}
        update(bare, values=values)
        assert position(bare, "body.lr") == held
        expect(field(bare, "dropout")).to_have_value("0.6")
        bare.mouse.up()

    def test_a_press_without_a_move_sends_nothing_and_catches_up(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        press_slider(bare, "body.lr", 0.8)
        box = slider(bare, "body.lr").bounding_box()
        bare.mouse.move(box["x"] + 6 + 0.5 * (box["width"] - 12), box["y"] + 5, steps=3)
        values = fake_model.controls()["values"] | {"body.lr": 1e-5}
        update(bare, values=values)
        bare.mouse.up()
        if sent(bare) == []:
            expect(field(bare, "body.lr")).to_have_value("1e-5")

    def test_asked_then_applied(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        field(bare, "body.lr").fill("6e-3")
        field(bare, "body.lr").press("Enter")
        assert sent(bare) == [{"kind": "set", "key": "body.lr", "value": 6e-3}]
        expect(mark(bare, "body.lr")).to_have_text("asked 6e-3 …")
        expect(mark(bare, "body.lr")).to_have_attribute("data-state", "asked")
        asked_at = position(bare, "body.lr")
        # An old value comes in while the question is open: the slider must not jump back.
        update(bare, values=fake_model.controls()["values"] | {"dropout": 0.1, "body.lr": 1.1e-3})
        assert position(bare, "body.lr") == asked_at
        answer(bare, "set", ok=True)
        field(bare, "body.lr").blur()
        assert position(bare, "body.lr") == asked_at
        applied = {"state": "applied", "value": 6e-3, "step": 1301, "text": "used from step 1,301"}
        values = fake_model.controls()["values"] | {"body.lr": 6e-3}
        update(bare, values=values, marks={"body.lr": applied})
        expect(mark(bare, "body.lr")).to_have_text("used from step 1,301")
        expect(mark(bare, "body.lr")).to_have_attribute("data-state", "applied")
        update(bare, values=values | {"body.lr": 1e-4})
        expect(field(bare, "dropout")).to_have_value("0.3")
        assert position(bare, "body.lr") < asked_at

    def test_refused_goes_back_with_the_reason(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
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
        show(bare, "controls", fake_model.controls(), width=290)
        field(bare, "dropout").fill("much")
        field(bare, "dropout").press("Enter")
        expect(mark(bare, "dropout")).to_contain_text("not a number")
        expect(field(bare, "dropout")).to_have_value("0.3")
        assert sent(bare) == []

    def test_a_held_arrow_key_sends_where_it_ended(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        slider(bare, "dropout").focus()
        bare.keyboard.down("ArrowRight")
        for _ in range(9):
            bare.keyboard.down("ArrowRight")
        assert sent(bare) == []
        bare.keyboard.up("ArrowRight")
        (message,) = sent(bare)
        assert message["value"] == pytest.approx(0.39)

    def test_checkbox_and_zero(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        bare.get_by_label("amsgrad").check()
        slider(bare, "body.lr").focus()
        bare.keyboard.press("Home")
        slider(bare, "body.weight_decay").focus()
        bare.keyboard.press("End")
        bare.keyboard.press("Home")
        assert [message["value"] for message in sent(bare)] == [True, 1e-6, 1.0, 0]

    def test_an_update_builds_nothing(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-row")
        update(
            bare, hyperparameters=[*fake_model.controls()["hyperparameters"], fake_model.hyperparameter("l1")]
        )
        assert bare.evaluate("window.remembered.every((row) => row.isConnected)")
        assert bare.locator(".rtw-row").count() == 8
        assert bare.evaluate(TOUCHED_ELEMENTS)["built"] == 1

    def test_two_views_follow_one_model(self, bare):
        show(bare, "controls", fake_model.controls(), width=290, views=2)
        update(bare, values=fake_model.controls()["values"] | {"dropout": 0.45})
        for at in range(2):
            expect(field(bare, "dropout").nth(at)).to_have_value("0.45")
        field(bare, "dropout").nth(0).fill("0.5")
        field(bare, "dropout").nth(0).press("Enter")
        assert len(sent(bare)) == 1
        expect(field(bare, "dropout").nth(1)).to_have_value("0.45")

    def test_no_keystroke_leaves_the_widget(self, bare):
        show(bare, "controls", fake_model.controls(), width=290)
        bare.evaluate(
            "() => { window.leaked = []; document.body.onkeydown = ({key}) => window.leaked.push(key); }"
        )
        field(bare, "dropout").click()
        bare.keyboard.type("dd0")
        assert bare.evaluate("window.leaked") == []
        expect(bare.locator(".rtw")).to_have_attribute("data-lm-suppress-shortcuts", "true")


@pytest.mark.parametrize("bundle", ["toolbar", "controls", "chartbar", "tree", "details"])
def test_a_closed_view_leaves_no_listener(bare, bundle):
    show(bare, bundle, getattr(fake_model, bundle)(), views=2)
    assert bare.evaluate("window.model.listenerCount()") > 0
    bare.evaluate("window.ends.forEach((end) => end())")
    assert bare.evaluate("window.model.listenerCount()") == 0
    assert bare.locator(".rtw").count() == 0


class TestToolbar:
    @pytest.mark.parametrize(
        ("now", "name", "kind"),
        [("ready", "Start", "start"), ("running", "Pause", "pause"), ("paused", "Resume", "start")],
    )
    def test_primary_button(self, bare, now, name, kind):
        show(bare, "toolbar", fake_model.toolbar(status=now))
        bare.get_by_role("button", name=name).click()
        assert sent(bare) == [{"kind": kind}]

    def test_buttons_ask(self, bare):
        show(bare, "toolbar", fake_model.toolbar(status="paused"))
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
        show(bare, "toolbar", fake_model.toolbar(status="paused"))
        bare.get_by_role("button", name="Undo").click()
        answer(bare, "undo", ok=False, error="there is no change to undo")
        expect(bare.locator(".rtw-feedback")).to_have_text("there is no change to undo")

    def test_training_moves_nothing(self, bare):
        show(bare, "toolbar", fake_model.toolbar(step=999, steps_per_second=9.9, eta_seconds=9))
        places = "[...document.querySelectorAll('.rtw-bar *')].map((e) => e.getBoundingClientRect().left)"
        before = bare.evaluate(places)
        update(bare, **fake_model.toolbar(step=2_222, steps_per_second=1812, eta_seconds=71))
        assert bare.evaluate(places) == before

    def test_error_banner(self, bare):
        error = {"summary": "ValueError: shapes", "traceback": "Traceback\n  line 3"}
        show(bare, "toolbar", fake_model.toolbar(status="failed", error=error, notices=["disk full"]))
        expect(bare.get_by_role("alert")).to_contain_text("ValueError: shapes")
        expect(bare.locator(".rtw-traceback")).to_be_hidden()
        bare.get_by_text("Traceback", exact=True).click()
        expect(bare.locator(".rtw-traceback")).to_contain_text("line 3")
        expect(bare.locator(".rtw-notice")).to_have_text("disk full")
        bare.get_by_role("button", name="Dismiss").click()
        assert sent(bare) == [{"kind": "dismiss_error"}]
        update(bare, **fake_model.toolbar(status="paused"))
        expect(bare.locator(".rtw-error")).to_be_hidden()


def test_chartbar_writes_its_choices(bare):
    show(bare, "chartbar", fake_model.chartbar(), width=700)
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
    update(bare, metric="loss", readout="step 3", legend=fake_model.chartbar()["legend"][:1])
    expect(bare.get_by_label("Metric", exact=True)).to_have_value("loss")
    expect(bare.locator(".rtw-chip")).to_have_text(["main"])


class TestTree:
    def test_click_selects(self, bare):
        show(bare, "tree", fake_model.tree())
        tree_node(bare, "n3").click()
        assert selected(bare) == "n3"
        assert bare.evaluate("window.model.saved") == [{"selected": "n3"}]
        expect(tree_node(bare, "n3")).to_have_attribute("aria-selected", "true")
        assert sent(bare) == []

    def test_buttons_ask(self, bare):
        show(bare, "tree", fake_model.tree(selected="n8"))
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
        show(bare, "tree", fake_model.tree(selected="n8"))
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
        show(bare, "tree", fake_model.tree())
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
        show(bare, "tree", fake_model.tree())
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
        show(bare, "tree", fake_model.tree())
        tree_node(bare, "n3").hover()
        tooltip = bare.get_by_role("tooltip")
        expect(tooltip).to_be_visible()
        for text in ["lr ×30", "step 900", "body.lr 0.01 → 0.3", "val/accuracy", "0.941", "batch_size"]:
            expect(tooltip).to_contain_text(text)
        bare.mouse.move(2, 2)
        expect(tooltip).to_be_hidden()

    def test_a_step_moves_the_head_and_builds_nothing(self, bare):
        show(bare, "tree", fake_model.tree())
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

    def test_a_new_node_builds_only_itself(self, bare):
        show(bare, "tree", fake_model.tree())
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-node")
        update(bare, nodes=[*fake_model.tree()["nodes"], fake_model.node("n10", "b1", 2140)])
        assert bare.evaluate("window.remembered.every((element) => element.isConnected)")
        expect(bare.locator(".rtw-tree-svg .rtw-node")).to_have_count(11)

    def test_labels_do_not_overlap(self, bare):
        nodes = [fake_model.node(f"n{at}", "b0", at * 12, label=f"lr .0{at}→.1{at}") for at in range(100)]
        show(bare, "tree", fake_model.tree(nodes=nodes, branches=fake_model.tree()["branches"][:1]))
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
        show(bare, "tree", fake_model.tree())
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
        show(bare, "tree", fake_model.tree())
        bare.evaluate("document.body.style.minHeight = '4000px'")
        bare.get_by_role("tree").hover()
        bare.mouse.wheel(0, 200)
        bare.wait_for_function("window.scrollY > 0")

    def test_reduced_motion_stops_the_pulse(self, bare):
        show(bare, "tree", fake_model.tree())
        pulse = "getComputedStyle(document.querySelector('.rtw-pulse')).animationName"
        assert bare.evaluate(pulse) == "rtw-pulse"
        bare.emulate_media(reduced_motion="reduce")
        assert bare.evaluate(pulse) == "none"

    def test_a_thousand_nodes(self, bare):
        show(bare, "tree", fake_model.large_tree(1000))
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


class TestDetails:
    def test_shows_a_node(self, bare):
        show(bare, "details", fake_model.details(), width=290)
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
        state = {"exact": False, "why": "the loader cannot be taken apart", "save_error": "disk full"}
        show(bare, "details", fake_model.details(saved=False, digest=None, **state), width=290)
        expect(bare.locator(".rtw-box")).to_contain_text("≈ not exact: the loader cannot be taken apart")
        expect(bare.locator(".rtw-box")).to_contain_text("not saved: disk full")

    def test_asks(self, bare):
        show(bare, "details", fake_model.details(branch="b2", branch_name="slow"), width=290)
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
        show(bare, "details", fake_model.details(saved=False), width=290)
        bare.evaluate(REMEMBER_ELEMENTS, ".rtw-table")
        update(bare, **fake_model.details())
        expect(bare.locator(".rtw-box")).to_contain_text("saved, 1.1 MB")
        assert bare.evaluate("window.remembered.every((table) => table.isConnected)")
        update(bare, node=None)
        expect(bare.get_by_text("Select a node in the tree")).to_be_visible()


def test_text_from_users_is_never_html(bare):
    tree = fake_model.tree(selected="n3")
    for entry in tree["nodes"]:
        entry["label"] = entry["note"] = HOSTILE
        entry["values"] = {HOSTILE: 1}
    for entry in tree["branches"]:
        entry["name"] = entry["stopped"] = HOSTILE
    show(bare, "tree", tree)
    tree_node(bare, "n3").hover()
    expect(bare.get_by_role("tooltip")).to_contain_text("<img")
    show(bare, "details", fake_model.details(label=HOSTILE, note=HOSTILE, branch_name=HOSTILE, why=HOSTILE))
    expect(bare.locator(".rtw-details .rtw-title").first).to_have_text(HOSTILE)
    error = {"summary": HOSTILE, "traceback": HOSTILE}
    show(bare, "toolbar", fake_model.toolbar(branch=HOSTILE, error=error, notices=[HOSTILE], busy=HOSTILE))
    refused = {"state": "refused", "value": 1, "step": None, "text": HOSTILE}
    show(bare, "controls", fake_model.controls(marks={"dropout": refused}))
    legend = [{"id": "b0", "name": HOSTILE, "colour": "red", "head": True}]
    show(
        bare,
        "chartbar",
        fake_model.chartbar(legend=legend, readout=HOSTILE, metrics=[HOSTILE], metric=HOSTILE),
    )
    assert bare.locator("img, b").count() == 0
    assert bare.evaluate("window.stolen") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", [None, "true", "false"])
def test_readable_in_every_theme(bare, scheme, theme):
    """JupyterLab's theme decides; without one, the system does."""
    bare.emulate_media(color_scheme=scheme)
    if theme:
        bare.evaluate("(theme) => { document.body.dataset.jpThemeLight = theme; }", theme)
    show(bare, "details", fake_model.details(), width=290)
    is_dark = theme == "false" if theme else scheme == "dark"
    lightness = bare.evaluate(
        """() => {
            const style = getComputedStyle(document.querySelector('.rtw'));
            const light = (colour) => {
                const [r, g, b] = colour.match(/\\d+/g).map(Number);
                return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
            };
            return [light(style.color), light(style.backgroundColor)];
        }"""
    )
    text, background = lightness
    assert (text > background) == is_dark
    assert abs(text - background) > 0.7
