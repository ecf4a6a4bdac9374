"""The data-only tensor file: safetensors, with a JSON document in its metadata.

Reading a file never runs code, and any safetensors tool can read it too. The metadata holds a
SHA-256 of everything, because safetensors itself does not notice a flipped bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cifarkit.errors import CheckpointError
from cifarkit.storage.atomic import atomic_path

__all__ = ["LARGEST", "load_tensors", "save_tensors"]

LARGEST = 64 * 2**30  # bytes
MOST_NAMES = 32 * 2**20  # bytes of the header in a stranger's file; read, it takes 25 times more
PIECE = 8 * 2**20  # bytes hashed at a time, so that all cores can help with a large tensor
SMALL = 2**20  # bytes below which a thread costs more than it helps


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], document: Mapping[str, Any] | None = None
) -> None:
    """Write named tensors and a JSON document, atomically.

    Raises:
        OSError: the file cannot be written; an older one is not changed.
    """
    # Types with more bytes come first, so that each tensor begins at a multiple of its type's size.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name.encode()))
    contents = {name: tensors[name].detach().cpu().contiguous() for name in names}
    text = json.dumps(document or {})
    with atomic_path(path) as temporary, temporary.open("wb") as file:

        def write() -> None:
            for tensor in contents.values():
                file.write(_bytes(tensor))

        file.seek(len(_header(contents, text, "0" * 64)))
        checksum = _checksum(contents, text, meanwhile=write)
        file.seek(0)
        file.write(_header(contents, text, checksum))


def load_tensors(path: Path, largest: int = LARGEST) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote: the tensors and the document.

    Args:
        path: the path of the file.
        largest: how many bytes it may have. With a limit, its header has one, too.

    Raises:
        CheckpointError: the file is larger, or is not a whole tensor file.
        FileNotFoundError: there is no such file.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_file() and path.stat().st_size > largest:  # a sparse file costs nothing to make
        raise CheckpointError(
            f"{path} has {path.stat().st_size:,} bytes; allowed are {largest:,}. Put the right "
            "file there"
        )
    try:
        if largest < LARGEST and (length := _header_length(path)) > MOST_NAMES:
            raise ValueError(f"its header has {length:,} bytes; allowed are {MOST_NAMES:,}")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata.get("cifarkit", "{}")
        # A file of another tool has neither a document nor a checksum.
        is_ours = not metadata.keys().isdisjoint({"cifarkit", "sha256"})
        if is_ours and metadata.get("sha256") != _checksum(tensors, text):
            raise ValueError("its checksum does not fit its contents")
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("its document is not a JSON object")
        return tensors, document
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        if _is_pickle(path):
            raise CheckpointError(
                f"{path} is a pickle, as torch.save writes it. It is not read, because that may "
                "run code. If you trust it to hold weights: ck.import_weights(path)"
            ) from error
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}). "
            "If you have another copy, put it there; otherwise delete this one and make it again"
        ) from error


def _header(contents: Mapping[str, Tensor], text: str, checksum: str) -> bytes:
    """Return the first bytes of a file, see https://huggingface.co/docs/safetensors/index#format.

    The library's own writer copies all tensors, refuses those that share memory, and shuffles the
    metadata. Here the same contents always give the same bytes.
    """
    entries: dict[str, Any] = {"__metadata__": {"cifarkit": text, "sha256": checksum}}
    end = 0
    for name, tensor in contents.items():
        begin, end = end, end + tensor.nbytes
        shape, offsets = list(tensor.shape), [begin, end]
        entries[name] = {"dtype": _type(tensor.dtype), "shape": shape, "data_offsets": offsets}
    header = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the tensors begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header


@cache
def _type(dtype: torch.dtype) -> str:
    """Return the name of a type in the format; the library refuses unknown types."""
    from safetensors.torch import save

    content = save({"x": torch.zeros(1, dtype=dtype, device="cpu")})
    name: str = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["x"]["dtype"]
    return name


def _bytes(tensor: Tensor) -> memoryview:
    content: memoryview = tensor.reshape(-1).view(torch.uint8).numpy().data
    return content


def _header_length(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(9)
    # torch's archive, or a bare pickle; the header length before the brace may look like one.
    return begin.startswith((b"PK", b"\x80")) and begin[8:] != b"{"


def _checksum(
    tensors: Mapping[str, Tensor], text: str, meanwhile: Callable[[], None] = lambda: None
) -> str:
    total, parts = hashlib.sha256(text.encode()), []
    with ThreadPoolExecutor() as pool:  # hashlib lets other threads work meanwhile
        for name, tensor in sorted(tensors.items()):
            label, content = repr((name, tensor.dtype, tuple(tensor.shape))), _bytes(tensor)
            pieces = [content[at : at + PIECE] for at in range(0, len(content), PIECE)]
            hashed = map if len(content) < SMALL else pool.map
            parts.append((label, hashed(hashlib.sha256, pieces)))
        meanwhile()
        for label, hashes in parts:
            total.update(label.encode())
            for piece in hashes:
                total.update(piece.digest())
    return total.hexdigest()
