"""Takes the pictures of docs/img in a real JupyterLab: `make screenshots`."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from scripts.chromium import FLAGS, find
from tests.browser.notebook_page import NotebookPage, write_notebook
from tests.browser.server import JupyterServer

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "img"
PREPARE = """
import torch, torch.nn as nn, torch.nn.functional as F, retune_widget as rt
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, random_split
torch.set_num_threads(1)
images, labels = load_digits(return_X_y=True)
digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels))
train_set, val_set = random_split(digits, [1437, 360], generator=torch.Generator().manual_seed(0))
torch.manual_seed(0)
body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
head = nn.Sequential(nn.Dropout(0.2), nn.Linear(256, 10))
model = nn.Sequential(body, head)
groups = [{"params": part.parameters(), "name": name} for name, part in (("body", body), ("head", head))]
optimizer = torch.optim.AdamW(groups, lr=1e-3)
def accuracy(output, target): return (output.argmax(1) == target).float().mean()
run = rt.Run(model, optimizer, train_set, loss_fn=F.cross_entropy, batch_size=64, val_data=val_set,
             metrics={"accuracy": accuracy}, max_steps=1200, path=":memory:")
"""
STORY = """
run.step(300); before = run.checkpoint("before decay")
run.step(120); run.set({"body.lr": 0.02, "head.lr": 0.02}); run.step(100)
run.branch(before, {"body.lr": 1e-4, "head.lr": 3e-4}, name="low lr"); run.step(350)
run.set({"body.weight_decay": 0.05}); run.step(150)
run.branch(before, {"body.lr": 3e-3}); run.step(250); run.checkpoint("good so far"); run.step(150)
"""


def main() -> None:
    """Open the demonstration, tell its story, take the pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = JupyterServer(Path(folder))
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1600, "height": 1150}, device_scale_factor=1.5)
            write_notebook(server.notebooks / "cockpit.ipynb", (PREPARE, "run", STORY))
            notebook = NotebookPage(page, server, "cockpit.ipynb", "lab")
            notebook.run(0)
            widget = notebook.run(1).locator(".jupyter-widgets.widget-vbox").first
            notebook.run(2)
            widget.locator(".rtw-tree").wait_for()
            for theme, name in (("light", "cockpit.png"), ("dark", "cockpit-dark.png")):
                notebook.theme(theme)
                page.wait_for_function("() => document.fonts.ready.then(() => true)")
                notebook.screenshot(IMAGES / name, of=widget)
            notebook.close()
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
