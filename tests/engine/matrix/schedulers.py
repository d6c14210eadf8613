"""Every learning rate scheduler of torch, made for an optimizer."""

from functools import partial

from torch.optim import lr_scheduler as its
from torch.optim.swa_utils import SWALR


class Halving:
    """A function with state of its own, which the scheduler captures."""

    def __init__(self):
        self.calls = 0

    def __call__(self, at):
        self.calls += 1
        return 1 / (1 + 0.1 * at + 0.01 * (self.calls % 3))


def flat_in_the_middle(place):
    return min(1.0, 2 * place)


cyclic = partial(its.CyclicLR, base_lr=0.01, max_lr=0.2, step_size_up=5, cycle_momentum=False)

SCHEDULERS = {
    "StepLR": lambda o: its.StepLR(o, 5, 0.5),
    "MultiStepLR": lambda o: its.MultiStepLR(o, [3, 15, 18], 0.5),
    "ExponentialLR": lambda o: its.ExponentialLR(o, 0.95),
    "CosineAnnealingLR": lambda o: its.CosineAnnealingLR(o, 60),
    "CosineAnnealingWarmRestarts": lambda o: its.CosineAnnealingWarmRestarts(o, 6),
    "OneCycleLR": lambda o: its.OneCycleLR(o, 0.2, total_steps=60, cycle_momentum=False),
    "LambdaLR": lambda o: its.LambdaLR(o, lambda step: 0.97**step),
    "LambdaLR object": lambda o: its.LambdaLR(o, Halving()),
    "MultiplicativeLR": lambda o: its.MultiplicativeLR(o, lambda _step: 0.97),
    "MultiplicativeLR object": lambda o: its.MultiplicativeLR(o, Halving()),
    "PolynomialLR": lambda o: its.PolynomialLR(o, 40, 1.5),
    "LinearLR": lambda o: its.LinearLR(o, 0.1, total_iters=20),
    "ConstantLR": lambda o: its.ConstantLR(o, 0.1, total_iters=16),
    "CyclicLR": cyclic,
    "CyclicLR exp_range": partial(cyclic, mode="exp_range", gamma=0.99),
    "CyclicLR function": partial(cyclic, scale_fn=flat_in_the_middle),
    "CyclicLR object": lambda o: cyclic(o, scale_fn=Halving(), scale_mode="iterations"),
    "SWALR": lambda o: SWALR(o, 0.01, anneal_epochs=12),
    "ChainedScheduler": lambda o: its.ChainedScheduler([its.ConstantLR(o, 0.1, 4), its.ExponentialLR(o, 0.9)]),
    "SequentialLR": lambda o: its.SequentialLR(o, [its.ConstantLR(o, 0.1, 10), its.ExponentialLR(o, 0.9)], [10]),
}
"""By name; ReduceLROnPlateau, which wants a loss, is among the setups."""

CYCLING = {
    "CyclicLR and momentum": lambda o: its.CyclicLR(o, 0.01, 0.2, step_size_up=5, base_momentum=0.7),
    "OneCycleLR and momentum": lambda o: its.OneCycleLR(o, 0.2, total_steps=60),
}
"""These want an optimizer with momentum."""
