"""What the widget says when something goes wrong, in words a person can use."""

from playwright.sync_api import expect

from tests.browser.cells import APPS, SETUP, control, field, is_quiet, mark, slider, status, toolbar, tree

SHOW = "run"
FAILING = """
def step(batch):
    if run.head.step == 30:
        raise ValueError("bad <b>batch</b> <img src=x onerror='document.body.dataset.broken = 1'>")
    optimizer.zero_grad()
    value = loss(model(batch[0]), batch[1])
    value.backward()
    optimizer.step()
    return {"loss": value}

run = rt.Run(model, optimizer, data, step=step, batch_size=16, path=":memory:")
run.start()
run
"""


@APPS
def test_an_error_in_the_training_step_is_a_banner_with_its_text_and_html_stays_text(kept, app):
    opened = kept(SETUP, SHOW, FAILING, app=app)
    opened.run(0)
    widget = opened.run(2)
    banner = widget.get_by_role("alert")
    expect(banner.locator(".rtw-error-summary")).to_have_text(
        "ValueError: bad <b>batch</b> <img src=x onerror='document.body.dataset.broken = 1'>"
    )
    expect(status(widget)).to_have_text("failed")
    expect(banner.locator("pre")).to_be_hidden()
    banner.get_by_text("Traceback", exact=True).click()
    expect(banner.locator("pre")).to_contain_text("raise ValueError(")
    expect(tree(widget).locator(".rtw-branch-label")).to_contain_text("ValueError")
    expect(widget.locator("b, img")).to_have_count(0)
    assert opened.page.evaluate("document.body.dataset.broken") is None
    banner.get_by_role("button", name="Dismiss").click()
    expect(banner).to_be_hidden()
    assert is_quiet(opened)


@APPS
def test_a_refused_value_goes_back_with_the_reason_beside_it(kept, app):
    opened = kept(SETUP, SHOW, FAILING, app=app)
    opened.run(0)
    widget = opened.run(1)
    toolbar(widget, "Start").click()
    opened.until("run.head.step > 10")
    stands = slider(widget, "lr").input_value()
    field(widget, "lr").click()
    opened.page.keyboard.type("-1")
    opened.page.keyboard.press("Enter")
    expect(mark(widget, "lr")).to_have_attribute("data-state", "refused")
    expect(mark(widget, "lr")).to_contain_text("-1")
    expect(field(widget, "lr")).to_have_value("1e-3")
    expect(slider(widget, "lr")).to_have_value(stands)
    beside, above = mark(widget, "lr").bounding_box(), control(widget, "lr").bounding_box()
    assert above["y"] < beside["y"] < above["y"] + above["height"]
    opened.until(f"run.head.step > {opened.value('run.head.step')} + 10")
    assert opened.value("[len(run.changes), set(run.history['lr']) == {1e-3}, str(run.status)]") == [0, True, "running"]
    assert is_quiet(opened)
