import json
import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts import check_wheel, lab

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGE = json.loads((ROOT / "package.json").read_text("utf-8"))
STATIC = ROOT / "retune_widget" / "view" / "static"


def ours() -> list[Path]:
    """The files of the project: known to git, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text(path: Path) -> str:
    """A file as text; a picture is none."""
    return "" if path.suffix in {".png", ".gif", ".ico"} else path.read_text("utf-8")


def test_the_version_stands_in_one_place():
    assert "version" not in PACKAGE
    assert "version" not in PYPROJECT["project"].get("dynamic", [])
    assert version("retune-widget") == PYPROJECT["project"]["version"]


def test_jupyter_can_run_its_own_node_scripts_from_the_virtual_environment():
    # Node reads this package.json for every .js file below it, .venv included, and Jupyter's are CommonJS.
    assert "type" not in PACKAGE


def test_every_entry_point_has_a_source_and_is_built_and_shipped():
    names = PACKAGE["entryPoints"]
    assert set(names) == {"toolbar", "savedbar", "controls", "chartbar", "tree", "details", "tabs", "rules"}
    assert all((ROOT / "js" / f"{name}.ts").is_file() for name in names)
    built = {path.name for path in STATIC.iterdir()}
    assert built == {*(f"{name}.js" for name in names), "styles.css"}
    assert PYPROJECT["tool"]["hatch"]["build"]["artifacts"] == ["/retune_widget/view/static/"]


def test_the_bundles_fetch_nothing():
    for path in STATIC.iterdir():
        loads = re.findall(r"""(?:from|import\(|@import|url\()\s*["']?(?:https?:)?//[^"')]+""", text(path))
        assert loads == [], path.name


def test_the_built_front_end_is_not_in_git():
    tracked = subprocess.run(["git", "ls-files", STATIC], cwd=ROOT, check=True, capture_output=True, text=True)
    assert tracked.stdout == ""


def test_an_incomplete_wheel_is_refused(tmp_path):
    wheel = tmp_path / "retune_widget-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in check_wheel.required()[:-1]:
            archive.writestr(name, "" if name.endswith("tree.js") else "text")
        archive.writestr("tests/test_stray.py", "")
    assert sorted(check_wheel.problems(wheel)) == [
        "retune_widget/view/static/styles.css is missing",
        "retune_widget/view/static/tree.js is empty",
        "tests/test_stray.py does not belong there",
        "the license is missing",
    ]


@pytest.mark.parametrize(
    ("environment", "platform", "root", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", False, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", False, True),
        ({}, "linux", False, False),
        ({}, "darwin", False, True),
        ({"DISPLAY": ":0"}, "linux", True, False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False, False),
    ],
)
def test_lab_opens_a_window_only_where_there_can_be_one(environment, platform, root, expected):
    assert lab.has_browser(environment, platform, root=root) is expected


def test_lab_stays_on_this_machine_and_keeps_its_token():
    command = lab.arguments("notebooks/01_first_run.ipynb", root=True, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--allow-root" in command
    assert not [argument for argument in command if "token" in argument or "password" in argument]


# A path is what is written as code or as a link's target and has a folder or a known ending in it.
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`|\]\(([^)#:\s]+)\)")
ENDINGS = (".py", ".ts", ".mjs", ".md", ".toml", ".json", ".txt", ".ipynb", ".png", ".css", "/")
MADE = (".venv", "node_modules", "build", "dist", "retune_runs", "runs", "retune_widget/view/static")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_path_named_in_the_documents_exists(name):
    found = (first or second for first, second in PATH.findall((ROOT / name).read_text("utf-8")))
    paths = {path for path in found if path.endswith(ENDINGS)}
    missing = [path for path in paths if not path.startswith(MADE) and not (ROOT / path).exists()]
    assert missing == []


def test_nothing_of_one_machine_is_in_the_project():
    # Written in pieces so that this file does not find itself.
    home = re.compile("|".join(rf"(?<![\w.])/{name}/" for name in ("work", "root", "home", "Users", "opt", "tmp")))
    registry = re.compile(
        "|".join(name + r"\.(?:org|com|io)\b" for name in ("py" + "pi", "npm" + "js", "python" + "hosted"))
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in ours()
        for number, line in enumerate(text(path).splitlines(), 1)
        if home.search(line) or registry.search(line)
    ]
    assert found == []


def test_every_development_pin_is_exact():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+(; python_version >= '3\.\d+')?", pin) for pin in pins), pins
    assert "torch==2.13.0" in pins
