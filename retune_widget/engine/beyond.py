"""Finds the hyperparameters beside the optimizer: of the data, the models, the built-in step, a step of one's own."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from retune_widget.engine import dropout, frozen
from retune_widget.engine.dataset_feed import DatasetFeed
from retune_widget.engine.discover import kind_of, range_around
from retune_widget.engine.feed import Feed
from retune_widget.engine.grouped_feed import GroupedFeed
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.known import KNOWN, Known
from retune_widget.engine.settings import Settings
from retune_widget.engine.state import LiveState
from retune_widget.errors import HyperparameterError

Found = dict[str, Hyperparameter]


def find(live: LiveState, feed: Callable[[], Feed]) -> Found:
    """All of them, by key.

    Args:
        live: the models, the optimizers and the settings.
        feed: gives the feed as it is.
    """
    settings = live.settings
    trained = {name: model for name, model in live.models.items() if name not in live.beside}
    return {
        **_batch_size(feed),
        **dropout.find(trained),
        **{key: _setting(settings, key) for key in (*settings.keys_built_in, *settings.keys_asked)},
        **frozen.find(live.optimizers, settings),
    }


def named(key: str, default: Value) -> Known:
    """What is known of a value that a step of the user's own asks for: by its name, else by its default.

    Raises:
        HyperparameterError: the default is no finite number.
    """
    if key in KNOWN:
        return KNOWN[key]
    kind = kind_of(default)
    if kind is None:
        raise HyperparameterError(f"{key} takes a number, not {default!r} ({type(default).__name__}).")
    scale, low, high = range_around(float(default), kind)
    return Known(kind=kind, scale=scale, low=low, high=high, section="own", help=key)


def _batch_size(feed: Callable[[], Feed]) -> Found:
    data = inner(feed())
    if not isinstance(data, DatasetFeed) or data.length == 1:
        return {}

    def put(size: int) -> None:
        now = feed()
        if isinstance(now, GroupedFeed):
            now.let_go()
        data.batch_size = size

    known = replace(KNOWN["batch_size"], most=data.length, high=data.length)
    return {"batch_size": known.hyperparameter("batch_size", lambda: data.batch_size, put)}


def _setting(settings: Settings, key: str) -> Hyperparameter:
    stamp = None if settings.is_elsewhere(key) else settings.stamp
    known = named(key, settings.read(key))
    return known.hyperparameter(key, partial(settings.read, key), partial(settings.write, key), stamp=stamp)


def grouped(feed: Feed, count: int) -> Feed:
    """The feed with `count` batches for each step."""
    if isinstance(feed, GroupedFeed):
        feed.let_go()
        feed = feed.inner
    return GroupedFeed(feed, count) if count > 1 else feed


def count_of(feed: Feed) -> int:
    """Batches for each step."""
    return feed.count if isinstance(feed, GroupedFeed) else 1


def group_size(feed: Feed) -> int:
    """Batches for the step at hand: fewer where the epoch ends."""
    return feed.size if isinstance(feed, GroupedFeed) else 1


def inner(feed: Feed) -> Feed:
    """The feed of single batches."""
    return feed.inner if isinstance(feed, GroupedFeed) else feed
