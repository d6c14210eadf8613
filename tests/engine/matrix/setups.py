"""What else decides how training goes on: each gives the arguments of `Run`."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from retune_widget import schedules
from tests.engine.laboratory import BATCH, Noisy, Odd, cross_entropy, network
from tests.engine.matrix.optimizers import OPTIMIZERS
from tests.engine.matrix.schedulers import CYCLING


class Counter:
    """Counts the batches since the last step of the optimizer."""

    def __init__(self):
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Typed(Noisy):
    """The same samples, of another type."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x.to(self.dtype), y


class Words(Noisy):
    """Whole numbers instead of features."""

    def __getitem__(self, index):
        return torch.randint(0, 10, (4,)), self.y[index]


def simple(optimizer, model=None, **more):
    """The built-in step over noisy data."""
    model = network() if model is None else model
    arguments = {"data": Noisy(), "batch_size": BATCH, "loss_fn": cross_entropy, **more}
    return {"model": model, "optimizer": optimizer(model.parameters()), **arguments}


def scheduled(optimizer, scheduler):
    """The built-in step, and a scheduler that it drives."""
    parts = simple(optimizer)
    return {**parts, "scheduler": scheduler(parts["optimizer"])}


def stepped(step, optimizer=OPTIMIZERS["SGD momentum"], model=None, **more):
    """A step of one's own: `step(parts)` makes it."""
    parts = simple(optimizer, model, **more)
    del parts["loss_fn"]
    parts["step"] = step(parts)
    return parts


def typed(name, dtype):
    return simple(OPTIMIZERS[name], network(dtype=dtype), data=Typed(dtype))


def plateau():
    def make(parts):
        optimizer = parts["optimizer"]
        scheduler = parts["scheduler"] = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1)

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(parts["model"](batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            scheduler.step(loss.item())
            return loss

        return step

    return stepped(make)


def accumulating(optimizer=OPTIMIZERS["Adam"], model=None, **more):
    """Three batches for one step: at 14 and at 8 gradients of two of them are in flight."""

    def make(parts):
        optimizer, counter = parts["optimizer"], Counter()
        parts["modules"] = {"counter": counter}

        def step(batch):
            loss = cross_entropy(parts["model"](batch[0]), batch[1])
            (loss / 3).backward()
            counter.count = (counter.count + 1) % 3
            if not counter.count:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        return step

    return stepped(make, optimizer, model, **more)


def averaged(*, use_buffers):
    def make(parts):
        model, optimizer = parts["model"], parts["optimizer"]
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=use_buffers)
        parts["modules"] = {"average": average}

        def step(batch):
            optimizer.zero_grad()
            with torch.no_grad():
                target = average(batch[0])
            loss = cross_entropy(model(batch[0]), batch[1]) + (model(batch[0]) - target).square().mean()
            loss.backward()
            optimizer.step()
            average.update_parameters(model)
            return loss

        return step

    return stepped(make)


def scaled():
    """Mixed precision in fp16; the scale begins so high that steps are skipped until it has come down."""

    def make(parts):
        model, optimizer = parts["model"], parts["optimizer"]
        scaler = parts["scaler"] = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=3)

        def step(batch):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = cross_entropy(model(batch[0]), batch[1])
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss

        return step

    return stepped(make)


def in_bfloat16():
    def make(parts):
        def step(batch):
            parts["optimizer"].zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = cross_entropy(parts["model"](batch[0]), batch[1])
            loss.backward()
            parts["optimizer"].step()
            return loss

        return step

    return stepped(make, OPTIMIZERS["AdamW"])


def clipped():
    def make(parts):
        def step(batch):
            parts["optimizer"].zero_grad()
            loss = cross_entropy(parts["model"](batch[0]), batch[1])
            loss.backward()
            norm = nn.utils.clip_grad_norm_(parts["model"].parameters(), 0.5)
            parts["optimizer"].step()
            return {"loss": loss, "norm": norm}

        return step

    return stepped(make)


def sparse(setup):
    torch.manual_seed(4)
    model = nn.EmbeddingBag(10, 3, sparse=True)
    return setup(lambda parameters: optim.SparseAdam(parameters, lr=0.01), model, data=Words())


def odd():
    torch.manual_seed(4)
    return simple(OPTIMIZERS["Adam"], Odd())


def half_frozen():
    """Frozen layers whose batch statistics and dropout are at work all the same."""
    model = network()
    model[0].requires_grad_(requires_grad=False)
    model[1].weight.requires_grad_(requires_grad=False)
    return simple(OPTIMIZERS["NAdam"], model)


def compiled():
    """The model in the wrapper of `torch.compile`; whole batches only, as each size is a graph of its own."""
    return simple(OPTIMIZERS["AdamW tensor lr"], torch.compile(network(), backend="aot_eager"), data=Noisy(32))


def governed(scheduler=None):
    """Schedules of ours, over a torch scheduler or nothing."""
    parts = simple(OPTIMIZERS["SGD momentum"])
    curves = {
        "lr": schedules.warmup(4, schedules.cosine(0.1, 0.01, 12)),
        "momentum": schedules.cyclic(0.5, 0.9, 3, 5),
        "weight_decay": schedules.step(0.1, every=5, factor=0.5),
    }
    return {**parts, "schedules": curves, "scheduler": scheduler and scheduler(parts["optimizer"])}


SETUPS = {
    "schedules of ours": governed,
    "schedules of ours over OneCycleLR": lambda: governed(CYCLING["OneCycleLR and momentum"]),
    **{
        f"{name} in {str(dtype).removeprefix('torch.')}": (lambda name=name, dtype=dtype: typed(name, dtype))
        for name in ("NAdam", "ASGD", "Adam", "SGD momentum")
        for dtype in (torch.bfloat16, torch.float64)
    },
    "Adam in float16: all becomes NaN": lambda: {**typed("Adam", torch.float16), "policies": []},
    "ReduceLROnPlateau": plateau,
    "gradients in flight": accumulating,
    "average of the weights": lambda: averaged(use_buffers=False),
    "average with buffers": lambda: averaged(use_buffers=True),
    "GradScaler in float16": scaled,
    "autocast in bfloat16": in_bfloat16,
    "SparseAdam": lambda: sparse(simple),
    "sparse gradients in flight": lambda: sparse(accumulating),
    "clipped gradients": clipped,
    "tied weights, buffers that are not persistent, generators": odd,
    "frozen layers": half_frozen,
    "compiled model": compiled,
}
