"""Widgets with a comm that only records, and a run that trains in the background."""

import gc
import threading
import uuid
import warnings
from collections.abc import Callable

import comm
import pytest
import torch
from torch.nn import functional

import retune_widget as rt
from retune_widget.view import register

with warnings.catch_warnings():  # bqscales declares a trait in a way that traitlets has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot  # noqa: F401

PATIENCE = 20.0


class RecordingComm:
    """Keeps what was sent, and from which thread."""

    kernel = "truthy"
    said = threading.Condition()

    def __init__(self, **_options):
        self.comm_id = uuid.uuid4().hex
        self.messages = []
        self.threads = []
        self._reply_subshell_for = lambda _data, default: default

    def send(self, data=None, metadata=None, buffers=None):
        with self.said:
            self.messages.append(data)
            self.threads.append(threading.current_thread().name)
            self.said.notify_all()

    def close(self, *_args, **_options):
        pass

    on_msg = on_close = close

    def updates(self) -> list[dict]:
        return [message["state"] for message in self.messages if message["method"] == "update"]

    def answers(self) -> list[dict]:
        return [message["content"] for message in self.messages if message["method"] == "custom"]


@pytest.fixture(autouse=True)
def recording(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", RecordingComm)


def until(true: Callable[[], object], what: str = "") -> None:
    """Wait for something that comes with a message."""
    with RecordingComm.said:
        assert RecordingComm.said.wait_for(true, PATIENCE), f"it did not come to that: {what}"


class Gate:
    """A training step that can be held up."""

    def __init__(self):
        self.open, self.inside = threading.Event(), threading.Event()
        self.open.set()

    def pass_through(self):
        self.inside.set()
        self.open.wait(PATIENCE)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def run(gate):
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x.sum(1) > 0).long()
    model = torch.nn.Linear(4, 2)
    data = torch.utils.data.TensorDataset(x, y)

    def loss(output, target):
        gate.pass_through()
        return functional.cross_entropy(output, target)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    made = rt.Run(
        model,
        optimizer,
        data,
        loss_fn=loss,
        batch_size=8,
        val_data=data,
        metrics={"accuracy": accuracy},
        grad_norm=False,
        path=":memory:",
    )
    yield made
    gate.open.set()
    made.close()
    view = register._views.pop(made, None)
    if view is not None:
        view.close()
    gc.collect()


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean()


def open_page(view) -> None:
    """What a front end says when it shows the widget."""
    view.displayed()
    for part in view._parts:
        part.set_state({"_view_count": 1})


def close_page(view) -> None:
    for part in view._parts:
        part.set_state({"_view_count": 0})


@pytest.fixture
def view(run, monkeypatch):
    """The run's widget, on a page that is built at once."""
    monkeypatch.setattr("retune_widget.view.charts.OPENING", 0.0)
    monkeypatch.setattr("retune_widget.view.retired.PATIENCE", 0.0)
    made = run.view
    open_page(made)
    until(lambda: made.charts.bar.readout != "", "the first frame")
    return made


@pytest.fixture
def ask():
    """Play an intent from the browser and wait for its answer."""

    def play(part, **content) -> dict:
        request = uuid.uuid4().hex
        part._handle_custom_msg({"id": request, **content}, [])
        return answer_to(part, request)

    return play


def answer_to(part, request: str) -> dict:
    def found() -> list[dict]:
        return [answer for answer in part.comm.answers() if answer["id"] == request]

    until(found, f"an answer to {request}")
    (answer,) = found()
    return answer
