"""A process of its own: goes on with every run in a folder, from each of its nodes, and writes down what came of it."""

import json
import sys
from pathlib import Path

import torch

from tests.engine.matrix.cases import begin_elsewhere, on_to_the_end


def main(folder: Path) -> None:
    """Resume each run where it ended, then from its other nodes, then from the first one again."""
    torch.set_num_threads(1)
    found = {}
    for path in sorted(folder.iterdir()):
        name = (path / "name").read_text()
        run = begin_elsewhere(name, path=path / "run", resume=True)
        last, nodes = run.head.step, run.tree.nodes
        its = found[name] = [[last, *on_to_the_end(run, last)]]
        for node in (*reversed(nodes), nodes[-1]):
            run.restore(node)
            its.append([node.step, *on_to_the_end(run, node.step)])
        run.close()
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
