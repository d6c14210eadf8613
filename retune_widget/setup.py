"""From the arguments of `Run` to an engine and a helm: what was passed is checked, named and put in its place."""

import atexit
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn, optim

from retune_widget.engine.checks import whole
from retune_widget.engine.commands import SetSchedules
from retune_widget.engine.engine import Engine
from retune_widget.engine.evaluation import Metric, evaluation_over
from retune_widget.engine.feed import Feed, make_feed
from retune_widget.engine.fingerprint import fingerprint
from retune_widget.engine.length import Length
from retune_widget.engine.mark import mark
from retune_widget.engine.nan_guard import NonFiniteGuard
from retune_widget.engine.penalty import Penalize
from retune_widget.engine.smoothing import Loss, smoothed
from retune_widget.engine.snapshot import Snapshot
from retune_widget.engine.state import LiveState, Stateful
from retune_widget.engine.steps import Step, named, own_step, to_floats
from retune_widget.engine.supervised import NORM_EVERY, norm_interval, supervised_step
from retune_widget.helm import Helm
from retune_widget.policies.active import Active
from retune_widget.policies.guards import NaNGuard
from retune_widget.policies.policy import Policy
from retune_widget.policies.schedule import Schedule, not_a_schedule
from retune_widget.policies.schedules import from_record
from retune_widget.storage.places import describe
from retune_widget.storage.reopen import reopen
from retune_widget.storage.store import Store
from retune_widget.storage.writer import Writer
from retune_widget.tracking.history import History
from retune_widget.tracking.retention_settings import RetentionSettings
from retune_widget.tracking.tree import Tree

Models = nn.Module | Mapping[str, nn.Module]
Optimizers = optim.Optimizer | Mapping[str, optim.Optimizer]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The arguments of `Run` that make the engine; `Run` documents them."""

    model: Models
    optimizer: Optimizers
    data: Any
    loss_fn: Callable[[Any, Any], torch.Tensor] | None
    step: Callable[[Any], Any] | None
    batch_size: int | None
    val_data: Any
    metrics: Mapping[str, Metric] | None
    evaluate: Callable[[], Mapping[str, Any]] | None
    eval_every: int | None
    scheduler: Any
    scaler: Any
    modules: Mapping[str, Any] | None
    device: torch.device | str | None
    seed: int
    penalize: Penalize = "weights"
    grad_norm: bool | int = NORM_EVERY

    def engine(self) -> Engine:
        """Build the engine.

        Raises:
            TypeError: an argument is of a type that cannot be trained or captured.
            ValueError: arguments that contradict each other.
        """
        if type(self.seed) is not int:
            raise ValueError(f"seed must be a whole number, not {self.seed!r}.")
        models = _named("model", self.model, nn.Module)
        optimizers = _named("optimizer", self.optimizer, optim.Optimizer)
        self._check(models, optimizers)
        whole("batch_size", self.batch_size)
        device = torch.device(self.device) if self.device is not None else None
        if device is not None:
            for model in models.values():
                _check_device(model, device)
        live = LiveState(
            models | {name: part for name, part in (self.modules or {}).items() if isinstance(part, nn.Module)},
            optimizers,
            self._extras(),
            keep_gradients=self.loss_fn is None or self.step is not None,
            beside=frozenset(self.modules or {}),
        )
        loss_fn, measured = smoothed(self.loss_fn, live.settings) if self.loss_fn is not None else (None, None)
        every = norm_interval(self.grad_norm)
        guard = NonFiniteGuard(live.models, optimizers, lambda: mark(engine))
        engine = Engine(
            live,
            make_feed(self.data, self.batch_size, self.seed),
            self._step(models, loss_fn, device, live, guard, norm_at=lambda: bool(every) and engine.step % every == 0),
            seed=self.seed,
            evaluate=self._evaluation(models, measured, device),
            eval_every=whole("eval_every", self.eval_every),
            revive=from_record,
        )
        if loss_fn is not None and not any(isinstance(its, optim.LBFGS) for its in optimizers.values()):
            engine.accumulates()
        engine.nan_guard = guard
        return engine

    def measured(self) -> list[str] | None:
        """The metrics that the evaluation will give; None where only `evaluate` itself knows."""
        if self.evaluate is not None:
            return None
        names = [*(["loss"] if self.loss_fn is not None else []), *(self.metrics or {})]
        return [f"val/{name}" for name in dict.fromkeys(names)] if self.val_data is not None else []

    def _check(self, models: Mapping[str, Any], optimizers: Mapping[str, Any]) -> None:
        taken = [*models, *optimizers]
        for name in self.modules or {}:
            if name in models or name in {"scheduler", "scaler"}:
                raise ValueError(f"modules={{{name!r}: …}}: this name is taken; the names in use are {taken}.")
        functions = {"loss_fn": self.loss_fn, "step": self.step, "evaluate": self.evaluate, **(self.metrics or {})}
        for name, function in functions.items():
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be a function, not {function!r}.")
        if self.loss_fn is not None and self.step is not None:
            raise ValueError("Pass loss_fn= (the built-in step) or step= (your own), not both.")

    def _step(
        self,
        models: dict[str, nn.Module],
        loss_fn: Loss | None,
        device: torch.device | None,
        live: LiveState,
        guard: NonFiniteGuard,
        *,
        norm_at: Callable[[], bool],
    ) -> Step | None:
        if self.step is not None:
            return own_step(self.step)
        if loss_fn is None:
            return None
        if len(models) > 1 or len(live.optimizers) > 1:
            raise ValueError("loss_fn= trains one model with one optimizer. With several, pass your own step=.")
        if isinstance(self.scheduler, optim.lr_scheduler.ReduceLROnPlateau):
            raise ValueError(  # noqa: TRY004  # the type is fine, the combination is not
                "ReduceLROnPlateau needs a metric, which the built-in step does not give it: pass your own step=, or "
                "drive it in your own loop over run.batches()."
            )
        optimizer = next(iter(live.optimizers.values()))
        closure = isinstance(optimizer, optim.LBFGS)
        return supervised_step(
            next(iter(models.values())),
            optimizer,
            loss_fn,
            device=device,
            scheduler=self.scheduler,
            scaler=self.scaler,
            before_update=live.copies.before_update,
            check=guard.check_closure if closure else guard.check if self.scaler is None else guard.check_loss,
            settings=live.settings,
            penalize=self.penalize,
            norm_at=norm_at,
        )

    def _evaluation(
        self, models: dict[str, nn.Module], loss_fn: Loss | None, device: torch.device | None
    ) -> Callable[[], dict[str, Any]] | None:
        if self.evaluate is not None:
            evaluate = self.evaluate
            return lambda: named({k if "/" in k else f"val/{k}": v for k, v in evaluate().items()})
        if self.val_data is None:
            if self.eval_every is not None or self.metrics:
                raise ValueError("eval_every= and metrics= need val_data= to measure on (or your own evaluate=).")
            return None
        measured = ({"loss": loss_fn} if loss_fn is not None else {}) | dict(self.metrics or {})
        if len(models) > 1 or not measured:
            raise ValueError(
                "val_data= needs one model, and loss_fn= or metrics= to measure. Else pass evaluate=, a function that "
                "returns {'val/loss': …}."
            )
        (model,) = models.values()
        size = self.batch_size or getattr(self.data, "batch_size", None) or 256
        return evaluation_over(model, self.val_data, measured, device, size)

    def _extras(self) -> dict[str, object]:
        given = {"scheduler": self.scheduler, "scaler": self.scaler, **(self.modules or {})}
        extras = {n: e for n, e in given.items() if e is not None and not isinstance(e, nn.Module)}
        for name, extra in extras.items():
            if not isinstance(extra, Stateful | torch.Generator):
                raise TypeError(
                    f"{name} is a {type(extra).__name__} without state_dict and load_state_dict: it cannot be captured."
                )
        return extras


def _named(word: str, given: Any, kind: type) -> dict[str, Any]:
    """One object under the name of what it is, or a dict of them."""
    parts = dict(given) if isinstance(given, Mapping) and not isinstance(given, kind) else {word: given}
    if not parts:
        raise ValueError(f"{word} is an empty dict: there is nothing to train.")
    for name, part in parts.items():
        if not isinstance(part, kind):
            raise TypeError(f"{word} {name!r} must be a {kind.__module__}.{kind.__name__}, not {type(part).__name__}.")
        if not isinstance(name, str) or "/" in name or "." in name:
            raise ValueError(f"The {word}'s name {name!r} must be a word without '/' and '.'.")
    return parts


def _check_device(model: nn.Module, device: torch.device) -> None:
    for name, parameter in model.named_parameters():
        if str(device) not in {str(parameter.device), parameter.device.type}:
            raise ValueError(
                f"device={str(device)!r}, but the parameter {name!r} is on {str(parameter.device)!r}: move the model "
                "there before the optimizer is made."
            )


def check_length(epochs: int | None, max_steps: int | None, feed: Feed) -> None:
    """Look at the planned length.

    Raises:
        ValueError: it is no whole number, or epochs are given where the length of one is not known.
    """
    whole("epochs", epochs)
    whole("max_steps", max_steps)
    if epochs is not None and feed.steps_per_epoch is None:
        raise ValueError("epochs= needs data whose length is known. Pass max_steps= instead.")


def begin_schedules(engine: Engine, schedules: Mapping[str, Schedule] | None, length: Length) -> None:
    """Let schedules decide values from the first step on.

    Raises:
        ScheduleError, HyperparameterError, UnknownHyperparameterError: as `Run.schedule`.
    """
    for schedule in (schedules or {}).values():
        if not isinstance(schedule, Schedule):
            raise not_a_schedule(schedule)
    engine.apply(engine.claims.of(SetSchedules(schedules or {}, length.last_step(engine))))


def at_the_helm(
    engine: Engine,
    store: Store,
    writer: Writer,
    start: Snapshot,
    *,
    seed: int,
    settings: RetentionSettings,
    policies: Iterable[Policy] | None,
    resume: bool,
) -> Helm:
    """The helm of a new run that begins with `start`, or of the one that the store holds.

    Raises:
        StoreError, RestoreError: that run cannot be gone on with.
        PolicyError: one of the policies is none.
    """
    saved = reopen(store, to_floats) if resume else None
    tree, history = (saved.tree, saved.history) if saved else (Tree(), History(to_floats))
    helm = Helm(engine, tree, history, writer, settings)
    helm.policies = Active([NaNGuard()] if policies is None else policies)
    now = fingerprint(engine.live, engine.feed)
    if saved:
        helm.resume(saved, now)
    else:
        writer.save_info(describe(seed, now))
        helm.begin(start)
        for rule in helm.policies.entries:
            helm.begin_rule(rule)
    helm.watch()
    helm.take_mark()
    return helm


class Closable(Protocol):
    """Has `close`."""

    def close(self) -> None:
        """Let go of everything."""


def close_at_exit(run: Closable) -> None:
    """Close a run before the interpreter ends, if it is still there: no thread is cut off in the middle of a write.

    A fork of the process ends without: it has none of the threads, and the run goes on elsewhere.
    """
    reference, process = weakref.ref(run), os.getpid()

    def close() -> None:
        alive = reference()
        if alive is not None and os.getpid() == process:
            alive.close()

    atexit.register(close)
    weakref.finalize(run, atexit.unregister, close)
