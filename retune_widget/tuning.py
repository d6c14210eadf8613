"""Values while it trains: set, scheduled, held, registered. The part of `Run` that tunes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from retune_widget.engine import commands
from retune_widget.engine.answer import Answer
from retune_widget.engine.checks import whole
from retune_widget.engine.engine import Engine
from retune_widget.engine.governors import Governed
from retune_widget.engine.hyperparameters import Hyperparameter, Scale, Value, own_hyperparameter
from retune_widget.engine.keys import in_group, unknown
from retune_widget.engine.runner import Runner
from retune_widget.engine.status import Status
from retune_widget.errors import StatusError
from retune_widget.helm import Helm
from retune_widget.policies.schedule import Schedule, not_a_schedule
from retune_widget.tracking.changes import Change

if TYPE_CHECKING:
    import pandas as pd


class Tuning:
    """Tunes a run through its runner."""

    def __init__(self, engine: Engine, helm: Helm, runner: Runner) -> None:
        """Nothing is asked yet."""
        self._engine, self._helm, self._runner = engine, helm, runner

    def set(
        self, values: Mapping[str, Any] | None = None, /, *, group: str | None = None, note: str = "", **more: Any
    ) -> Change | Answer[Change]:
        """Change hyperparameters at the next step boundary; the state from before becomes a node.

        Args:
            values: by key, for keys that are no Python names: `{"head.lr": 1e-3, "betas[0]": 0.8}`.
            group: the param group that all keys are in; `"*"`: every group that has them.
            note: the reason, in your words.
            more: values by key: `lr=1e-3`, `betas=(0.8, 0.99)`.

        Returns:
            The acknowledged change, with the step from which it is used.

        Raises:
            UnknownHyperparameterError: a key names nothing, or several things.
            HyperparameterError: a value is refused, or would be ignored. Nothing was changed.
        """
        asked = {**(values or {}), **more}
        if group is not None:
            asked = in_group(self.hyperparameters, asked, group)
        result: Change | Answer[Change] = self._runner.call(commands.SetHyperparameters(asked, note=note))
        return result

    def schedule(
        self, key: str, schedule: Schedule | None, *, group: str | None = None, note: str = ""
    ) -> Change | Answer[Change]:
        """Let a schedule decide a value from the next step on, which is its step 0; the state from before is a node.

        Whole numbers are rounded. `run.set` then scales it: `run.governed` says by how much.

        Args:
            key: of the hyperparameter.
            schedule: of `retune_widget.schedules`; None: none any more. The value stays as it is, or goes back to the
                torch scheduler that drives it.
            group: as for `set`.
            note: the reason, in your words.

        Raises:
            UnknownHyperparameterError: the key names nothing, or several things.
            HyperparameterError: a value that the schedule takes in the planned steps would be refused.
            ScheduleError: it is no schedule.
        """
        if schedule is not None and not isinstance(schedule, Schedule):
            raise not_a_schedule(schedule)
        asked = dict.fromkeys(self._keys(key, group), schedule)
        result: Change | Answer[Change] = self._runner.call(
            commands.SetSchedules(asked, self._runner.length.last_step(self._engine), note=note)
        )
        return result

    def hold(
        self, key: str, value: Value | None = None, *, group: str | None = None, note: str = ""
    ) -> Change | Answer[Change]:
        """Hold a value against the schedule or torch scheduler that governs it: the one in force, or another.

        Raises:
            UnknownHyperparameterError: the key names nothing, or several things.
            HyperparameterError: nothing governs it; or the value is refused.
        """
        asked = dict.fromkeys(self._keys(key, group), value)
        result: Change | Answer[Change] = self._runner.call(commands.Hold(asked, note=note))
        return result

    def release(self, key: str, *, group: str | None = None, note: str = "") -> Change | Answer[Change]:
        """Let the schedule or torch scheduler decide again: neither held nor scaled.

        Raises:
            UnknownHyperparameterError: the key names nothing, or several things.
            HyperparameterError: nothing governs it.
        """
        result: Change | Answer[Change] = self._runner.call(commands.Release(self._keys(key, group), note=note))
        return result

    @property
    def governed(self) -> Mapping[str, Governed]:
        """By key, who decides the values that a schedule or a torch scheduler governs."""
        return MappingProxyType(self._engine.governors.governed())

    def preview(self, key: str, steps: int) -> list[Value]:
        """The values of the next steps, if nothing is changed. A scheduler that follows a metric stays where it is.

        Fewer where a torch scheduler has an end, as OneCycleLR has.

        Raises:
            UnknownHyperparameterError: the key names nothing, or several things.
        """
        whole("steps", steps)
        if key not in self.hyperparameters:
            raise unknown(list(self.hyperparameters), key)
        return self._engine.governors.preview(key, steps)

    def probe_batch_size(
        self, limit: int = 1024, *, start: int = 8, seconds: float = 1.0
    ) -> "pd.DataFrame | Answer[pd.DataFrame]":
        """Measure how fast the run trains by batch size: some steps with each power of two, up to a limit.

        They are trained beside the run, which is afterwards what it was, bit for bit. It ends early where memory runs
        out on a device; on a CPU the system may end the process instead, so raise the limit with care there.

        Args:
            limit: the largest size. Never more than the number of samples.
            start: the smallest one.
            seconds: about how long each size is timed.

        Returns:
            `batch_size, samples_per_second, seconds_per_step, fits, saturated`: saturated where a larger size gives
            less than a tenth more samples a second.

        Raises:
            StatusError: the run is trained by a loop of your own, or the data comes in batches already; or somebody
                asked to pause, to stop or to close meanwhile.
            ValueError: there is no power of two from `start` to `limit`.
        """
        whole("limit", limit)
        whole("start", start)
        if not 0 < seconds < float("inf"):
            raise ValueError(f"seconds must be a number above 0, not {seconds!r}.")
        asked = commands.ProbeBatchSize(start, limit, seconds)
        result: pd.DataFrame | Answer[pd.DataFrame] = self._runner.call(asked)
        return result

    def _keys(self, key: str, group: str | None) -> list[str]:
        return [key] if group is None else list(in_group(self.hyperparameters, {key: None}, group))

    @property
    def hyperparameters(self) -> Mapping[str, Hyperparameter]:
        """Everything that can be tuned live, by key."""
        return MappingProxyType(self._engine.hyperparameters)

    def register(
        self,
        key: str,
        get: Callable[[], Value],
        set: Callable[[Any], None],  # noqa: A002  # the pair get, set
        *,
        low: float = 0.0,
        high: float = 1.0,
        scale: Scale = "linear",
        help: str = "",  # noqa: A002
    ) -> None:
        """Tune anything else live. Its value is part of every checkpoint.

        Args:
            key: its name.
            get: reads the value.
            set: puts a value in force.
            low: the lowest value that is allowed.
            high: the highest.
            scale: how a slider moves: "linear", "log", or "one_minus_log".
            help: what going up and down does.

        Raises:
            StatusError: the run is training.
            HyperparameterError: its value now is no finite number, or out of bounds; the key is taken.
        """
        if self._runner.status is Status.RUNNING:
            raise StatusError("register() changes what a checkpoint holds: call it before start(), or while paused.")
        awaited = key in self._engine.live.to_come
        self._engine.register(own_hyperparameter(key, get, set, low=low, high=high, scale=scale, text=help))
        if awaited:
            self._helm.know(key)

    def value(self, key: str, default: Value) -> Value:
        """The value in force, in a step or loop of your own: `loss + run.value("l1", 0.0) * norm`.

        From the first time that a step reads it, it is a hyperparameter like the others, with `default` as its first
        value. `l1`, `l2`, `dropout`, `grad_clip`, `label_smoothing` and `accumulate` have the bounds, scale and help of
        the built-in ones. Outside of a step it only reads.

        Raises:
            HyperparameterError: the default is not a value that it may have.
        """
        engine = self._engine
        if self._runner.loop.in_step or engine.replaying:
            return engine.value(key, default)
        return engine.hyperparameters[key].value if key in engine.hyperparameters else default
