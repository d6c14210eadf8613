"""The build hook: puts the bundled front end into the wheel, the sdist and an editable install."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def outputs(root: Path) -> list[Path]:
    """The built files that the package needs, from the list that the bundler reads."""
    names = json.loads((root / "package.json").read_text("utf-8"))["entryPoints"]
    static = root / "retune_widget" / "view" / "static"
    return [*(static / f"{name}.js" for name in names), static / "styles.css"]


def is_fresh(root: Path) -> bool:
    """Whether every built file is there and none of its sources is newer."""
    built = outputs(root)
    if not all(path.is_file() for path in built):
        return False
    sources = [*(root / "js").rglob("*.ts"), *(root / "js").rglob("*.css"), root / "package.json"]
    return min(path.stat().st_mtime for path in built) >= max(path.stat().st_mtime for path in sources)


class FrontEndHook(BuildHookInterface[Any]):
    """Runs the bundler unless the built files are up to date, as they are in an sdist."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        """Build the front end.

        Raises:
            RuntimeError: npm is missing, or the bundler left a file out.
        """
        root = Path(self.root)
        if is_fresh(root):
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm was not found and the front end is not built: install Node.js 20.19 or newer.")
        if not (root / "node_modules" / "esbuild").is_dir():
            subprocess.run([npm, "ci"], cwd=root, check=True)
        subprocess.run([npm, "run", "build"], cwd=root, check=True)
        missing = [path.name for path in outputs(root) if not path.is_file()]
        if missing:
            raise RuntimeError(f"The bundler did not write {', '.join(missing)}.")
