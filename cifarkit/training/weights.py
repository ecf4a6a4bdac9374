"""Weights from files into networks, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.errors import CheckpointError
from cifarkit.models.contract import check_network
from cifarkit.models.layout import choose_layout
from cifarkit.models.state import restore_state
from cifarkit.storage.folders import expanded
from cifarkit.storage.tensor_file import load_tensors
from cifarkit.training.checkpoint_files import CheckpointFiles
from cifarkit.training.weight_average import WeightAverage

__all__ = ["WEIGHTS", "differences", "import_weights", "load_weights"]

WEIGHTS = "weights.safetensors"  # in a run folder
WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which others keep the weights


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Put saved weights into a network, all or none.

    Args:
        model: the network; left in evaluation mode, in the layout that it is trained in.
        path: a run folder, or a safetensors file. Of a run that is not over, the newest
            checkpoint counts.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it holds other tensors than
            the network; the message lists which.
        ModelContractError: it is no network.

    >>> import tempfile
    >>> from cifarkit.models.registry import create_model
    >>> from cifarkit.storage.tensor_file import save_tensors
    >>> file = Path(tempfile.mkdtemp()) / "linear.safetensors"
    >>> save_tensors(file, create_model("linear").state_dict())
    >>> load_weights(create_model("linear"), file)
    >>> load_weights(create_model("linear", num_classes=3), file)
    Traceback (most recent call last):
    ...
    cifarkit.errors.CheckpointError: the weights in '...' are another network's:
      differs: 1.weight is float32 (10, 3072), the network has float32 (3, 3072)
      differs: 1.bias is float32 (10,), the network has float32 (3,)
    """
    check_network(model)
    path = expanded(path)
    file = path / WEIGHTS if path.is_dir() else path
    # Room for a checkpoint, with its average, the optimiser's state and a callback's copies.
    largest = 2**26 + 8 * sum(tensor.nbytes for tensor in model.state_dict().values())
    try:
        tensors, document = load_tensors(file, largest)
        versions = document.get("versions")
    except FileNotFoundError:
        files = CheckpointFiles(path)
        state = files.load(largest=largest) if path.is_dir() else None  # the run is not over
        if state is None:
            raise CheckpointError(
                f"there are no weights at {str(file)!r}; put a copy there, or train again: the "
                "same seed gives the same ones"
            ) from None
        tensors = WeightAverage.of_state(state["average"]) or state["model"]
        versions = state.get("versions")
    found = differences(model.state_dict(), tensors)
    if found:
        raise CheckpointError(
            "\n  ".join([f"the weights in {str(file)!r} are another network's:", *found])
        )
    restore_state(model, tensors, versions)
    choose_layout(model)
    model.eval()


def import_weights(path: str | Path) -> dict[str, Tensor]:
    """Read weights that another program wrote with `torch.save`.

    Such a file is a pickle, which may run code when it is read; torch's `weights_only` reader
    refuses all but tensors and plain types. cifarkit itself never reads one without being asked.

    Args:
        path: a `.pth` or `.pt` file: a state dict, bare or under `"state_dict"`,
            `"model_state_dict"` or `"model"`.

    Returns:
        The tensors by name, on the CPU, for `model.load_state_dict`. The prefix `module.` of
        `DataParallel` is taken off.

    Raises:
        CheckpointError: there is no such file, it is damaged, holds anything but data, or no
            weights.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "theirs.pth"
    >>> torch.save({"epoch": 3, "state_dict": nn.Linear(2, 1).state_dict()}, file)
    >>> list(import_weights(file))
    ['weight', 'bias']
    """
    path = expanded(path)
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there are no weights at {str(path)!r}; check the path") from None
    except Exception as error:  # what a broken pickle raises has no bounds
        raise CheckpointError(
            f"{str(path)!r} cannot be imported: it is damaged, or holds more than data "
            f"({type(error).__name__}). Weights are saved as data alone by "
            "torch.save(model.state_dict(), path)"
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
        )
    ):
        raise CheckpointError(
            f"{str(path)!r} holds no weights: wanted are tensors by name, found "
            f"{type(content).__name__}"
        )
    return {name.removeprefix("module."): value for name, value in content.items()}


def differences(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Say in a line each where saved tensors are not those of a network.

    Args:
        ours: the network's.
        theirs: the saved ones.
    """
    lines = [f"missing: {name}" for name in ours if name not in theirs]
    lines += [f"extra: {name}" for name in theirs if name not in ours]
    lines += [
        f"differs: {name} is {_shape(theirs[name])}, the network has {_shape(ours[name])}"
        for name in ours
        if name in theirs and _shape(ours[name]) != _shape(theirs[name])
    ]
    return lines


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
