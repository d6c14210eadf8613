"""With the widget open in a real JupyterLab: the speed of training, and how soon a slider's value is used."""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.measure import Row
from scripts.chromium import FLAGS, find
from tests.browser.notebook_page import NotebookPage, write_notebook
from tests.browser.server import JupyterServer

PREPARE = """
import time, statistics, torch, torch.nn as nn, torch.nn.functional as F, retune_widget as rt
torch.set_num_threads(1); torch.manual_seed(0)
batches = [(torch.randn(64, 64), torch.randint(0, 10, (64,))) for _ in range(200)]
def parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))
    return model, torch.optim.AdamW(model.parameters(), lr=1e-3)
bare_model, bare_optimizer = parts()
place = [0]
def bare(steps):
    for _ in range(steps):
        x, y = batches[place[0] % 200]; place[0] += 1
        bare_optimizer.zero_grad()
        loss = F.cross_entropy(bare_model(x), y)
        loss.backward()
        bare_optimizer.step()
model, optimizer = parts()
used = []
run = rt.Run(model, optimizer, batches, loss_fn=F.cross_entropy, path=":memory:")
def timed(work, steps):
    wall, cpu = time.perf_counter(), time.process_time()
    work(steps)
    return (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps
"""
PAIRS = """
run.step(STEPS); bare(STEPS)
pairs = [(timed(bare, STEPS), timed(run.step, STEPS)) for _ in range(ROUNDS)]
"""
WATCH = """
seen, inner = [optimizer.param_groups[0]["lr"]], run._engine.train_on
def noting(batch):
    lr = optimizer.param_groups[0]["lr"]
    if lr != seen[0]:
        seen[0] = lr
        used.append(time.time())
    return inner(batch)
run._engine.train_on = noting
run.start()
"""
NUDGE = """() => {
  const slider = document.querySelector('.rtw-row[data-key="lr"] input[type=range]');
  // Never what is in force: the control rounds to two digits.
  slider.value = String((slider.valueAsNumber < 0.5 ? 0.55 : 0.2) + 0.25 * Math.random());
  slider.dispatchEvent(new Event("input", {bubbles: true}));
  slider.dispatchEvent(new Event("change", {bubbles: true}));
  return (performance.timeOrigin + performance.now()) / 1000;
}"""
ROUNDS = 7
CHANGES = 60


def rows() -> list[Row]:
    """Speed at about 1 and 10 ms a step, and the latency of the lr slider."""
    with _jupyter() as open_notebook:
        return [
            _speed(open_notebook, 320, 1200, shown=False),
            *(_speed(open_notebook, width, steps, shown=True) for width, steps in ((320, 1200), (1024, 250))),
            _latency(open_notebook),
        ]


def _speed(open_notebook: "OpenNotebook", width: int, steps: int, *, shown: bool) -> Row:
    page = open_notebook(f"WIDTH, STEPS, ROUNDS = {width}, {steps}, {ROUNDS}\n{PREPARE}", "run", PAIRS)
    page.run(0)
    if shown:
        page.run(1).locator(".rtw-toolbar").wait_for()
    page.run(2, timeout=300_000)
    pairs = page.value("pairs")
    wall = statistics.median(bare[0] / ours[0] for bare, ours in pairs)
    cpu = statistics.median(bare[1] / ours[1] for bare, ours in pairs)
    step = statistics.median(bare[0] for bare, _ in pairs) * 1e3
    return Row(
        f"training {'with the widget open and updating' if shown else 'without a widget'}, {step:.1f} ms a step",
        f"{wall:.3f} of the bare loop's speed ({cpu:.3f} by the kernel's CPU time)",
        f"bare loop {step:.2f} ms a step, {ROUNDS} pairs of {steps} steps",
        "≥ 0.97 at 1 ms a step, by CPU time where cores are as few as here",
        cpu >= 0.97,
    )


def _latency(open_notebook: "OpenNotebook") -> Row:
    page = open_notebook(f"WIDTH = 256\n{PREPARE}", "run", WATCH)
    page.run(0)
    page.run(1).locator(".rtw-row[data-key=lr] input[type=range]").wait_for()
    page.run(2)
    waits = []
    for _ in range(CHANGES):
        count = page.value("len(used)")
        asked = page.page.evaluate(NUDGE)
        page.until(f"len(used) > {count}")
        waits.append((page.value(f"used[{count}]") - asked) * 1e3)
    changes = page.value("[[int(c), int(s)] for c, s in zip(run.changes['step'], run.changes['step'])]")
    assert len(changes) == CHANGES, "a change was lost"
    waits.sort()
    median, p95 = statistics.median(waits), waits[int(0.95 * len(waits))]
    return Row(
        "slider released in the browser → first step that uses it",
        f"median {median:.0f} ms, p95 {p95:.0f} ms, {CHANGES} changes",
        "a step takes about 1 ms here",
        "p95 < 50 ms",
        p95 < 50,
    )


class OpenNotebook:
    """Opens a new notebook of these cells in JupyterLab."""

    def __init__(self, browser: object, server: JupyterServer) -> None:
        self._browser, self._server, self._count = browser, server, 0

    def __call__(self, *cells: str) -> NotebookPage:
        self._count += 1
        path = self._server.notebooks / f"benchmark-{self._count}.ipynb"
        write_notebook(path, cells)
        self._server.end_sessions()
        context = self._browser.new_context(viewport={"width": 1400, "height": 1000})  # type: ignore[attr-defined]
        return NotebookPage(context.new_page(), self._server, path.name, "lab")


@contextmanager
def _jupyter() -> Iterator[OpenNotebook]:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = JupyterServer(Path(folder))
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        try:
            yield OpenNotebook(browser, server)
        finally:
            browser.close()
            server.stop()
