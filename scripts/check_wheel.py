"""Checks that a built wheel holds what an installed widget needs.

Run as `python -m scripts.check_wheel dist/*.whl`.
"""

import json
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def required() -> list[str]:
    """The files without which the package is not whole."""
    names = json.loads((ROOT / "package.json").read_text("utf-8"))["entryPoints"]
    static = [*(f"{name}.js" for name in names), "styles.css"]
    package = ["__init__.py", "py.typed", *(f"view/static/{name}" for name in static)]
    return [f"retune_widget/{name}" for name in package]


def problems(wheel: Path) -> list[str]:
    """What is missing from the wheel, empty in it, or does not belong there; one sentence each."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    found = [f"{name} is missing" for name in required() if name not in sizes]
    found += [f"{name} is empty" for name, size in sizes.items() if not size and "/static/" in name]
    if not any(name.endswith("/licenses/LICENSE") for name in sizes):
        found.append("the license is missing")
    ours = ("retune_widget/", "retune_widget-")
    found += [f"{name} does not belong there" for name in sizes if not name.startswith(ours)]
    return found


def main() -> int:
    """Check every wheel named on the command line."""
    wheels = [Path(name) for name in sys.argv[1:]]
    if not wheels:
        print("no wheel to check")
        return 1
    failed = False
    for wheel in wheels:
        found = problems(wheel)
        failed = failed or bool(found)
        print(f"{wheel.name}: {'; '.join(found) or f'whole, {wheel.stat().st_size / 1024:.0f} KiB'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
