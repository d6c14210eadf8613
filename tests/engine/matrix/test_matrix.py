"""Every optimizer, scheduler and setup, restored in place, in fresh objects and in a fresh process: equal bits."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retune_widget.engine import copies
from tests.engine.matrix.cases import (
    CASES,
    KS,
    PRODUCT,
    begin,
    begin_elsewhere,
    expected,
    keep_each,
    keep_each_on_the_way,
    on_to_the_end,
    with_no_break,
)

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch compiles with its own
ROOT = Path(__file__).resolve().parents[3]
NAMES = [*CASES, *(PRODUCT if os.environ.get("RETUNE_MATRIX") else ())]
"""With every scheduler over every optimizer in `make soak`."""

reference = functools.cache(with_no_break)


@pytest.fixture
def all_are_large(monkeypatch):
    """Even the tensors of small networks are copied while training goes on, as large ones are."""
    monkeypatch.setattr(copies, "LARGE", 1)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("name", NAMES)
def test_in_place_and_in_fresh_objects(name):
    run, nodes = keep_each_on_the_way(name)
    for k in (*reversed(KS), KS[-1]):  # the last one twice, with other training in between
        run.restore(nodes[k])
        assert on_to_the_end(run, k) == expected(reference(name), k)
    for k, node in nodes.items():
        fresh = begin_elsewhere(name)
        fresh._engine.restore(run._writer.load_checkpoint(node.checkpoint))
        assert on_to_the_end(fresh, k) == expected(reference(name), k)
        fresh.close()
    run.close()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What one child process made of the saved runs, by name."""
    folder = tmp_path_factory.mktemp("saved")
    for index, name in enumerate(NAMES):
        path = folder / f"{index}"
        path.mkdir()
        (path / "name").write_text(name)
        run = begin(name, path=path / "run")
        keep_each(run)
        run.close()
    command = [sys.executable, "-m", "tests.engine.matrix.child", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60 + len(NAMES))
    return json.loads((folder / "found.json").read_text())


@pytest.mark.timeout(120 + 2 * len(NAMES))
@pytest.mark.parametrize("name", NAMES)
def test_in_a_fresh_process(name, found):
    assert [k for k, *_ in found[name]] == [KS[-1], *reversed(KS), KS[-1]]
    for k, *came in found[name]:
        assert came == expected(reference(name), k)
