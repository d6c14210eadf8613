"""Opens JupyterLab on a notebook: in the browser where there is one, headless elsewhere.

The address, with its token, is printed in both cases. Only this machine can reach the server.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent


def arguments(notebook: str, *, root: bool, browser: bool) -> list[str]:
    """The command line of JupyterLab for a notebook, given relative to the project."""
    flags = [] if browser else ["--no-browser"]
    if root:
        flags.append("--allow-root")  # Jupyter refuses to start as root unless told that it is meant
    # Not as an argument: then Jupyter would print the address of the folder, not of the notebook.
    address = f"--LabApp.default_url=/lab/tree/{quote(notebook)}"
    return ["-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}", address, *flags]


def has_browser(environment: Mapping[str, str], platform: str, *, root: bool) -> bool:
    """Whether a browser can open a window: not as root, not in CI, not without a display."""
    if root or environment.get("CI"):
        return False
    displays = (environment.get("DISPLAY"), environment.get("WAYLAND_DISPLAY"))
    return not platform.startswith("linux") or any(displays)


def main() -> None:
    """Become JupyterLab."""
    os.chdir(ROOT)
    notebook = sys.argv[1]
    if not Path(notebook).is_file():
        sys.exit(f"There is no notebook {notebook}.")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    browser = has_browser(os.environ, sys.platform, root=root)
    if not browser:
        print("No browser here: open the address below yourself. Ctrl-C stops the server.", flush=True)
    command = [sys.executable, *arguments(notebook, root=root, browser=browser)]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
