import subprocess

import pytest

from scripts import chromium


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without any browser."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "MACOS", tmp_path / "none")
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """The commands that an installation would run; each of them fails."""
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, returncode=1)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def program(path):
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_named_chromium_comes_first(bare, monkeypatch):
    program(bare / "chromium")
    named = program(bare / "another")
    monkeypatch.setenv("CHROMIUM", str(named))
    assert chromium.find() == named


def test_a_wrong_name_is_an_error_and_not_overlooked(bare, monkeypatch):
    program(bare / "chromium")
    monkeypatch.setenv("CHROMIUM", "nowhere")
    with pytest.raises(chromium.ChromiumNotFoundError, match="CHROMIUM is 'nowhere', which is no program"):
        chromium.find()


def test_chrome_will_do(bare):
    assert chromium.find() is None
    chrome = program(bare / "google-chrome")
    assert chromium.find() == chrome


@pytest.mark.parametrize(
    ("debian", "user", "expected"),
    [(True, 0, "apt-get update"), (True, 1000, "playwright install"), (False, 0, "playwright install")],
)
def test_a_failed_installation_says_what_to_do(bare, commands, monkeypatch, debian, user, expected):
    monkeypatch.setattr(chromium, "is_debian", lambda: debian)
    monkeypatch.setattr(chromium.os, "geteuid", lambda: user)
    with pytest.raises(chromium.ChromiumNotFoundError, match="set CHROMIUM to the path of one"):
        chromium.install()
    assert expected in " ".join(commands[0])
    assert len(commands) == 1


def test_the_command_ends_with_an_error_where_there_is_none(bare, monkeypatch, capsys):
    monkeypatch.setattr(chromium.sys, "argv", ["chromium"])
    assert chromium.main() == 1
    assert capsys.readouterr().err.startswith("No Chromium was found.")
