"""Notebooks that stay open from test to test: a page and a kernel with torch take longer than most tests."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.notebook_page import App, NotebookPage, new_context, place_notebook
from tests.browser.server import JupyterServer

MOST = 4
"""Pages that are kept: each has a kernel of some 400 MB."""
CLOSE_RUN = "[run.close() for run in [globals().get('run')] if run is not None]"


class KeptPages:
    """One page for each notebook and front end; a test that failed has its page dropped, as nobody knows its state."""

    def __init__(self, server: JupyterServer, chromium: Browser) -> None:
        self.server, self.chromium = server, chromium
        self._open: dict[tuple[object, ...], NotebookPage] = {}
        self._count = 0

    def get(self, *cells: str | Path, app: App) -> NotebookPage:
        """The notebook with these cells, all outputs cleared, nothing training, nothing in its log."""
        key = (app, *cells)
        page = self._open.pop(key, None)
        if page is None:
            self._count += 1
            name = f"kept-{self._count}-{app}.ipynb"
            place_notebook(self.server.notebooks / name, *cells)
            context = new_context(self.chromium)
            page = NotebookPage(context.new_page(), self.server, name, app)
        else:
            page.command("notebook:clear-all-cell-outputs")
            page.log.errors.clear()
            page.log.foreign.clear()
        self._open[key] = page  # the last one
        for oldest in list(self._open.values())[:-MOST]:
            self.drop(oldest)
        return page

    def rest(self, page: NotebookPage) -> None:
        """A test is over: its run must not train on beside the next one."""
        page.value(CLOSE_RUN)

    def drop(self, page: NotebookPage) -> None:
        """Close a page and end its kernel."""
        self._open = {key: other for key, other in self._open.items() if other is not page}
        page.close()
        page.page.context.close()
        self.server.end_sessions(page.name)

    def close(self) -> None:
        """Drop all of them."""
        for page in list(self._open.values()):
            self.drop(page)
