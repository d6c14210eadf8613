"""Takes the pictures of the documents: runs a notebook in JupyterLab and saves its widget, light and dark.

Run as `python -m scripts.screenshots [NOTEBOOK [FOLDER]]`.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from scripts.chromium import FLAGS, find
from tests.browser.notebook_page import NotebookPage
from tests.browser.server import JupyterServer

ROOT = Path(__file__).resolve().parent.parent


def take(server: JupyterServer, notebook: Path, folder: Path) -> list[Path]:
    """Run every cell of the notebook, then picture the first widget in both themes."""
    shutil.copyfile(notebook, server.notebooks / notebook.name)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        # Twice as fine as the screen, for a sharp picture on any.
        context = browser.new_context(viewport={"width": 1500, "height": 1200}, device_scale_factor=2)
        opened = NotebookPage(context.new_page(), server, notebook.name, "lab")
        for index in range(opened.page.locator(".jp-Notebook .jp-CodeCell").count()):
            opened.run(index, timeout=180_000)
        widget = opened.page.locator(".jp-OutputArea-output .jupyter-widgets").first
        expect(widget).to_be_visible()
        pictures = []
        for theme in ("light", "dark"):
            opened.theme(theme)
            pictures.append(opened.screenshot(folder / f"{notebook.stem}-{theme}.png", of=widget))
        opened.close()
        browser.close()
    return pictures


def main() -> None:
    """Take them."""
    notebook = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "notebooks" / "01_first_run.ipynb"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs" / "images"  # noqa: PLR2004 - the second argument
    with tempfile.TemporaryDirectory() as root:
        server = JupyterServer(Path(root))
        try:
            for picture in take(server, notebook, folder):
                print(picture)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
