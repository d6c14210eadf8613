"""A JupyterLab of the tests' own: fresh configuration, its own token and port, this machine only."""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import IO

SETTINGS = {
    # The news pop-up covers a corner and takes clicks.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Every cell stays in the page, also outside the visible part.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
EXPOSED = {name: {"expose_app_in_browser": True} for name in ("LabApp", "JupyterNotebookApp")}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class JupyterServer:
    """Serves JupyterLab and Notebook 7 from one process; starts when made.

    Attributes:
        notebooks: The folder that the server shows.
        log: Everything the server wrote.
    """

    def __init__(self, root: Path) -> None:
        self.notebooks = root / "notebooks"
        self.notebooks.mkdir()
        self.runtime = root / "runtime"
        self.log = root / "server.log"
        self.token = secrets.token_hex(16)
        self.address = f"http://127.0.0.1:{free_port()}"
        config = root / "config"
        config.mkdir()
        (config / "jupyter_server_config.json").write_text(json.dumps(EXPOSED))
        for name, settings in SETTINGS.items():
            path = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))
        environment = {name: value for name, value in os.environ.items() if name != "ANYWIDGET_HMR"} | {
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
            "IPYTHONDIR": str(root / "ipython"),
            "OMP_NUM_THREADS": "1",
        }
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
        ]
        command += [f"--ServerApp.port={self.address.rsplit(':', 1)[1]}", "--ServerApp.port_retries=0"]
        command += [f"--ServerApp.root_dir={self.notebooks}"]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._started = threading.Event()
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        if not self._started.wait(60) or self.process.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text('utf-8')}")

    def _read(self, stream: IO[str]) -> None:
        with self.log.open("w", encoding="utf-8", buffering=1) as log:
            for line in stream:
                log.write(line)
                if " is running at:" in line:
                    self._started.set()
        self._started.set()  # it ended; the constructor sees that and says why

    def api(self, path: str, method: str = "GET") -> list[dict]:
        """Ask the server's REST interface; an empty answer is an empty list."""
        request = urllib.request.Request(f"{self.address}/api/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"[]")

    def end_sessions(self, *names: str) -> None:
        """Shut the kernels of these notebooks down, without names all: one outlives the page that used it."""
        for session in self.api("sessions"):
            if not names or session["path"] in names:
                self.api(f"sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End the server and its kernels."""
        self.end_sessions()
        self.process.terminate()
        self.process.wait(20)
        self._reader.join(20)
        self.process.stderr.close()
