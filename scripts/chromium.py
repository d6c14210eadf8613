"""Finds the Chromium that the browser tests drive, or installs one.

`python -m scripts.chromium` prints its path; with `--install` it installs one where there is none.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HELP = "Install Chromium or Google Chrome, or set CHROMIUM to the path of one; browser tests are never skipped."

# How it is started: headless, and without its own requests.
FLAGS = [
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class ChromiumNotFoundError(RuntimeError):
    """There is no Chromium and none could be installed; the message says what to do."""


def find() -> Path | None:
    """The Chromium to use: the one CHROMIUM names, the system's, or Playwright's download.

    Raises:
        ChromiumNotFoundError: CHROMIUM is set and names no file.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        path = shutil.which(named)
        if path is None:
            raise ChromiumNotFoundError(f"CHROMIUM is {named!r}, which is no program. {HELP}")
        return Path(path)
    for command in COMMANDS:
        path = shutil.which(command)
        if path is not None:
            return Path(path)
    if MACOS.is_file():
        return MACOS
    # In a thread of its own, because Playwright allows only one of these a thread, and a test may have it.
    with ThreadPoolExecutor(max_workers=1) as thread:
        downloaded = thread.submit(playwrights_own).result()
    return downloaded if downloaded.is_file() else None


def playwrights_own() -> Path:
    """Where Playwright keeps its download, whether it is there or not."""
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> Path:
    """Install a Chromium: Debian's package as root there, Playwright's download elsewhere.

    Raises:
        ChromiumNotFoundError: The installation failed.
    """
    if is_debian() and os.geteuid() == 0:
        # The fonts are only recommended by the package, and without any every text is zero pixels wide.
        commands = [
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-liberation"],
        ]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
        environment = dict(os.environ)
    for command in commands:
        print("no Chromium found:", " ".join(command), file=sys.stderr)
        if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode:
            raise ChromiumNotFoundError(f"No Chromium was found, and '{' '.join(command)}' failed. {HELP}")
    path = find()
    if path is None:
        raise ChromiumNotFoundError(f"A Chromium was installed but cannot be found. {HELP}")
    return path


def is_debian() -> bool:
    """Whether this is Debian itself: what Ubuntu calls chromium is a snap, which containers cannot run."""
    release = Path("/etc/os-release")
    return release.is_file() and "ID=debian" in release.read_text("utf-8").splitlines()


def main() -> int:
    """Print the path of the Chromium, or one sentence about what is missing."""
    try:
        path = find()
        if path is None and "--install" in sys.argv[1:]:
            path = install()
        if path is None:
            raise ChromiumNotFoundError(f"No Chromium was found. {HELP}")  # noqa: TRY301 - one exit for all three
    except ChromiumNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
