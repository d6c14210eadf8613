"""Every figure we state, with what it is compared to in the same run: `make bench`.

Prints one table and writes it to benchmarks/README.md, above what `make bench-claims` wrote there. `--no-browser`
leaves out what needs JupyterLab and Chromium, and writes nothing.
"""

import os
import platform
import sys

import torch

from benchmarks import published, snapshots, step_costs
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
        claims = published.part(published.README.read_text(encoding="utf-8"), "claims")
        page = f"{HEAD}{text}\n\n{machine}\n" + (f"\n{claims}\n" if claims else "")
        published.README.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
