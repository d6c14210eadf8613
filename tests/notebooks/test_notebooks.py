"""The notebooks as a person finds them, executed from the first cell to the last in a kernel of their own."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SECONDS = 60
VIEW = "application/vnd.jupyter.widget-view+json"


class Executed:
    """A notebook after its last cell: its outputs, and what an expression gave in its kernel at the end."""

    def __init__(self, name: str, folder: Path, expression: str) -> None:
        self.notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        question = nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({expression}))")
        self.notebook.cells.append(question)
        client = NotebookClient(self.notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
        begun = time.monotonic()
        client.execute()
        self.seconds = time.monotonic() - begun
        self.facts: dict[str, Any] = json.loads(question.outputs[-1].text)

    def outputs(self) -> list[Any]:
        return [output for cell in self.notebook.cells for output in cell.get("outputs", ())]


def check(executed: Executed, folder: Path) -> None:
    outputs = executed.outputs()
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert executed.seconds < SECONDS
    run_directory = folder / executed.facts["path"]
    assert run_directory.parent.parent == folder
    assert (run_directory / "run.db").stat().st_size > 0
    assert executed.facts["problems"] == []
    assert executed.facts["exact"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def first_run(folder):
    return Executed(
        "01_first_run.ipynb",
        folder,
        """{
            "path": str(run.path), "problems": run.problems, "exact": bool(run.nodes["exact"].all()),
            "accuracy": final, "status": run.status, "steps": len(run.lineage_history("bolder")),
            "head": run.head.step, "max_steps": run.max_steps, "layers": [type(layer).__name__ for layer in model],
            "rates": {name: run.lineage_history(name)["lr"].iloc[before.step] for name in ("main", "bolder")},
        }""",
    )


def test_the_first_run_learns_to_read_digits(first_run, folder):
    check(first_run, folder)
    facts = first_run.facts
    assert {"BatchNorm2d", "Dropout"} <= set(facts["layers"])
    assert facts["accuracy"] > 0.97
    assert facts["status"] == "finished"
    assert facts["steps"] == facts["head"] == facts["max_steps"]
    assert facts["rates"] == {"main": 5e-4, "bolder": 1e-2}


def test_its_second_cell_shows_the_widget(first_run):
    second = [cell for cell in first_run.notebook.cells if cell.cell_type == "code"][1]
    assert second.source.endswith("\nrun")
    assert any(VIEW in output.get("data", {}) for output in second.outputs)


def test_branching_tells_its_story(folder):
    executed = Executed(
        "02_branching.ipynb",
        folder,
        """{
            "path": str(run.path), "problems": run.problems, "exact": bool(run.nodes["exact"].all()),
            "digests": [first_time, second_time, run.flush() and here.digest],
            "accuracy": comparison.loc["val/accuracy"].to_dict(), "rates": run.changes["new"].tolist(),
            "shared": int((curves.loc[:500].nunique(axis=1) == 1).sum()),
            "differ": int((curves.loc[501:700].nunique(axis=1) > 1).sum()),
        }""",
    )
    check(executed, folder)
    facts = executed.facts
    broken, undone, gentle = facts["accuracy"].values()
    assert broken < 0.5
    assert undone > 0.8
    assert gentle > 0.9
    assert facts["rates"] == [0.1, 0.5, 0.02]
    assert facts["shared"] == 500 // 25
    assert facts["differ"] == 200 // 25
    first, second, before = facts["digests"]
    assert first == second != before


def test_time_travel_goes_on_with_a_killed_run_to_the_same_bits(folder):
    executed = Executed(
        "03_time_travel.ipynb",
        folder,
        """{
            "path": str(run.path), "problems": run.problems, "exact": bool(run.nodes["exact"].all()),
            "digests": [killed, uninterrupted, rebuilt], "digest": digest, "verdict": [bool(verdict), verdict.steps],
            "killed": process.returncode, "seen": saved.head.step, "end": end, "status": str(run.status),
            "steps": len(run.lineage_history("main")), "rates": run.changes["new"].tolist(),
            "branches": [branch.name for branch in run.tree.branches],
        }""",
    )
    check(executed, folder)
    facts = executed.facts
    assert facts["killed"] == -signal.SIGKILL
    killed, uninterrupted, rebuilt = facts["digests"]
    assert killed == uninterrupted != rebuilt == facts["digest"]
    assert facts["verdict"] == [True, 150]
    assert facts["steps"] == facts["end"] == facts["seen"] + 300
    assert facts["rates"] == [3e-3, 1e-3, 3e-2]
    assert facts["branches"] == ["main", "bolder"]
    shown = [
        cell for cell in executed.notebook.cells if any(VIEW in its.get("data", {}) for its in cell.get("outputs", ()))
    ]
    assert [cell.source.splitlines()[-1] for cell in shown] == ["saved", "run", "run"]


def test_schedules_and_rules_do_what_the_text_says(folder):
    executed = Executed(
        "04_schedules_and_rules.ipynb",
        folder,
        """{
            "path": str(run.path), "problems": run.problems, "exact": bool(run.nodes["exact"].all()),
            "governed": run.changes["governed"].dropna().tolist()[:4], "fired": [step for step, _ in status.fired],
            "accuracy": comparison.loc["val/accuracy"].to_dict(), "problem": problem, "stopped": stopped,
            "dry": len(rule.dry_run(run.lineage_history("main"))), "spikes": len(spikes), "head": run.head.step,
            "lr": run.lineage_history("main").set_index("step")["lr"].loc[[100, 101, 201, 251, 300, 400]].tolist(),
            "skipped": [node.origin for node in run.tree.nodes if node.note.startswith("batch skipped")],
        }""",
    )
    check(executed, folder)
    facts = executed.facts
    assert facts["governed"][1:] == ["×0.5 of cosine", "held at 0.02525", "released to cosine"]
    assert facts["lr"][:5] == pytest.approx([0.1, 0.1, 0.037625, 0.02525, 0.02525])
    assert facts["lr"][5] < 0.0011
    assert facts["fired"]
    assert facts["dry"] > 0
    assert facts["spikes"] > 0
    assert min(facts["accuracy"].values()) > 0.75
    assert list(facts["accuracy"]) == ["constant", "main", "plateau"]
    assert f"step {facts['stopped'] + 1} was stopped: the loss is nan" in facts["problem"]
    assert 400 < facts["stopped"] < 600
    assert facts["skipped"] == ["edited"]
    assert facts["head"] == facts["stopped"] + 200


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_is_kept_as_it_was_written(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
