"""The data-only tensor file: safetensors, with a JSON document in its metadata.

Reading one runs no code, whatever it holds, and any safetensors tool can read it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cifarkit.errors import CheckpointError
from cifarkit.storage.atomic import atomic_path

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], document: Mapping[str, Any] | None = None
) -> None:
    """Write named tensors and a JSON document, atomically.

    Raises:
        OSError: the file cannot be written; what was there before still is.
    """
    # A clone unties tensors that share memory, which safetensors refuses.
    contents = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()
    }
    with atomic_path(path) as temporary:
        try:
            save_file(contents, temporary, metadata={"cifarkit": json.dumps(document or {})})
        except SafetensorError as error:  # how the library reports a full disk
            raise OSError(f"cannot write {path}: {error}") from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote: the tensors and the document.

    Raises:
        CheckpointError: the file is not a whole tensor file.
        FileNotFoundError: there is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            document = json.loads((file.metadata() or {}).get("cifarkit", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, document  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}). "
            "If you have another copy, put it there; otherwise delete it and make it anew"
        ) from error
