"""Tensors as blobs named by their content, and the safetensors files that hold them."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from blake3 import blake3
from safetensors import SafetensorError, safe_open

from retune_widget.errors import StoreError
from retune_widget.storage.schema import FORMAT_VERSION

CODES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
}
"""The types that every safetensors release reads. Tensors of other types are kept as plain bytes."""


@dataclass(frozen=True, slots=True)
class BlobType:
    """What makes bytes a tensor: the name of a torch dtype (`float32`) and the shape."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, dtype: Any, shape: Any) -> "BlobType":
        """The type of these parts, which were read from somewhere.

        Raises:
            TypeError: they are none.
        """
        if not isinstance(dtype, str) or not isinstance(shape, list):
            raise TypeError(f"{dtype!r} of {shape!r} is no type of a tensor")
        if not all(type(length) is int and length >= 0 for length in shape):
            raise TypeError(f"{shape!r} is no shape of a tensor")
        return cls(dtype, tuple(shape))


@dataclass(frozen=True, slots=True)
class Blob:
    """A contiguous tensor on the CPU and its content key: the blake3 of type, shape and bytes, in hex."""

    key: str
    type: BlobType
    tensor: torch.Tensor

    @property
    def data(self) -> memoryview:
        """The tensor's bytes, not copied."""
        return self.tensor.reshape(-1).view(torch.uint8).numpy().data


def blob_of(tensor: torch.Tensor) -> Blob:
    """The blob of a tensor; copies it only if it is on another device or not contiguous."""
    dense = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    type_ = BlobType(str(dense.dtype).removeprefix("torch."), tuple(dense.shape))
    blob = Blob("", type_, dense)
    digest = blake3(f"{type_.dtype}{list(type_.shape)}\n".encode())
    digest.update(blob.data)
    return Blob(digest.hexdigest(), type_, dense)


def write_file(path: Path, blobs: Mapping[str, Blob], metadata: Mapping[str, str]) -> int:
    """Write a safetensors file so that it is either whole and durable under `path`, or not there.

    The library's own writer refuses tensors that share memory, and hides the errno of a full disk. The format
    is a length, a JSON header and the bytes.

    Returns:
        The file's size in bytes.

    Raises:
        OSError: it cannot be written. Nothing is left behind.
    """
    ordered = sorted(blobs.items(), key=lambda item: -item[1].tensor.element_size())  # keeps every tensor aligned
    header = _header(ordered, metadata)
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(len(header).to_bytes(8, "little"))
            file.write(header)
            for _, blob in ordered:
                file.write(blob.data)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(path)
        sync_directory(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size


def read_file(path: Path, types: Mapping[str, BlobType]) -> dict[str, torch.Tensor]:
    """The tensors of these keys.

    Raises:
        StoreError: the file is missing, damaged, or does not hold them.
    """
    try:
        with safe_open(path, framework="pt") as file:
            check_format(path, file.metadata() or {})
            return {key: _shaped(file.get_tensor(key), type_) for key, type_ in types.items()}
    except StoreError:
        raise
    except (SafetensorError, OSError, OverflowError, RuntimeError, ValueError) as error:
        message = f"The checkpoint file {path} cannot be read: {error}"
        raise StoreError(message) from error


def read_metadata(path: Path) -> dict[str, str]:
    """What `write_file` was given as metadata.

    Raises:
        StoreError: the file is missing, damaged, or newer.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError, OverflowError, RuntimeError, ValueError) as error:
        raise StoreError(f"The checkpoint file {path} cannot be read: {error}") from error
    check_format(path, metadata)
    return metadata


def sound_keys(path: Path, types: Mapping[str, BlobType]) -> tuple[set[str], set[str]]:
    """The keys in a file whose tensors have the content that their keys say, and those whose have not."""
    sound: set[str] = set()
    with safe_open(path, framework="pt") as file:
        keys = set(file.keys())
        for key in keys & set(types):
            with contextlib.suppress(SafetensorError, OverflowError, RuntimeError, ValueError):
                if blob_of(_shaped(file.get_tensor(key), types[key])).key == key:
                    sound.add(key)
    return sound, keys - sound


def check_format(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuse the file of a newer retune-widget.

    Raises:
        StoreError: it is one.
    """
    version = metadata.get("format", "").rpartition(" ")[2]
    if version.isdecimal() and int(version) > FORMAT_VERSION:
        raise StoreError(
            f"The checkpoint file {path} was written by a newer retune-widget: its format is {version}, and this "
            f"version reads up to {FORMAT_VERSION}. Upgrade with `pip install --upgrade retune-widget`."
        )


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Windows has no such call and does it by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header(blobs: Sequence[tuple[str, Blob]], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for key, blob in blobs:
        start, end = end, end + blob.tensor.nbytes
        code = CODES.get(blob.tensor.dtype)
        shape = list(blob.type.shape) if code else [blob.tensor.nbytes]
        entries[key] = {"dtype": code or "U8", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(entries).encode()
    return header + b" " * (-len(header) % 8)


def _shaped(stored: torch.Tensor, type_: BlobType) -> torch.Tensor:
    dtype = getattr(torch, type_.dtype, None)
    if not isinstance(dtype, torch.dtype):
        message = f"it names a tensor type that this torch does not have, {type_.dtype!r}"
        raise ValueError(message)  # noqa: TRY004  (what is wrong is the file, and its readers catch this)
    if dtype not in CODES:
        stored = stored.clone().view(dtype).reshape(type_.shape)
    if stored.dtype != dtype or tuple(stored.shape) != type_.shape:
        message = f"a tensor is {stored.dtype}{list(stored.shape)} and should be {dtype}{list(type_.shape)}"
        raise ValueError(message)
    return stored
