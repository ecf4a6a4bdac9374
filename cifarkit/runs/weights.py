"""Load weights from files into networks, all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cifarkit.errors import CheckpointError
from cifarkit.guidance import explains_arguments
from cifarkit.models.contract import check_network
from cifarkit.models.state import restore_state, versions_of
from cifarkit.runs.checkpoint import CheckpointFiles, averages_of
from cifarkit.runs.foreign_weights import find_tensors
from cifarkit.runs.weight_names import (
    layers_of,
    matching,
    patterns_for,
    renamed,
    without,
    without_wrappers,
)
from cifarkit.storage.folders import expanded
from cifarkit.storage.tensor_file import load_tensors
from cifarkit.warn import warn

__all__ = ["WEIGHTS", "differences", "import_weights", "load_weights"]

WEIGHTS = "weights.safetensors"  # the names of weight files in a run folder
COUNT = "num_batches_tracked"  # batch norm's counter


@explains_arguments("ck.load_weights")
def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load saved weights into a network, all or none.

    Args:
        model: the network; left in evaluation mode.
        path: a run folder, or a safetensors file. If the run is not over, its newest checkpoint is
            loaded.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it holds other tensors than
            the network; the message lists which.
        ModelContractError: it is not a network.

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
        tensors = averages_of(state["average"]) or state["model"]
        versions = state.get("versions")
    lines = differences(model.state_dict(), tensors)
    if lines:
        raise CheckpointError(
            "\n  ".join([f"the weights in {str(file)!r} are another network's:", *lines])
        )
    restore_state(model, tensors, versions)
    model.eval()


@explains_arguments("ck.import_weights")
def import_weights(
    path: str | Path,
    model: nn.Module | None = None,
    *,
    key: str | None = None,
    leave: str | Iterable[str] = (),
) -> dict[str, Tensor]:
    """Read weights that another program wrote, and load them into a network, all or none.

    A file of `torch.save` is a pickle, which may run code when it is read. torch's `weights_only`
    reader takes only tensors and plain types; other objects in the file are left out. cifarkit
    itself never reads a pickle without being asked.

    Args:
        path: a `.pth`, `.pt` or `.ckpt` file, or a safetensors file. The tensors are found anywhere
            in it.
        model: the network to load them into; it is left in evaluation mode, in the memory layout of
            training. Prefixes that wrappers leave in the names are removed or added, so that the
            names fit. Without a network, a prefix is removed only if all names share it and it is
            surely a wrapper's, such as `module.` of `DataParallel`.
        key: the key of the weights in the file, such as `"state_dict_ema"`; needed if there are
            several sets and none has a usual key.
        leave: patterns of names, such as `"fc.*"`, whose tensors are not loaded; the network keeps
            its own.

    Returns:
        The tensors by name, on the CPU, as `model.load_state_dict` takes them. A warning says if
        some are NaN.

    Raises:
        CheckpointError: there is no such file, it is damaged, or holds no weights, several sets,
            or other tensors than the network; the message lists which.
        ModelContractError: the model is not a network.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "theirs.pth"
    >>> torch.save({"epoch": 3, "net": nn.Linear(2, 1).state_dict()}, file)
    >>> list(import_weights(file))
    ['weight', 'bias']
    >>> from collections import OrderedDict
    >>> head = nn.Sequential(OrderedDict(body=nn.Linear(4, 2), fc=nn.Linear(2, 1)))
    >>> torch.save(head.state_dict(), file)
    >>> head.fc = nn.Linear(2, 5)
    >>> list(import_weights(file, head, leave="fc.*"))
    ['body.weight', 'body.bias']
    >>> import_weights(file, head)
    Traceback (most recent call last):
    ...
    cifarkit.errors.CheckpointError: the weights in '...' do not all fit the network; keep
    its own there by leave=['fc.*']:
      differs: fc.weight is float32 (1, 2), the network has float32 (5, 2)
      differs: fc.bias is float32 (1,), the network has float32 (5,)
    """
    if not isinstance(path, str | PathLike):
        raise CheckpointError(
            f"weights are read from a file's path, found {type(path).__name__}; type "
            "ck.import_weights(path), or ck.import_weights(path, model)"
        )
    if model is not None:
        check_network(model)
    path = expanded(path)
    state, of_lightning = find_tensors(path, key)
    if model is None:
        state = without_wrappers(state, of_lightning)
        taken: dict[str, Tensor] = without(state, matching(leave or (), state))
    else:
        taken = _put_in(model, renamed(state, model.state_dict()), leave, path)
    _warn_of_nan(path, taken)
    return taken


def differences(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Return one line for each saved tensor that does not fit a network.

    Args:
        ours: the network's tensors.
        theirs: the saved tensors.
    """
    return list(_misfits(ours, theirs).values())


def _misfits(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str]:
    lines = {name: f"missing: {name}" for name in ours if name not in theirs}
    lines |= {name: f"extra: {name}" for name in theirs if name not in ours}
    lines |= {
        name: f"differs: {name} is {_shape(theirs[name])}, the network has {_shape(ours[name])}"
        for name in ours
        if name in theirs and _shape(ours[name]) != _shape(theirs[name])
    }
    return lines


def _put_in(
    model: nn.Module, state: Mapping[str, Tensor], leave: str | Iterable[str], path: Path
) -> dict[str, Tensor]:
    """Load another program's tensors into a network, as described in `import_weights`."""
    ours = model.state_dict()
    left = matching(leave or (), [*ours, *state])
    taken = without(state, left)
    for name in taken.keys() & ours.keys():
        if taken[name].is_complex() <= ours[name].is_complex():
            taken[name] = taken[name].to(ours[name].dtype)  # as torch does when it copies
    odd = [n for n, value in taken.items() if value.is_meta or value.layout != torch.strided]
    if odd:
        raise CheckpointError(
            f"{str(path)!r} holds {odd[0]!r} as {taken[odd[0]].layout} on "
            f"{taken[odd[0]].device}; only dense tensors with their numbers go into a network"
        )
    # Lazy shapes, which come with the weights, and a layer's extra state, which is not a tensor.
    unsaid = {n for n, value in ours.items() if is_lazy(value) or not isinstance(value, Tensor)}
    if not any(name.endswith(COUNT) for name in state):  # files from before torch counted batches
        unsaid |= {name for name in ours if name.endswith(COUNT)}
    misfits = _misfits(without(ours, left | unsaid), without(taken, unsaid))
    if misfits:
        advice = "are another network's"
        if not misfits.keys() >= taken.keys():
            patterns = patterns_for(misfits, (taken.keys() | ours.keys()) - misfits.keys() - left)
            advice = f"do not all fit the network; keep its own there by leave={patterns}"
        raise CheckpointError(
            "\n  ".join([f"the weights in {str(path)!r} {advice}:", *misfits.values()])
        )
    versions = layers_of(state)
    restore_state(model, {**ours, **taken}, versions and {**versions_of(model), **versions})
    model.eval()
    return taken


def _warn_of_nan(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Warn about weights that are NaN."""
    lost = [name for name, value in tensors.items() if _has_nan(value)]
    if lost:
        warn(
            f"{str(path)!r} has NaN in {len(lost):,} of {len(tensors):,} tensors, the first is "
            f"{lost[0]!r}: their training diverged; take weights from before it did"
        )


def _has_nan(tensor: Tensor) -> bool:
    is_dense = tensor.layout == torch.strided and not tensor.is_meta
    return is_dense and tensor.is_floating_point() and bool(tensor.float().isnan().any())


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
