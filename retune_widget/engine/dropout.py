"""The dropouts of the models: all together, and each by its path."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from retune_widget.engine.fingerprint import compiled
from retune_widget.engine.hyperparameters import Hyperparameter, Value
from retune_widget.engine.known import KNOWN

_RECOMPILES = (
    "a compiled model makes one more graph for each new value, and goes on without compiling after "
    "torch._dynamo.config.recompile_limit of them"
)


def find(models: Mapping[str, nn.Module]) -> dict[str, Hyperparameter]:
    """`dropout` for all of them, and `features.3.p` for each; of one alone that is an alias.

    The key of each begins with the model's name where there are several.

    Args:
        models: those that are trained, by name.
    """
    modules: dict[str, Any] = {}
    for name, model in models.items():
        for path, module in model.named_modules():
            if isinstance(module, _DropoutNd) and isinstance(module.p, int | float):
                parts = [name] if len(models) > 1 else []
                parts += [part for part in path.split(".") if part and part != "_orig_mod"]
                modules[".".join([*parts, "p"])] = module
    if not modules:
        return {}
    dropouts = list(modules.values())
    notice = _RECOMPILES if any(True for _ in compiled(models.items())) else None
    more = {"review": lambda _values: notice, "stamp": lambda: [module.p for module in dropouts]}

    def put_all(p: Value) -> None:
        for module in dropouts:
            module.p = p

    if len(modules) == 1:
        (path,) = modules
        one = KNOWN["dropout"].hyperparameter("dropout", lambda: _one(dropouts), put_all, alias=path, **more)
        return {"dropout": one}
    found = {
        key: KNOWN["dropout"].hyperparameter(key, partial(getattr, module, "p"), partial(setattr, module, "p"), **more)
        for key, module in modules.items()
    }
    everything = KNOWN["dropout"].hyperparameter(
        "dropout", lambda: _one(dropouts), put_all, members=tuple(modules), **more
    )
    return {"dropout": everything, **found}


def _one(dropouts: list[Any]) -> Value:
    """Their p; the mean of it where they differ."""
    first: Value = dropouts[0].p
    if all(module.p == first for module in dropouts):
        return first
    mean: Value = sum(module.p for module in dropouts) / len(dropouts)
    return mean
