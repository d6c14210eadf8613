"""A schedule from the menu: set while it trains, scaled by the slider, held, released, removed."""

import pytest
from playwright.sync_api import expect

from tests.browser.cells import APPS, DOTTED, SETUP, control, drag, field, is_quiet, mark, node, slider, toolbar

pytestmark = pytest.mark.browser
LONG = SETUP + "run.max_steps = 200_000\n"
COSINE = "rt.schedules.cosine(1e-3, 1e-5, 20_000)"


def governed(widget):
    return control(widget, "lr").locator(".rtw-governed")


def form_of(widget):
    control(widget, "lr").get_by_role("button", name="Schedule lr …").click()
    return widget.get_by_role("dialog", name="Schedule of lr")


def entry(form, name):
    return form.get_by_role("textbox", name=name, exact=True)


def set_cosine(opened, widget):
    """Begin to train, fill the form in and set it; returns the change."""
    toolbar(widget, "Start").click()
    opened.until("run.head.step > 20")
    form = form_of(widget)
    expect(entry(form, "start")).to_have_value("1e-3")
    entry(form, "end").fill("1e-5")
    entry(form, "steps").fill("20000")
    expect(form.locator(".rtw-form-said")).to_contain_text("1e-3 → 1e-5 by step")
    assert form.locator(".rtw-preview-line").get_attribute("d").count("L") > 100
    form.get_by_role("button", name="Set").click()
    expect(form).to_have_count(0)
    opened.until("'lr' in run.governed")
    return opened.value("run.changes.iloc[-1][['step', 'new', 'governed', 'node']].to_dict()")


def used_from(opened, step, count):
    """The values of so many steps after a step."""
    opened.until(f"run.head.step > {step} + {count}")
    return opened.value(f"run.history.set_index('step').lr.loc[{step + 1}:].tolist()[:{count}]")


@APPS
def test_a_cosine_from_the_menu_is_followed_and_scaled_by_the_slider(kept, app):
    opened = kept(LONG, "run", app=app)
    opened.run(0)
    widget = opened.run(1)
    change = set_cosine(opened, widget)
    assert change["governed"] == "cosine(1e-3 → 1e-5, 20000)"
    expect(governed(widget)).to_have_text("×1.0 of cosine · hold", use_inner_text=True)
    expect(mark(widget, "lr")).to_contain_text("used from step")
    assert used_from(opened, change["step"], 200) == opened.value(f"[{COSINE}(at) for at in range(200)]")
    expect(node(widget, change["node"])).to_be_visible()
    expect(widget.locator(".rtw-tree").get_by_text("lr ~ cosine")).to_be_visible()
    drawn = "(all) => all.some((line) => (line.getAttribute('d') ?? '').length > 500)"
    expect(widget.locator(DOTTED).first).to_be_attached()
    assert widget.locator(DOTTED).evaluate_all(drawn)
    shown = field(widget, "lr").input_value()
    expect(field(widget, "lr")).not_to_have_value(shown)
    drag(opened, slider(widget, "lr"), -12)
    expect(governed(widget)).to_contain_text("of cosine · hold · release")
    opened.until("run.governed['lr'].scale < 0.9")
    scale = opened.value("run.governed['lr'].scale")
    factor = opened.value(f"rt.tracking.value_changes.factor({scale})")
    expect(governed(widget)).to_have_text(f"×{factor} of cosine · hold · release", use_inner_text=True)
    scaled = opened.value("run.changes.iloc[-1][['step', 'new']].to_dict()")
    at, used = scaled["step"] - change["step"], used_from(opened, scaled["step"], 20)
    assert used == opened.value(f"[{scale} * {COSINE}({at} + further) for further in range(20)]")
    assert used[0] == scaled["new"]
    assert is_quiet(opened)


@APPS
def test_it_is_held_released_and_removed(kept, app):
    opened = kept(LONG, "run", app=app)
    opened.run(0)
    widget = opened.run(1)
    set_cosine(opened, widget)
    governed(widget).get_by_role("button", name="hold lr").click()
    expect(governed(widget)).to_contain_text("held at")
    opened.until("run.governed['lr'].mode == 'hold'")
    held, step = opened.value("run.governed['lr'].value"), opened.value("int(run.changes.step.iloc[-1])")
    assert set(used_from(opened, step, 20)) == {held}
    governed(widget).get_by_role("button", name="release lr").click()
    expect(governed(widget)).to_have_text("×1.0 of cosine · hold", use_inner_text=True)
    opened.until("run.governed['lr'].mode == 'scale'")
    assert len(set(used_from(opened, opened.value("int(run.changes.step.iloc[-1])"), 20))) == 20
    form = form_of(widget)
    expect(entry(form, "end")).to_have_value("1e-5")
    form.get_by_role("button", name="Remove").click()
    expect(governed(widget)).to_be_hidden()
    assert opened.value("(len(run.governed), run.changes.governed.iloc[-1])") == [0, "without cosine"]
    assert len(set(used_from(opened, opened.value("int(run.changes.step.iloc[-1])"), 20))) == 1
    assert is_quiet(opened)


def test_what_the_optimizer_refuses_is_told_in_the_form_and_nothing_is_lost(kept):
    opened = kept(LONG, "run", app="lab")
    opened.run(0)
    widget = opened.run(1)
    form = form_of(widget)
    entry(form, "start").fill("-1")
    said = form.locator(".rtw-form-said")
    expect(said).to_contain_text("Invalid learning rate: -1.0")
    form.get_by_role("button", name="Set").click()
    expect(said).to_contain_text("Invalid learning rate: -1.0")
    expect(entry(form, "start")).to_have_value("-1")
    opened.page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    expect(entry(form_of(widget), "start")).to_have_value("-1")
    assert opened.value("(len(run.governed), len(run.tree.nodes))") == [0, 1]
    assert is_quiet(opened)
