import threading
import time

import pytest

from retune_widget.view.pump import LONGEST, SHARE, SHORTEST, Pump
from tests.view.conftest import PATIENCE


class Drawer:
    """Counts frames; `cost` burns processor time in each."""

    def __init__(self, cost=0.0, error=None):
        self.cost, self.error = cost, error
        self.frames, self.kinds, self.names = [], [], []
        self.drawn = threading.Condition()
        self.watched = True
        self.ended = threading.Event()
        self.pump = Pump(self.draw, lambda: self.watched, self.ended.set)

    def draw(self, charts):
        end = time.thread_time() + self.cost
        while time.thread_time() < end:
            pass
        with self.drawn:
            self.frames.append(time.monotonic())
            self.kinds.append(charts)
            self.names.append(threading.current_thread().name)
            self.drawn.notify_all()
        if self.error is not None:
            raise self.error
        return True

    def wait(self, frames):
        with self.drawn:
            assert self.drawn.wait_for(lambda: len(self.frames) >= frames, PATIENCE)


@pytest.fixture
def drawer():
    made = Drawer()
    yield made
    made.pump.end()
    made.pump.join()


def test_nothing_runs_before_the_first_post(drawer):
    assert drawer.pump._thread is None
    drawer.pump.end()
    drawer.pump.join()
    assert drawer.ended.is_set()
    assert drawer.frames == []


def test_frames_are_a_tenth_of_a_second_apart_and_in_one_thread(drawer):
    drawer.pump.post()
    drawer.wait(4)
    assert all(
        later - earlier >= SHORTEST * 0.95 for earlier, later in zip(drawer.frames, drawer.frames[1:], strict=False)
    )
    assert set(drawer.names) == {"retune-pump"}


def test_nothing_is_drawn_while_nobody_looks(drawer):
    drawer.watched = False
    done = threading.Event()
    drawer.pump.post(done.set)
    assert done.wait(PATIENCE)
    assert drawer.frames == []


def test_an_answer_comes_at_once_and_after_its_frame(drawer):
    drawer.pump.interval = LONGEST
    drawer.watched = False
    order = []
    answered = threading.Event()
    began = time.monotonic()
    drawer.pump.post(
        lambda: order.append("job"),
        frame="light",
        then=lambda: (order.append(f"frames {len(drawer.frames)}"), answered.set()),
    )
    assert answered.wait(PATIENCE)
    assert time.monotonic() - began < 1
    assert order == ["job", "frames 1"]
    assert drawer.kinds == [False]


def test_dear_frames_come_less_often():
    drawer = Drawer(cost=0.01)
    drawer.pump.post()
    drawer.wait(3)
    drawer.pump.end()
    drawer.pump.join()
    assert drawer.pump.interval >= 0.9 * 0.01 / SHARE


def test_an_error_is_kept_and_logged_once_and_drawing_goes_on(caplog):
    drawer = Drawer(error=ValueError("no such colour"))
    drawer.pump.post()
    drawer.wait(3)
    drawer.pump.end()
    drawer.pump.join()
    assert str(drawer.pump.error) == "no such colour"
    assert len(caplog.records) == 1


def test_jobs_that_fail_leave_the_others_alone(drawer):
    done = threading.Event()
    drawer.pump.post(lambda: 1 / 0)
    drawer.pump.post(done.set)
    assert done.wait(PATIENCE)
    assert isinstance(drawer.pump.error, ZeroDivisionError)


def test_the_end_is_called_once_in_the_pumps_thread():
    drawer = Drawer()
    drawer.pump.post()
    drawer.wait(1)
    drawer.pump.end()
    drawer.pump.end()
    drawer.pump.join()
    assert drawer.ended.is_set()
    frames = len(drawer.frames)
    drawer.pump.post(frame="full")
    assert len(drawer.frames) == frames
