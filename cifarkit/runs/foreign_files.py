"""Read files of weights from other programs as data: torch's files and safetensors.

A file of `torch.save` may hold objects of other programs, such as settings, besides the tensors.
torch's `weights_only` reader then refuses the whole file. Here it gets an empty stand-in class for
each such name, so that it reads the rest, and still runs no code.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cifarkit.errors import CheckpointError
from cifarkit.runs.weight_names import keep_layers
from cifarkit.storage.tensor_file import load_tensors

__all__ = ["SAVE", "StandIn", "read_foreign", "reason"]

SAVE = "torch.save(model.state_dict(), 'weights.pth')"
BEGINNINGS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes; export its layers with Keras, as numbers",
    b"\x93NUMPY": "a NumPy array; numpy.load reads it, and torch.from_numpy makes a tensor of it",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file; run `git lfs pull`",
    b"<": "a web page, or XML, in place of the file; download it again",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}
ENDINGS = {
    ".onnx": "an ONNX file, a network for inference; take the weights where it was exported: "
    + SAVE,
    ".pb": "a file of TensorFlow; export its layers with TensorFlow, as numbers",
    ".tflite": "a file of TensorFlow Lite; export its layers with TensorFlow, as numbers",
}
MEMBERS = {  # of a zip archive
    "constants.pkl": "a TorchScript file, which holds code; take its weights with "
    "torch.save(torch.jit.load(path).state_dict(), 'weights.pth')",
    "archive_format": "a program of torch.export, which holds code; take its weights with "
    "torch.save(torch.export.load(path).state_dict, 'weights.pth')",
    "model.weights.h5": "a file of Keras; export its layers with Keras, as numbers",
    ".npy": "NumPy's archive of arrays; numpy.load reads it, and torch.from_numpy makes tensors",
}


RECONSTRUCT, SCALAR = (value.__reduce__()[0] for value in (np.ones(1), np.float32(1)))
# More that torch's reader may take: NumPy's numbers and arrays, by their names before and after
# 2.0.
DATA: list[Any] = [
    *(np.dtype, np.ndarray, *{type(np.dtype(code)) for code in np.typecodes["All"]}),
    *((RECONSTRUCT, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    (lambda *_: {}, "collections.defaultdict"),
]


class StandIn:
    """An empty object, read in place of another program's object."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_foreign(path: Path) -> tuple[Any, Exception | None]:
    """Read a file of `torch.save`, or a safetensors file, without running code.

    Returns:
        The contents, with a `StandIn` in place of each object of another program. If there is such
        an object, also torch's error, which names it; else None.

    Raises:
        CheckpointError: the file is missing, damaged or of another kind; the message says which.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "theirs.pth"
    >>> torch.save({"epoch": 3, "acc": 0.5}, file)
    >>> read_foreign(file)
    ({'epoch': 3, 'acc': 0.5}, None)
    """
    try:
        with path.open("rb") as file:
            begin = file.read(64)
    except IsADirectoryError:
        raise CheckpointError(
            f"{str(path)!r} is a folder; name the file in it, or, if it is a run folder, type "
            "ck.load_weights(model, folder)"
        ) from None
    except FileNotFoundError:
        way = "download it first" if str(path).startswith("http") else "check the path"
        raise CheckpointError(f"there are no weights at {str(path)!r}; {way}") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no system takes
        raise CheckpointError(f"{str(path)!r} cannot be read ({error}); check the path") from error
    if begin[8:9] == b"{":
        tensors, document = load_tensors(path)
        if any(name.startswith("optimizer/") for name in tensors):
            raise CheckpointError(
                f"{str(path)!r} is a checkpoint of cifarkit; ck.load_weights(model, "
                f"{str(path.parent)!r}) reads its weights"
            )
        state = OrderedDict(tensors)
        keep_layers(state, document.get("versions"))
        return state, None
    kind = _other_kind(path, begin)
    if kind:
        raise CheckpointError(f"{str(path)!r} cannot be imported: it is {kind}")
    return _unpickled(path)


def _other_kind(path: Path, begin: bytes) -> str | None:
    """Return the kind of a file that torch.save did not write, if it is known."""
    if path.suffix.lower() in ENDINGS:
        return ENDINGS[path.suffix.lower()]
    for magic, kind in BEGINNINGS.items():
        if begin.lstrip().startswith(magic) or begin.startswith(magic):
            return kind
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for member, kind in MEMBERS.items():
        if any(name.endswith(member) for name in names):
            return kind
    if any(name.endswith("data.pkl") for name in names):
        return None
    return "a zip archive that torch.save did not write; unpack it, and name the file of weights"


def _unpickled(path: Path) -> tuple[Any, Exception | None]:
    """Read a pickle with torch's `weights_only` reader, with empty objects for unknown classes."""
    try:
        return _as_data(path, []), None
    except pickle.UnpicklingError as error:
        refusal = error
    except Exception as error:  # a broken file can raise any error
        raise CheckpointError(_unread(path, error)) from error
    try:
        with _allowed(DATA):
            names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
        return _as_data(path, [_stand_in(name) for name in names]), refusal
    except Exception as error:
        raise CheckpointError(_unread(path, refusal)) from error


def _stand_in(name: str) -> type:
    module, _, last = name.rpartition(".")
    return type(last, (StandIn,), {"__module__": module})


def _allowed(names: list[Any]) -> AbstractContextManager[None]:
    # Do not name what the user has allowed: torch no longer allows afterwards what is named here.
    more = set(names).difference(torch.serialization.get_safe_globals())
    return torch.serialization.safe_globals(list(more))


def _as_data(path: Path, stand_ins: list[Any]) -> Any:
    with warnings.catch_warnings(), _allowed([*DATA, *stand_ins]):
        warnings.simplefilter("ignore")  # about pickle protocols; an unreadable file is an error
        return torch.load(path, map_location="cpu", weights_only=True)


def _unread(path: Path, error: Exception) -> str:
    return (
        f"{str(path)!r} cannot be imported: it is damaged, not a file of torch.save, or holds more "
        f"than data ({reason(error)}). Where it was written, save only the weights: {SAVE}"
    )


def reason(error: Exception) -> str:
    """Return torch's reason without its advice to trust the file."""
    text = str(error)
    found = re.search(r"WeightsUnpickler error:\s*(.*?)(?:\. Please use|\n|$)", text)
    lines = (found.group(1) if found else text).strip().splitlines()
    lines = [line.removeprefix("Weights only load failed. ") for line in lines if line.strip()]
    said = [line for line in lines if "weights_only" not in line]  # first for a harmful file
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
