"""The live training state: every object that decides how training goes on, read and written in place.

`capture` is complete and `restore` writes into the same tensors: `load_state_dict` is never used for optimizers,
because it aliases the checkpoint's tensors and casts them to the parameter's type (docs/exactness.md).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn, optim

from retune_widget.engine import optimizer_state, rng
from retune_widget.engine.attributes import Attributes
from retune_widget.engine.copies import Copies
from retune_widget.engine.leaves import Tensors, owned
from retune_widget.engine.pack import pack, unpack, unpack_into, write
from retune_widget.engine.settings import Settings
from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import RestoreError

Json = dict[str, Any]
Access = tuple[Callable[[], Any], Callable[[Any], None]]
"""How a registered value is read, and put in force."""

_COMPILED = frozenset({"_super_module_initialized", "_torchdynamo_wrapper_id"})
"""What the wrapper of `torch.compile` keeps about itself: an address, which is another one in each process."""
MODULE_INTERNAL = frozenset(vars(nn.Module())) - {"training"} | _COMPILED
"""Attributes that torch keeps for itself: hooks, and the parameters and buffers, which have names of their own."""


@runtime_checkable
class Stateful(Protocol):
    """Anything with `state_dict` and `load_state_dict`: a scheduler, a scaler, an averaged model."""

    def state_dict(self) -> Any:
        """All of its state."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Take a state back."""


class LiveState:
    """Reads and writes everything a snapshot holds, except the position in the data (the feed's own)."""

    def __init__(
        self,
        models: Mapping[str, nn.Module],
        optimizers: Mapping[str, optim.Optimizer],
        extras: Mapping[str, object],
        *,
        keep_gradients: bool,
        beside: frozenset[str] = frozenset(),
    ) -> None:
        """Name the parts.

        Args:
            models: their parameters, buffers and plain attributes are captured.
            optimizers: their state and param groups are captured, and parameters that no model holds.
            extras: objects with `state_dict`/`load_state_dict`, or `torch.Generator`s.
            keep_gradients: capture `.grad` too: the loop may accumulate across step boundaries.
            beside: names of models that are captured and not trained (averages).
        """
        self.models = dict(models)
        self.optimizers = dict(optimizers)
        self.extras = dict(extras)
        self.keep_gradients = keep_gradients
        self.beside = beside
        self.settings = Settings()
        self.registered: dict[str, Access] = {}
        self.copies = Copies()
        self.to_come: dict[str, Any] = {}
        """Values from a checkpoint of an earlier process that are not registered in this one yet."""

    def capture(self, cursor: Json) -> Snapshot:
        """A snapshot of everything. `cursor` (step, epoch, position in the data) goes in as it is.

        Raises:
            CaptureError: a part holds something that is neither data nor a tensor.
        """
        parameters, buffers, tensors = dict(self._parameters()), dict(self._buffers()), self.copies.collect()
        names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
        trained = self._trained()
        with tensors.written_by_the_optimizer_alone():
            for name, parameter in parameters.items():
                tensors[f"param/{name}"] = tensors.own(parameter) if id(parameter) in trained else owned(parameter)
        tensors |= {name: owned(buffer) for name, buffer in buffers.items()}
        attributes = Attributes(tensors, [*parameters.values(), *buffers.values()])
        gradients = ((name, p.grad) for name, p in parameters.items()) if self.keep_gradients else ()
        values: Json = {
            **cursor,
            "modules": {
                name: attributes.capture(module, MODULE_INTERNAL, f"attribute/{name}")
                for name, module in self._modules()
            },
            "requires_grad": {name: parameter.requires_grad for name, parameter in parameters.items()},
            "gradients": {name: pack(grad, f"grad/{name}", tensors) for name, grad in gradients if grad is not None},
            "extras": {name: pack(_state_of(extra), f"extra/{name}", tensors) for name, extra in self.extras.items()},
            "registered": {
                key: pack(value, f"value/{key}", tensors)
                for key, value in [*self.to_come.items(), *((key, get()) for key, (get, _) in self.registered.items())]
            },
        }
        with tensors.written_by_the_optimizer_alone():
            values["optimizers"] = {
                name: optimizer_state.capture(optimizer, name, names, tensors, attributes)
                for name, optimizer in self.optimizers.items()
            }
        values["settings"] = self.settings.capture()
        values["other"] = attributes.other
        values["rng"] = rng.capture(tensors)
        self.copies.begin(tensors)
        return Snapshot(tensors, values, tensors.copying)

    def restore(self, snapshot: Snapshot, *, resuming: bool = False) -> None:
        """Put the live objects back to a snapshot, in place; the random generators last.

        Args:
            snapshot: the state.
            resuming: as for `check`.

        Raises:
            RestoreError: the model or the optimizer is not the one that was captured; nothing was changed.
        """
        self.check(snapshot, resuming=resuming)
        self.copies.written()
        tensors, values = snapshot.tensors, snapshot.values
        written: dict[int, Tensor] = {}
        attributes = Attributes(tensors, (tensor for _, tensor in self._tensors()), values["other"])
        for name, tensor in self._tensors():
            written[write(tensor, tensors[name]).data_ptr()] = tensors[name]
        for name, module in self._modules():
            attributes.restore(module, MODULE_INTERNAL, f"attribute/{name}", values["modules"][name])
        parameters = dict(self._parameters())
        for name, parameter in parameters.items():
            parameter.requires_grad_(values["requires_grad"][name])
            parameter.grad = unpack(values["gradients"].get(name), tensors)
        for name, optimizer in self.optimizers.items():
            its = values["optimizers"][name]
            optimizer_state.restore(
                optimizer, name, its, parameters, tensors=tensors, attributes=attributes, written=written
            )
        for name, extra in self.extras.items():
            _put_state(extra, values["extras"][name], tensors)
        registered = {key: unpack(packed, tensors) for key, packed in values["registered"].items()}
        for key, (_, put) in self.registered.items():
            if key in registered:
                put(registered.pop(key))
        self.to_come = registered
        self.settings.restore(values.get("settings", {}))
        rng.restore(values["rng"], tensors)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        for model_name, model in self.models.items():
            for name, module in model.named_modules():
                yield f"{model_name}/{name}", module

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        seen: set[int] = set()
        for model_name, model in self.models.items():
            for name, parameter in model.named_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{model_name}/{name}", parameter
        for name, optimizer in self.optimizers.items():
            for g, group in enumerate(optimizer.param_groups):
                for p, parameter in enumerate(group["params"]):
                    if id(parameter) not in seen:
                        seen.add(id(parameter))
                        yield f"{name}.param_groups[{g}]/{p}", parameter

    def _trained(self) -> set[int]:
        """The ids of the parameters that an optimizer has. Tensors hash by their ids, and slowly."""
        groups = (group for optimizer in self.optimizers.values() for group in optimizer.param_groups)
        return {id(parameter) for group in groups for parameter in group["params"]}

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters():
            yield f"param/{name}", parameter
        yield from self._buffers()

    def _buffers(self) -> Iterator[tuple[str, Tensor]]:
        for model_name, model in self.models.items():
            for name, buffer in model.named_buffers():
                yield f"buffer/{model_name}/{name}", buffer

    def check(self, snapshot: Snapshot, *, resuming: bool = False) -> None:
        """Compare names, shapes and types before anything is written.

        Args:
            snapshot: what is to be restored.
            resuming: registered values that are not known yet are left `to_come`.

        Raises:
            RestoreError: the model or the optimizer is not the one that was captured.
        """
        live = dict(self._tensors())
        saved = {n: t for n, t in snapshot.tensors.items() if n.startswith(("param/", "buffer/"))}
        for name in [*saved, *live]:
            if name not in live or name not in saved:
                where = "the checkpoint" if name in saved else "the live model"
                raise RestoreError(f"The model is not the one that was captured: {_plain(name)} is only in {where}.")
            here, there = live[name], saved[name]
            if here.shape != there.shape or here.dtype != there.dtype:
                raise RestoreError(
                    f"The model is not the one that was captured: {_plain(name)} is {_shape(here)} now and "
                    f"{_shape(there)} in the checkpoint. Build the model as it was, or choose another node."
                )
        self._check_parts(snapshot)
        unknown = sorted(set(snapshot.values["registered"]) - set(self.registered) - set(self.to_come))
        if unknown and not resuming:
            raise RestoreError(f"The checkpoint holds a value of {unknown[0]!r}: register it first (run.register).")

    def _check_parts(self, snapshot: Snapshot) -> None:
        values = snapshot.values
        parts: list[tuple[str, set[str]]] = [
            ("modules", {name for name, _ in self._modules()}),
            ("optimizers", set(self.optimizers)),
            ("extras", set(self.extras)),
        ]
        for word, live in parts:
            saved = set(values[word])
            if live != saved:
                name = min(live ^ saved)
                where = "live" if name in live else "in the checkpoint"
                what = {"modules": "model", "optimizers": "optimizer", "extras": "state beside the model"}[word]
                raise RestoreError(
                    f"The {what} is not the one that was captured: {name.removeprefix('model/')!r} is only {where}. "
                    "Build it as it was, or choose another node."
                )


def _state_of(extra: object) -> object:
    return extra.state_dict() if isinstance(extra, Stateful) else extra


def _put_state(extra: object, packed: Any, tensors: Tensors) -> None:
    if isinstance(extra, Stateful):
        extra.load_state_dict(unpack(packed, tensors))
    else:
        unpack_into(extra, packed, tensors)


def _plain(name: str) -> str:
    kind, _, path = name.partition("/")
    return f"the {'parameter' if kind == 'param' else 'buffer'} {path.removeprefix('model/')!r}"


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
