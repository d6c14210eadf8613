import re
import textwrap
from pathlib import Path

import pytest
import torch

README = Path(__file__).resolve().parent.parent / "README.md"
PACKAGE = README.parent / "retune_widget"
# A block in a list is indented.
BLOCKS = re.findall(r"^( *)```python\n(.*?)^\1```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the README's code has made, run from the first block to the last."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    found = {}
    runs = []
    try:
        for number, (_, block) in enumerate(BLOCKS):
            exec(compile(textwrap.dedent(block), f"README.md, block {number}", "exec"), found)
            if found["run"] not in runs:
                runs.append(found["run"])
        yield found | {"runs": runs, "folder": tmp_path}
    finally:
        for run in runs:
            run.close()


def test_the_python_in_the_readme_does_what_it_says(names):
    steered, resumed, with_step, with_batches = names["runs"]

    assert [branch.name for branch in steered.tree.branches] == ["main", "in between"]
    assert names["change"].values[0].new == 1e-2
    assert names["change"].used_from > 200
    assert steered.head.step == names["change"].step + 400
    assert steered.governed["lr"].by == "cosine(3e-3 → 1e-5, 400)"
    assert steered.hyperparameters["lr"].value == pytest.approx((3e-3 + 1e-5) / 2)
    assert steered.hyperparameters["jitter"].value == 0.1

    resumed.step(3)
    digest = resumed.digest()
    resumed.close()
    exec(next(block for _, block in BLOCKS if "resume=True" in block), names)
    assert names["run"] is not resumed
    assert (names["run"].head.step, names["run"].digest()) == (3, digest)
    names["run"].close()

    with_step.step(2)
    assert with_step.history["train/loss"].notna().sum() == 2

    assert with_batches.status == "finished"
    assert with_batches.history["train/loss"].notna().sum() == 100
    assert steered.path.resolve().is_relative_to(names["folder"] / "retune_runs")


def test_the_first_example_takes_ten_lines_at_most():
    _, first = BLOCKS[0]
    assert len([line for line in first.splitlines() if line]) <= 10


def test_a_newcomer_reads_it_in_a_minute():
    words = README.read_text("utf-8").split()
    assert len(words) < 1000, len(words)


def test_every_file_named_in_internals_exists():
    text = (README.parent / "docs" / "internals.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[\w.]+/)*[\w.]+\.(?:py|ts|toml)|(?:\w+/)+)`", text))
    links = set(re.findall(r"\]\(([^)#:]+)\)", text))
    missing = {name for name in named if not any((base / name).exists() for base in (README.parent, PACKAGE))}
    missing |= {link for link in links if not (README.parent / "docs" / link).exists()}
    assert len(named) > 20
    assert missing == set()
