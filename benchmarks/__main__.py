"""Every figure we state, with what it is compared to in the same run: `make bench`.

Prints one table and writes it to benchmarks/README.md. `--no-browser` leaves out what needs JupyterLab and Chromium,
and writes nothing.
"""

import os
import platform
import sys
from pathlib import Path

import torch

from benchmarks import snapshots, step_costs
from benchmarks.measure import table

HEAD = """# Benchmarks

Made by `make bench`. Machines differ and are noisy: the ratios and what stands beside a figure count, not the absolute
times. One torch thread; medians; what is compared ran in turn, in the same process.

"""


def main() -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    with_browser = "--no-browser" not in sys.argv
    rows = [*step_costs.rows(), *snapshots.rows()]
    if with_browser:
        from benchmarks import in_browser  # noqa: PLC0415  # needs the development tools

        rows += in_browser.rows()
    text = table(rows)
    machine = f"Measured on {os.cpu_count()} cores ({platform.machine()})"
    machine += f", Python {platform.python_version()}, torch {torch.__version__}."
    print(text)
    print(machine)
    if with_browser:
        Path(__file__).with_name("README.md").write_text(f"{HEAD}{text}\n\n{machine}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
