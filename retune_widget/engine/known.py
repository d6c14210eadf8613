"""The hyperparameters beside the optimizer that have a name: what each means, and which values it takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from retune_widget.engine.hyperparameters import Hyperparameter, Kind, Scale, Section, Value, checked
from retune_widget.errors import HyperparameterError

HEADINGS: dict[Section, str] = {
    "data": "Data",
    "regularisation": "Regularisation",
    "gradients": "Gradients",
    "own": "own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a hyperparameter by its name.

    Attributes:
        low, high: the slider's ends.
        least, most: the values that are allowed; `most` itself is not where `below` is true.
        infinite_is_0: infinity is another way to write 0: off.
    """

    kind: Kind
    scale: Scale
    low: float
    high: float
    section: Section
    help: str
    takes_effect: str = "at the next step"
    least: float = -math.inf
    most: float = math.inf
    below: bool = False
    infinite_is_0: bool = False

    def check(self, key: str, value: object) -> Value:
        """`value` as it is stored.

        Raises:
            HyperparameterError: it is of another type, or not allowed.
        """
        if self.infinite_is_0 and isinstance(value, float) and value == math.inf:
            return 0.0
        number = checked(key, self.kind, value)
        if self.least <= number < self.most or (number == self.most and not self.below):
            return number
        if self.below:
            raise HyperparameterError(f"{key} must be at least {self.least:g} and below {self.most:g}: {number}.")
        if self.most < math.inf:
            raise HyperparameterError(f"{key} must be from {self.least:g} to {self.most:g}: {number}.")
        if self.least:
            raise HyperparameterError(f"{key} must be at least {self.least:g}: {number}.")
        raise HyperparameterError(f"{key} cannot be negative: {number}.")

    def hyperparameter(
        self, key: str, read: Callable[[], Value], write: Callable[[Any], None], **more: Any
    ) -> Hyperparameter:
        """The hyperparameter of this name; `more` are further fields of it."""
        most = math.nextafter(self.most, self.least) if self.below else self.most
        bounds = {"least": self.least, "most": most}
        fields: dict[str, Any] = {"section": self.section, "check": partial(self.check, key), **bounds, **more}
        heading = HEADINGS[self.section]
        return Hyperparameter(
            key, heading, self.kind, self.scale, self.low, self.high, self.help, self.takes_effect, None, read, write,
            **fields,
        )  # fmt: skip


KNOWN: dict[str, Known] = {
    "batch_size": Known(
        kind="int", scale="log", low=1, high=4096, section="data", least=1,
        help=(
            "Samples in a batch. Up: less noise in the gradient, fewer and longer steps an epoch, more memory; down: "
            "more noise, more steps. Choose it for speed and memory: it is no knob for validation performance, for any"
            " batch size gets there once lr, momentum and regularisation are tuned for it. Tune them again after a "
            "change."
        ),
    ),
    "accumulate": Known(
        kind="int", scale="log", low=1, high=64, section="data", least=1,
        help=(
            "Batches for one step of the optimizer: their gradients are averaged. Up: the gradient of a larger batch "
            "in the same memory, fewer steps an epoch; down: more and noisier steps, 1: every batch is one. The last "
            "step of an epoch takes what is left. Like the batch size it is no knob for validation performance: tune "
            "lr again after a change. Batch norm sees each batch by itself."
        ),
    ),
    "dropout": Known(
        kind="float", scale="linear", low=0.0, high=0.9, section="regularisation", least=0, most=1, below=True,
        help=(
            "The part of the activations that is dropped in training. Up: regularises more, learns slower, the "
            "training loss rises; down: fits the training data more closely. 0 switches it off."
        ),
    ),
    "l1": Known(
        kind="float", scale="log", low=0.0, high=0.1, section="regularisation", least=0,
        help=(
            "Adds l1 × the sum of |weights| to what is minimised. Up: more weights go to 0, the rest shrinks; down: "
            "fits more closely. 0 switches it off. train/loss stays the loss of the data, the penalty is "
            "train/penalty."
        ),
    ),
    "l2": Known(
        kind="float", scale="log", low=0.0, high=1.0, section="regularisation", least=0,
        help=(
            "Adds l2/2 × the sum of weights² to what is minimised. Up: smaller weights, regularises more; down: fits "
            "more closely. 0 switches it off. train/loss stays the loss of the data, the penalty is train/penalty. Its"
            " gradient is scaled by the optimizer like the rest; weight_decay is not where it is decoupled: AdamW, "
            "Muon, Adafactor, and Adam, NAdam and RAdam with decoupled_weight_decay. With those it is usually the "
            "better choice."
        ),
    ),
    "label_smoothing": Known(
        kind="float", scale="linear", low=0.0, high=0.5, section="regularisation", least=0, most=1,
        help=(
            "The part of each label that is spread over all classes. Up: less confident outputs, and a higher training"
            " loss by definition; down: sharper ones. 0 switches it off. val/loss keeps the smoothing that the loss "
            "began with, so that it stays comparable."
        ),
    ),
    "grad_clip": Known(
        kind="float", scale="log", low=0.0, high=100.0, section="gradients", least=0, infinite_is_0=True,
        help=(
            "The largest global norm of the gradient; a longer one is scaled down to it. Up: clips only outliers; "
            "down: clips more steps, steadier and slower, like a lower lr where it clips every one. 0 switches it off."
            " train/grad_norm is the norm before, train/clipped the part of the steps that were clipped. If more than "
            "half of them are, lower lr instead."
        ),
    ),
}  # fmt: skip
FROZEN = Known(
    kind="bool", scale="linear", low=0, high=1, section="gradients",
    help=(
            "On: the group's parameters get no gradient and stay as they are, the optimizer's state of them too; a "
            "step costs less. Off: they go on from there, with the momentum that they had."
        ),
)  # fmt: skip
