import pytest
import torch

from retune_widget.engine.feed import make_feed
from tests.engine.laboratory import seed_all


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def known_start():
    seed_all()


@pytest.fixture
def feeds():
    made = []

    def make(data, batch_size=None, seed=0):
        made.append(make_feed(data, batch_size, seed))
        return made[-1]

    yield make
    for feed in made:
        feed.close()
