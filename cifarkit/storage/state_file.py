"""Nested dicts, lists, numbers and tensors in one tensor file.

Each tensor has its path as its name (`optimizer/state/0/exp_avg`), which any safetensors tool
shows. Everything else is in the file's JSON document.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from cifarkit.errors import CheckpointError
from cifarkit.storage.tensor_file import LARGEST, load_tensors, save_tensors

__all__ = ["load_state", "save_state"]

# A value that JSON does not have is written as an object with one of these keys.
TENSOR, TUPLE, DICT = "$tensor", "$tuple", "$dict"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a nested state atomically.

    Raises:
        CheckpointError: a value is neither a tensor nor of a JSON type, or its name cannot stand in
            a file; the message says where. Nothing is written.
        OSError: the file cannot be written; an older one is not changed.
    """
    tensors: dict[str, Tensor] = {}
    document = _packed(state, "", tensors)
    try:
        save_tensors(path, tensors, document)
    except UnicodeEncodeError as error:
        raise CheckpointError(
            f"a tensor at {error.object!r} cannot be saved; its name must be text that UTF-8 can "
            "write, without half of a surrogate pair"
        ) from error


def load_state(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Read what `save_state` wrote: the same types, the same bits.

    Args:
        path: the path of the file.
        largest: how many bytes it may have.

    Raises:
        CheckpointError: the file is larger, is not a whole tensor file, or holds no state.
        FileNotFoundError: there is no such file.
    """
    tensors, document = load_tensors(path, largest)
    if tensors and not document:
        raise CheckpointError(f"{path} holds tensors but no state; another program wrote it")
    try:
        state: dict[str, Any] = _unpacked(document, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} holds no state ({error!r})") from error
    return state


def _packed(item: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(item, Tensor):
        while path in tensors:  # the keys 1 and "1" of one dict look the same in a path
            path += "'"
        tensors[path] = item
        return {TENSOR: path}
    if isinstance(item, tuple | list):
        parts = [_packed(part, _below(path, index), tensors) for index, part in enumerate(item)]
        return {TUPLE: parts} if isinstance(item, tuple) else parts
    if isinstance(item, dict):
        parts = [(key, _packed(part, _below(path, key), tensors)) for key, part in item.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key in item):
            return dict(parts)
        return {DICT: [[_packed(key, path, tensors), part] for key, part in parts]}
    if item is None or isinstance(item, bool | int | float | str):
        return item
    raise CheckpointError(
        f"a {type(item).__name__} at {path!r} cannot be saved; a state holds tensors, numbers, "
        "text, None, and lists, tuples and dicts of these"
    )


def _unpacked(item: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(item, list):
        return [_unpacked(part, tensors) for part in item]
    if not isinstance(item, dict):
        return item
    if item.keys() == {TENSOR}:
        return tensors[item[TENSOR]]
    if item.keys() == {TUPLE}:
        return tuple(_unpacked(item[TUPLE], tensors))
    if item.keys() == {DICT}:
        return {_unpacked(key, tensors): _unpacked(part, tensors) for key, part in item[DICT]}
    return {key: _unpacked(part, tensors) for key, part in item.items()}


def _below(path: str, key: object) -> str:
    """Return the path of a part; escape slashes in keys as in RFC 6901.

    >>> _below("model", "a/b")
    'model/a~1b'
    """
    name = key if isinstance(key, str) else repr(key)
    step = name.replace("~", "~0").replace("/", "~1")
    return f"{path}/{step}" if path else step
