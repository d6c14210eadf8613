"""The copies of a snapshot. The large ones are made by a helper thread while training goes on.

Nothing but `optimizer.step` writes its parameters and state, so they may be copied during the forward and backward pass
of the next step; the optimizer waits for the rest. Other parameters (averages, targets) are copied at once. Whether a
model keeps to that is tried out first: at the first step after a snapshot that was copied at once, live tensors and
copies must still be equal when the optimizer is about to write. After that, torch's count of writes to each tensor and
a sample of each parameter (writes to `.data` are not counted) are compared with what they were at the boundary.

Source of the idea: DataStates-LLM, arXiv 2601.16956.
"""

import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from retune_widget.engine.leaves import Tensors, owned, same_bits
from retune_widget.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 64 * 1024
"""Bytes from which on a state is copied later."""

ARENAS = 2
"""Snapshots whose memory is used again. Touching new memory costs more than the copy."""

SAMPLED = 32
"""Elements of a parameter that are compared, at most."""


class Pair(NamedTuple):
    """A copy to be made.

    Attributes:
        copy, live: from where to where.
        writes: torch's count of writes to it at the boundary.
    """

    copy: Tensor
    live: Tensor
    writes: int

    def is_untouched(self) -> bool:
        """Whether nobody has written the live tensor, as far as torch counts it."""
        return self.live._version == self.writes  # noqa: SLF001


Pairs = list[Pair]


class Sampled(NamedTuple):
    """Some elements of the parameters of one type.

    Attributes:
        at: their places in the copies.
        live: what was there at the boundary, one after the other.
    """

    at: list[Tensor]
    live: Tensor


class Place:
    """Where one live tensor is copied to, snapshot after snapshot.

    Attributes:
        live: the tensor, detached: torch counts writes to both together.
        copy: one like it.
        some, copied: the elements of both that are compared.
    """

    __slots__ = ("_address", "_tensor", "copied", "copy", "live", "some")

    def __init__(self, tensor: Tensor, copy: Tensor | None) -> None:
        """`copy`: of the tensor that was copied here before; it is taken over if it is like this one."""
        self._tensor, self._address = tensor, tensor.data_ptr()
        self.live = live = tensor.detach()
        fits = copy is not None and _alike(copy, live)
        self.copy = copy if copy is not None and fits else torch.empty_like(live, memory_format=torch.preserve_format)
        self.some, self.copied = _some(live), _some(self.copy)

    def is_of(self, tensor: Tensor) -> bool:
        """Whether this is the tensor it was made for, in the memory that it had then."""
        return tensor is self._tensor and tensor.data_ptr() == self._address and _alike(self.live, tensor)


class Copying:
    """The large copies of one snapshot. Their memory is used again once nobody holds this."""

    def __init__(self, memory: list[Place]) -> None:
        """Nothing is copied yet; `memory` holds the copies of an earlier snapshot, or nothing."""
        self._memory, self._used = memory, 0
        self._whole: Future[bool] = Future()

    def place_for(self, tensor: Tensor) -> Place | None:
        """Where to copy this one; None if it is none that may be copied later."""
        at = self._used
        earlier = self._memory[at] if at < len(self._memory) else None
        if earlier is None or not earlier.is_of(tensor):
            if not _is_dense(tensor):
                return None
            earlier = Place(tensor, earlier.copy if earlier is not None else None)
            self._memory[at : at + 1] = [earlier]
        self._used += 1
        return earlier

    def make(self, pairs: Pairs, samples: Sequence[Sampled] = ()) -> None:
        """Copy. Whatever was written since the boundary was written too early."""
        try:
            if pairs:
                torch._foreach_copy_([pair.copy for pair in pairs], [pair.live for pair in pairs])
            untouched = all(pair.is_untouched() for pair in pairs)
            self._whole.set_result(untouched and all(same_bits(torch.cat(its.at), its.live) for its in samples))
        except BaseException as error:  # noqa: BLE001  # raised again where the copies are asked for
            self._whole.set_exception(error)

    def is_whole(self) -> bool:
        """Wait until all is copied; returns whether nothing was written meanwhile."""
        return self._whole.result()

    def wait(self) -> None:
        """Wait until all is copied.

        Raises:
            CaptureError: a tensor was written meanwhile.
        """
        if not self.is_whole():
            raise CaptureError(
                "This state is lost: the step wrote parameters before its optimizer did, while they were being copied. "
                "From now on everything is copied before a step begins."
            )


Asked: TypeAlias = "SimpleQueue[tuple[Copying, Pairs, Sequence[Sampled]] | None]"


class Collected(Tensors):
    """The tensors of one snapshot, by name."""

    def __init__(self, copying: Copying) -> None:
        """Nothing is collected yet."""
        super().__init__()
        self.copying = copying
        self.pairs: Pairs = []
        self._parameters: dict[torch.dtype, list[Place]] = {}
        self._later = False

    def own(self, tensor: Tensor) -> Tensor:
        """A copy: made at once, or where only the optimizer writes the tensor, a place that will hold it."""
        place = self.copying.place_for(tensor) if self._later else None
        if place is None:
            return owned(tensor)
        self.pairs.append(Pair(place.copy, place.live, tensor._version))  # noqa: SLF001  # torch's count of writes in place
        if type(tensor) is nn.Parameter:
            self._parameters.setdefault(tensor.dtype, []).append(place)
        return place.copy

    def samples(self) -> list[Sampled]:
        """Some elements of each parameter that is copied later: what is written to `.data` is not counted."""
        return [
            Sampled([place.copied for place in places], torch.cat([place.some for place in places]))
            for places in self._parameters.values()
        ]

    @contextmanager
    def written_by_the_optimizer_alone(self) -> Iterator[None]:
        """What is collected inside may be copied later."""
        self._later = True
        try:
            yield
        finally:
            self._later = False


class Copies:
    """Makes the copies of the snapshots of one run. One thread captures; any may wait.

    Attributes:
        pending: whether the next write to a live tensor has to be announced.
    """

    def __init__(self) -> None:
        """Nothing is known of the model yet: the first snapshot is copied at once."""
        self.pending = False
        self._lazily: bool | None = None
        self._trial: tuple[Copying, Pairs] | None = None
        self._current: Copying | None = None
        self._asked: Asked = SimpleQueue()
        self._end_helper: Callable[[], object] | None = None
        self._free: deque[list[Place]] = deque([] for _ in range(ARENAS))

    def collect(self) -> Collected:
        """The place for the tensors of a new snapshot."""
        self.wait()
        if not self._free:
            return Collected(Copying([]))
        memory = self._free.popleft()
        copying = Copying(memory)
        weakref.finalize(copying, self._free.append, memory).atexit = False
        return Collected(copying)

    def begin(self, collected: Collected) -> None:
        """Copy what is collected: now, or while training goes on."""
        copying, pairs = collected.copying, collected.pairs
        if self._lazily and sum(pair.copy.nbytes for pair in pairs) >= LARGE:
            self._current, self.pending = copying, True
            if self._end_helper is None:
                helper = threading.Thread(target=_help, args=(self._asked,), name="retune-copy", daemon=True)
                helper.start()
                self._end_helper = weakref.finalize(self, _end, self._asked, helper)
            self._asked.put((copying, pairs, collected.samples()))
        else:
            copying.make(pairs)
            if self._lazily is None:
                self._trial, self.pending = (copying, pairs), True

    def before_update(self) -> None:
        """An optimizer is about to write parameters and its state."""
        if not self.pending:
            return
        self.wait()
        if self._trial is not None:
            _, pairs = self._trial
            self._lazily = all(pair.is_untouched() and same_bits(pair.copy, pair.live) for pair in pairs)
        self._trial, self.pending = None, False

    def wait(self) -> None:
        """Wait until what is being copied is copied: somebody else may write the live tensors now."""
        current, self._current = self._current, None
        if current is not None and not current.is_whole():
            self._lazily = False

    def written(self) -> None:
        """Live tensors are about to be written by something else than an optimizer."""
        self.wait()
        self._trial, self.pending = None, False

    def close(self) -> None:
        """End the helper thread; from now on everything is copied at once."""
        self.written()
        self._lazily = False
        if self._end_helper is not None:
            self._end_helper()

    def unannounced(self) -> None:
        """A step is complete that `before_update` was not called in: try again whether it is."""
        self.written()
        if self._lazily:
            self._lazily = None


def _end(asked: Asked, helper: threading.Thread) -> None:
    """A daemon thread that came back from torch's code while the interpreter ends would abort the process."""
    asked.put(None)
    helper.join()


def _help(asked: Asked) -> None:
    while (work := asked.get()) is not None:
        copying, pairs, samples = work
        copying.make(pairs, samples)
        del work, copying, pairs, samples  # nothing is held while waiting


def _is_dense(tensor: Tensor) -> bool:
    return (
        tensor.is_cpu
        and type(tensor) in {Tensor, nn.Parameter}
        and (tensor.is_contiguous() or (tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)))  # noqa: PLR2004
        and tensor.numel() > 0
        and not (tensor.is_conj() or tensor.is_neg() or tensor.is_inference())
    )


def _alike(memory: Tensor, tensor: Tensor) -> bool:
    return memory.shape == tensor.shape and memory.dtype is tensor.dtype and memory.stride() == tensor.stride()


def _some(dense: Tensor) -> Tensor:
    """Some elements, evenly spaced in memory."""
    size = min(SAMPLED, dense.numel())
    return dense.as_strided((size,), (dense.numel() // size,))
