"""Rules: added from the menu, tried out, seen to fire, taken over; the banner of a step that failed; the gradient."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.cells import APPS, SETUP, control, drag, field, is_quiet, node, slider, status, toolbar, tree

RUN = "run = rt.Run(model, optimizer, data, loss_fn=loss, batch_size=16, val_data=data, eval_every=20, path=':memory:')"
SHOW = f"{RUN}\nrun"
SPOILT = """
spoilt = [50]
def nan_once(output, target):
    value = loss(output, target)
    return value * float("nan") if torch.is_grad_enabled() and run.head.step in spoilt else value
"""
SHOW_SPOILT = f"{RUN.replace('loss_fn=loss', 'loss_fn=nan_once')}\nrun"
MARKS = ".retune-figure path.dot.element"


def tab(widget: Locator, name: str) -> Locator:
    return widget.get_by_role("tab", name=name)


def card(widget: Locator, name: str) -> Locator:
    return widget.locator(f'.rtw-card[data-rule="{name}"]')


def ruled(widget: Locator, key: str) -> Locator:
    return control(widget, key).locator(".rtw-ruled")


def diamonds(widget: Locator, *, filled: bool) -> Locator:
    """The diamonds of the chart that can be seen."""
    fill = "" if filled else "none"
    return widget.locator(MARKS).and_(widget.locator(f'[style*="fill: {fill}"]')).locator("visible=true")


def train(opened, widget: Locator, steps: int) -> None:
    until = opened.value("run.head.step") + steps
    widget.get_by_label("Steps to train").fill(str(steps))
    toolbar(widget, "Step").click()
    opened.until(f"run.head.step == {until} and run.status == 'paused'")


@APPS
def test_a_rule_from_the_menu_is_tried_out_fires_and_is_taken_over_by_the_slider(kept, app):
    opened = kept(SETUP, SHOW, app=app)
    opened.run(0)
    widget = opened.run(1)
    train(opened, widget, 100)
    height = widget.locator(".retune-side").bounding_box()["height"]
    tab(widget, "Rules").click()
    expect(card(widget, "NaNGuard")).to_contain_text("watching")
    assert widget.locator(".retune-side").bounding_box()["height"] == height
    widget.get_by_role("button", name="Add a rule").click()
    widget.get_by_role("menuitem", name="Plateau").click()
    form = widget.get_by_role("form", name="New rule Plateau")
    expect(form.get_by_label("metric", exact=True)).to_have_value("val/loss")
    form.get_by_label("patience", exact=True).fill("two")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("alert")).to_have_text("patience must be a whole number, not “two”")
    form.get_by_label("patience", exact=True).fill("2")
    form.get_by_label("min delta", exact=True).fill("100")  # nothing is ever better by so much
    form.get_by_role("button", name="Where would it have fired?").click()
    expect(widget.locator(".rtw-trial")).to_contain_text("It would have fired 2 times: at step 60 and 100.")
    expect(diamonds(widget, filled=False)).to_have_count(2)
    form.get_by_role("button", name="Add").click()
    expect(card(widget, "Plateau")).to_contain_text("patience 0/2")
    expect(diamonds(widget, filled=False)).to_have_count(0)
    expect(ruled(widget, "lr")).to_contain_text("Plateau governs")

    train(opened, widget, 60)
    expect(card(widget, "Plateau")).to_contain_text("fired once, at step 160")
    expect(field(widget, "lr")).to_have_value("5e-4")
    expect(tree(widget).locator('[data-node][data-cause="policy"]')).to_have_count(1)
    expect(tree(widget).locator(".rtw-labels")).to_contain_text("Plateau: lr 1e-3→5e-4")
    expect(diamonds(widget, filled=True)).to_have_count(1)
    card(widget, "Plateau").locator("summary").click()
    card(widget, "Plateau").get_by_role("button", name="step 160").click()
    fired = opened.value("next(its.id for its in run.tree.nodes if its.author == 'policy:Plateau')")
    expect(node(widget, fired)).to_have_attribute("aria-selected", "true")

    drag(opened, slider(widget, "lr"), 12)
    expect(ruled(widget, "lr")).to_contain_text("Plateau suspended")
    switch = widget.get_by_role("switch", name="Plateau acts")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(card(widget, "Plateau")).to_contain_text("Suspended: lr changed by hand at step 160")
    expect(tab(widget, "Rules")).to_contain_text("2, 1 off")
    ruled(widget, "lr").get_by_role("button", name="resume").click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(ruled(widget, "lr")).to_contain_text("Plateau governs")
    assert opened.value("[its.active for its in run.policies]") == [True, True]
    assert is_quiet(opened)


@APPS
def test_a_step_that_is_not_finite_is_told_and_a_button_goes_on_from_before_it(kept, app):
    opened = kept(SETUP + SPOILT, SHOW_SPOILT, app=app)
    opened.run(0)
    widget = opened.run(1)
    toolbar(widget, "Start").click()
    banner = widget.get_by_role("alert").filter(has_text="Step 51 was stopped")
    expect(banner).to_contain_text("The loss is nan, and the gradient of 'weight' is not finite.")
    expect(banner).to_contain_text("Its batch: epoch 1, sample 288, batch_size 16; its samples are ")
    expect(status(widget)).to_have_text("paused")
    tab(widget, "Rules").click()
    expect(card(widget, "NaNGuard")).to_contain_text("fired once, at step 51")
    banner.get_by_role("button", name="Look").click()
    expect(tab(widget, "Node")).to_have_attribute("aria-selected", "true")
    expect(node(widget, "n1")).to_have_attribute("aria-selected", "true")
    expect(widget.locator(".rtw-details")).to_contain_text("NaNGuard: step 51 stopped")
    assert opened.value("run.head.step") == 50
    opened.value("spoilt.clear()")
    banner.get_by_role("button", name="Back, lr × 0.1").click()
    expect(banner).to_be_hidden()
    opened.until("run.head.step > 60")
    expect(status(widget)).to_have_text("running")
    expect(field(widget, "lr")).to_have_value("1e-4")
    toolbar(widget, "Pause").click()
    opened.until("run.status == 'paused'")
    assert opened.value("run.history['train/loss'].notna().all().item()")
    assert is_quiet(opened)


@APPS
def test_the_strip_of_the_gradient_comes_and_goes(kept, app):
    opened = kept(SETUP, SHOW, app=app)
    opened.run(0)
    widget = opened.run(1)
    train(opened, widget, 40)
    expect(widget.locator(".retune-figure")).to_have_count(2)
    widget.get_by_label("grad norm").check()
    strip = widget.locator(".retune-figure").nth(1)
    expect(widget.locator(".retune-figure")).to_have_count(3)
    norm = strip.locator('path.line[style*="stroke-width: 1.4"]')
    expect(norm).to_have_attribute("d", re.compile(r"^M[\d.]+,[\d.]+(L[\d.]+,[\d.]+){3}$"))  # steps 10, 20, 30, 40
    widget.get_by_label("grad norm").uncheck()
    expect(widget.locator(".retune-figure")).to_have_count(2)
    assert is_quiet(opened)
