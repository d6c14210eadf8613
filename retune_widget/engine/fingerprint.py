"""What decides about bits and is no state: it has to be the same for a restore to be exact.

Which kernels an optimizer uses (`foreach`, `fused`) is in its param groups, and restored with them. NumPy's version is
not here: the stream of its global generator is frozen. Python's is: of `random`, `random()` alone stays the same from
version to version.
"""

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from retune_widget.engine.data_hash import data_hash, first_other_sample
from retune_widget.engine.feed import Feed
from retune_widget.engine.state import LiveState

Fingerprint = dict[str, Any]

SAMPLES = "samples of the data"


def fingerprint(live: LiveState, feed: Feed) -> Fingerprint:
    """The facts, by a name for people."""
    devices = {parameter.device for model in live.models.values() for parameter in model.parameters()}
    on_cuda = sorted(str(device) for device in devices if device.type == "cuda")
    return {
        "torch": torch.__version__,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "threads": torch.get_num_threads(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "devices": sorted(str(device) for device in devices),
        **_of_cuda(on_cuda),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "float32 matmul precision": torch.get_float32_matmul_precision(),
        "default dtype": str(torch.get_default_dtype()),
        "compiled": sorted(compiled(live.models.items())),
        "length of the data": feed.length,
        SAMPLES: data_hash(feed),
    }


def difference(then: Fingerprint, now: Fingerprint) -> str | None:
    """What differs, as a reason why the run is not exact from here on, or None."""
    others = [name for name in now if name in then and then[name] != now[name] and name != SAMPLES]
    facts = [f"{name} was {_said(then[name])} and is {_said(now[name])}" for name in others]
    sample = first_other_sample(then.get(SAMPLES) or (), now.get(SAMPLES) or ())
    if sample is not None and then.get("length of the data") == now["length of the data"]:
        facts.append(f"sample {sample:,} of the data is another one")
    return f"it was resumed under other conditions: {', '.join(facts)}" if facts else None


def _of_cuda(devices: Iterable[str]) -> Fingerprint:
    """What only a run on such devices depends on."""
    names = [torch.cuda.get_device_name(device) for device in devices]
    if not names:
        return {}
    backends = torch.backends
    return {
        "device names": names,
        "cudnn": [
            backends.cudnn.version(),  # type: ignore[no-untyped-call]
            backends.cudnn.deterministic,
            backends.cudnn.benchmark,
        ],
        "TF32": [backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32],
    }


def compiled(models: Iterable[tuple[str, nn.Module]]) -> Iterable[str]:
    """The modules that `torch.compile` wraps, or that were compiled in place: by rounding, their bits are others."""
    for name, model in models:
        for path, module in model.named_modules():
            state = vars(module)
            if "_torchdynamo_orig_callable" in state or state.get("_compiled_call_impl") is not None:
                yield f"{name}.{path}".rstrip(".")


def _said(value: Any) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list | tuple) else str(value)
