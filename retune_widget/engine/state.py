"""The live training state: every object that decides how training goes on, read and written in place.

`capture` is complete and `restore` writes into the same tensors: `load_state_dict` is never used for optimizers,
because it aliases the checkpoint's tensors and casts them to the parameter's type (docs/exactness.md).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn, optim

from retune_widget.engine import rng
from retune_widget.engine.pack import Tensors, owned, pack, unpack
from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import RestoreError

Json = dict[str, Any]


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
    ) -> None:
        """Name the parts.

        Args:
            models: their parameters, buffers and plain attributes are captured.
            optimizers: their state and param groups are captured, and parameters that no model holds.
            extras: objects with `state_dict`/`load_state_dict`, or `torch.Generator`s.
            keep_gradients: capture `.grad` too, for loops that may accumulate across step boundaries.
        """
        self.models = dict(models)
        self.optimizers = dict(optimizers)
        self.extras = dict(extras)
        self.keep_gradients = keep_gradients
        self.registered: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}

    def capture(self, cursor: Json) -> Snapshot:
        """A snapshot of everything. `cursor` (step, epoch, position in the data) goes in as it is.

        Raises:
            CaptureError: a part holds something that is neither data nor a tensor.
        """
        tensors: Tensors = {}
        for name, tensor in self._tensors():
            tensors[name] = owned(tensor)
        values: Json = {
            **cursor,
            "modules": {name: _attributes(module) for name, module in self._modules()},
            "requires_grad": {name: parameter.requires_grad for name, parameter in self._parameters()},
            "optimizers": {name: self._capture_optimizer(name, opt, tensors) for name, opt in self.optimizers.items()},
            "extras": {name: pack(_state_of(extra), f"extra/{name}", tensors) for name, extra in self.extras.items()},
            "registered": {key: pack(get(), f"value/{key}", tensors) for key, (get, _) in self.registered.items()},
        }
        values["gradients"] = self._capture_gradients(tensors) if self.keep_gradients else []
        values["rng"] = rng.capture(tensors)
        return Snapshot(tensors, values)

    def restore(self, snapshot: Snapshot) -> None:
        """Put the live objects back to a snapshot, in place; the random generators last.

        Raises:
            RestoreError: the model or the optimizer is not the one that was captured; nothing was changed.
        """
        self._check(snapshot)
        tensors, values = snapshot.tensors, snapshot.values
        with torch.no_grad():
            for name, tensor in self._tensors():
                tensor.copy_(tensors[name])
        for name, module in self._modules():
            vars(module).update(values["modules"][name])
        for name, parameter in self._parameters():
            parameter.requires_grad_(values["requires_grad"][name])
            gradient = tensors[f"grad/{name}"] if name in values["gradients"] else None
            parameter.grad = gradient.clone() if gradient is not None else None
        for name, optimizer in self.optimizers.items():
            self._restore_optimizer(optimizer, values["optimizers"][name], tensors)
        for name, extra in self.extras.items():
            _put_state(extra, unpack(values["extras"][name], tensors))
        for key, (_, put) in self.registered.items():
            if key in values["registered"]:
                put(unpack(values["registered"][key], tensors))
        rng.restore(values["rng"], tensors)

    def parameter_names(self) -> dict[Tensor, str]:
        """A name for every parameter, of the models and of the optimizers beyond them."""
        return {parameter: name for name, parameter in self._parameters()}

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        for model_name, model in self.models.items():
            for name, module in model.named_modules():
                yield f"{model_name}/{name}", module

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        seen: set[Tensor] = set()
        for model_name, model in self.models.items():
            for name, parameter in model.named_parameters():
                if parameter not in seen:
                    seen.add(parameter)
                    yield f"{model_name}/{name}", parameter
        for name, optimizer in self.optimizers.items():
            for g, group in enumerate(optimizer.param_groups):
                for p, parameter in enumerate(group["params"]):
                    if parameter not in seen:
                        seen.add(parameter)
                        yield f"{name}.param_groups[{g}]/{p}", parameter

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters():
            yield f"param/{name}", parameter
        for model_name, model in self.models.items():
            for name, buffer in model.named_buffers():
                yield f"buffer/{model_name}/{name}", buffer

    def _capture_gradients(self, tensors: Tensors) -> list[str]:
        names = []
        for name, parameter in self._parameters():
            if parameter.grad is not None:
                tensors[f"grad/{name}"] = owned(parameter.grad)
                names.append(name)
        return names

    def _capture_optimizer(self, name: str, optimizer: optim.Optimizer, tensors: Tensors) -> Json:
        names = self.parameter_names()
        groups = [
            {
                "params": [names[p] for p in group["params"]],
                "fields": {
                    field: pack(value, f"group/{name}/{index}/{field}", tensors)
                    for field, value in group.items()
                    if field != "params"
                },
            }
            for index, group in enumerate(optimizer.param_groups)
        ]
        state = {
            names[parameter]: {
                field: pack(value, f"optim/{name}/{names[parameter]}/{field}", tensors)
                for field, value in fields.items()
            }
            for parameter, fields in optimizer.state.items()
            if parameter in names
        }
        return {"groups": groups, "state": state}

    def _restore_optimizer(self, optimizer: optim.Optimizer, packed: Json, tensors: Tensors) -> None:
        parameters = {its: parameter for parameter, its in self.parameter_names().items()}
        groups = optimizer.param_groups
        del groups[len(packed["groups"]) :]
        for index, saved in enumerate(packed["groups"]):
            if index == len(groups):
                groups.append({})
            group = groups[index]
            fields = {field: unpack(value, tensors) for field, value in saved["fields"].items()}
            for field in set(group) - set(fields) - {"params"}:
                del group[field]
            group["params"] = [parameters[its] for its in saved["params"]]
            for field, value in fields.items():
                group[field] = _into(group.get(field), value)
        names = self.parameter_names()
        for parameter in [p for p in optimizer.state if names.get(p) not in packed["state"]]:
            del optimizer.state[parameter]
        for its, saved in packed["state"].items():
            live = optimizer.state[parameters[its]]
            for field in set(live) - set(saved):
                del live[field]
            for field, value in saved.items():
                live[field] = _into(live.get(field), unpack(value, tensors))

    def _check(self, snapshot: Snapshot) -> None:
        live = dict(self._tensors())
        saved = {n: t for n, t in snapshot.tensors.items() if n.startswith(("param/", "buffer/"))}
        for name in [*saved, *live]:
            if name not in live or name not in saved:
                where = "the checkpoint" if name in saved else "the live model"
                message = f"The model is not the one that was captured: {_plain(name)} is only in {where}."
                raise RestoreError(message)
            here, there = live[name], saved[name]
            if here.shape != there.shape or here.dtype != there.dtype:
                message = (
                    f"The model is not the one that was captured: {_plain(name)} is {_shape(here)} now and "
                    f"{_shape(there)} in the checkpoint. Build the model as it was, or choose another node."
                )
                raise RestoreError(message)
        missing = set(self.optimizers) ^ set(snapshot.values["optimizers"])
        if missing:
            message = f"The optimizers are not the ones that were captured: {', '.join(sorted(missing))} differs."
            raise RestoreError(message)


def _into(live: object, saved: object) -> object:
    """`saved`, written into the live tensor where it fits: compiled steps keep their graph."""
    if (
        isinstance(live, Tensor)
        and isinstance(saved, Tensor)
        and (live.shape, live.dtype) == (saved.shape, saved.dtype)
    ):
        with torch.no_grad():
            return live.copy_(saved)
    return saved


def _attributes(module: nn.Module) -> Json:
    """Plain numbers, switches and words kept on a module: `training`, a dropout's `p`, a counter of the user's."""
    return {key: value for key, value in vars(module).items() if type(value) in {bool, int, float, str}}


def _state_of(extra: object) -> object:
    if isinstance(extra, torch.Generator):
        return extra.get_state()
    assert isinstance(extra, Stateful)  # checked when it was passed
    return extra.state_dict()


def _put_state(extra: object, state: Any) -> None:
    if isinstance(extra, torch.Generator):
        extra.set_state(state)
    elif isinstance(extra, Stateful):
        extra.load_state_dict(state)


def _plain(name: str) -> str:
    kind, _, path = name.partition("/")
    return f"the {'parameter' if kind == 'param' else 'buffer'} {path.removeprefix('model/')!r}"


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
