"""A notebook open in a real front end, and its kernel."""

import ast
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.page_log import PageLog
from tests.browser.server import JupyterServer

App = Literal["lab", "notebook"]
PATHS: dict[App, str] = {"lab": "lab/tree", "notebook": "notebooks"}
DONE = re.compile(r"\[\d+\]:")
COMPLAINTS = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr"))
# A cell run before this holds is dropped without a word.
KERNEL_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return context?.isReady && context.session?.kernel?.connectionStatus === "connected"
    && context.session.kernel.status === "idle";
}"""


class NotebookPage:
    """A notebook in JupyterLab or Notebook 7; `page` is Playwright's, for everything not named here.

    Attributes:
        log: Console errors and requests to other hosts.
    """

    def __init__(self, page: Page, server: JupyterServer, name: str, app: App) -> None:
        self.page, self.server, self.name, self.app = page, server, name, app
        self.log = PageLog(page)
        self._kernel: BlockingKernelClient | None = None
        self.open()

    def open(self) -> None:
        """Go to the notebook and wait until a cell can be run; a second call is what a reload is."""
        query = f"reset&token={self.server.token}" if self.app == "lab" else f"token={self.server.token}"
        self.page.goto(f"{self.server.address}/{PATHS[self.app]}/{quote(self.name)}?{query}")
        self.page.wait_for_function(KERNEL_READY, timeout=60_000)

    def cell(self, index: int) -> Locator:
        """The code cell at this place, from 0."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def output(self, index: int) -> Locator:
        """What stands below the code of that cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def run(self, index: int, *, wait: bool = True, timeout: float = 60_000) -> Locator:
        """Run a code cell as a person does, with Ctrl-Enter.

        Args:
            index: Which code cell, from 0.
            wait: Until it has finished; else only until it has started, for a cell that blocks.
            timeout: In milliseconds.

        Returns:
            The cell's output.

        Raises:
            AssertionError: The cell raised; with its traceback.
        """
        cell = self.cell(index)
        prompt = cell.locator(".jp-InputArea-prompt").first
        cell.locator(".jp-InputArea-editor").click()
        before = prompt.inner_text()
        self.page.keyboard.press("Control+Enter")
        expect(prompt).not_to_have_text(before, timeout=timeout)
        if wait:
            self.finished(index, timeout=timeout)
        return self.output(index)

    def finished(self, index: int, *, timeout: float = 60_000) -> Locator:
        """Wait until a cell that runs has finished, and give its output."""
        cell = self.cell(index)
        expect(cell.locator(".jp-InputArea-prompt").first).to_have_text(DONE, timeout=timeout)
        error = cell.locator(COMPLAINTS)
        assert error.count() == 0, f"cell {index} raised or warned:\n{error.first.inner_text()}"
        return self.output(index)

    def drag(self, handle: Locator, right: float, *, at: float = 0.5) -> None:
        """Press the mouse on an element, at this part of its width, move it this many pixels to the right, let go."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        assert box is not None, "what is to be dragged is not visible"
        x, y = box["x"] + box["width"] * at, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y, steps=8)
        self.page.mouse.up()

    def value(self, expression: str, *, timeout: float = 60) -> Any:
        """The value of a Python expression in this notebook's kernel; JSON types only.

        It waits its turn behind a cell that blocks, up to `timeout` seconds.

        Raises:
            AssertionError: The expression raised; with the error.
        """
        source = f"__import__('json').dumps({expression})"
        reply = self.kernel.execute("", silent=True, user_expressions={"value": source}, reply=True, timeout=timeout)
        answer = reply["content"]["user_expressions"]["value"]
        assert answer["status"] == "ok", f"{expression}: {answer['ename']}: {answer['evalue']}"
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def until(self, expression: str, *, timeout: float = 60) -> None:
        """Wait in the kernel until a Python expression is true, at most `timeout` seconds.

        Between two looks the page lives on and the kernel is free for what a person's clicks ask of it.

        Raises:
            AssertionError: The time is over, or the expression raised.
        """
        deadline = time.monotonic() + timeout
        while not self.value(f"bool({expression})"):
            assert time.monotonic() < deadline, f"not true within {timeout} s: {expression}"
            self.page.wait_for_timeout(50)

    def save(self) -> None:
        """Save the notebook, so that a reload or a second page shows its outputs."""
        self.command("docmanager:save")

    def command(self, name: str) -> None:
        """Carry out a command of the front end's, as its menu does."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def again(self) -> "NotebookPage":
        """The same notebook and kernel in a second page."""
        return NotebookPage(self.page.context.new_page(), self.server, self.name, self.app)

    @property
    def kernel(self) -> BlockingKernelClient:
        """A second client of the kernel that the page uses."""
        if self._kernel is None:
            (session,) = (entry for entry in self.server.api("sessions") if entry["path"] == self.name)
            connection = self.server.runtime / f"kernel-{session['kernel']['id']}.json"
            self._kernel = BlockingKernelClient(connection_file=str(connection))
            self._kernel.load_connection_file()
            self._kernel.start_channels()
        return self._kernel

    def theme(self, theme: Literal["light", "dark"]) -> None:
        """Switch the front end's theme and wait until the page wears it."""
        light = json.dumps(theme == "light")
        name = f"JupyterLab {theme.capitalize()}"
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light)

    def screenshot(self, path: Path, *, of: Locator | None = None) -> Path:
        """Save a picture of the page, or of one element of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if of is None:
            self.page.screenshot(path=path, animations="disabled")
        else:
            of.scroll_into_view_if_needed()
            of.screenshot(path=path, animations="disabled")
        return path

    def close(self) -> None:
        """Leave the kernel; the fixture ends it."""
        if self._kernel is not None:
            self._kernel.stop_channels()


def new_context(chromium: Browser) -> BrowserContext:
    """A clean browser profile with a window of the size that the tests are written for."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(15_000)
    return context


def place_notebook(path: Path, *cells: str | Path) -> None:
    """Put a notebook of these code cells there, or a copy of the one notebook that is given."""
    if len(cells) == 1 and isinstance(cells[0], Path):
        shutil.copyfile(cells[0], path)
    else:
        write_notebook(path, tuple(str(cell) for cell in cells))


def write_notebook(path: Path, cells: tuple[str, ...]) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
