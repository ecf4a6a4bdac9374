"""Find the weights in a file that another program wrote: a mapping from names to tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from cifarkit.errors import CheckpointError
from cifarkit.runs.foreign_files import SAVE, StandIn, read_foreign, reason
from cifarkit.runs.weight_names import keep_layers, layers_of

__all__ = ["find_tensors"]

# The keys under which training scripts keep a network's weights; earlier lines win.
USUAL = (
    {"state_dict", "model_state_dict", "model_state"},
    {"model", "net", "network"},
    {"weights", "params", "module"},
)
LIGHTNING = {
    *("pytorch-lightning_version", "hyper_parameters", "optimizer_states", "lr_schedulers"),
    *("loops", "callbacks", "global_step"),
}

OPTIMISER = {"param_groups", "exp_avg", "momentum_buffer", "square_avg"}  # keys of its state


def find_tensors(path: Path, key: str | None = None) -> tuple[OrderedDict[str, Tensor], bool]:
    """Find the one mapping from names to tensors in a file of any program.

    Args:
        path: a file of `torch.save`, or a safetensors file.
        key: the key of the mapping, with dots between nested keys; needed if there are several
            mappings and none has a usual key.

    Returns:
        The tensors, with torch's `_metadata` if the file has it, and whether PyTorch Lightning
        wrote the file.

    Raises:
        CheckpointError: the file is missing, damaged or of another kind, or holds no such mapping.

    >>> import tempfile
    >>> import torch
    >>> file = Path(tempfile.mkdtemp()) / "theirs.pth"
    >>> torch.save({"epoch": 3, "ema": {"weight": torch.ones(2)}}, file)
    >>> dict(find_tensors(file)[0])
    {'weight': tensor([1., 1.])}
    """
    content, refusal = read_foreign(path)
    found = dict(_mappings(content)) or dict(_mappings(content, mixed=True))
    if not found:
        _refuse_contents(path, content, refusal)
    where = _chosen(path, found, key)
    state = OrderedDict(
        (n, v) for n, v in found[where].items() if isinstance(n, str) and isinstance(v, Tensor)
    )
    if "n_averaged" in state and all(n.startswith("module.") for n in state if n != "n_averaged"):
        del state["n_averaged"]  # torch's AveragedModel counts there
    keep_layers(state, layers_of(found[where]))
    marked = path.suffix == ".ckpt" or not LIGHTNING.isdisjoint(content)
    return state, where == ("state_dict",) and marked


def _mappings(
    content: Any, mixed: bool = False
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the path and the contents of each mapping from names to tensors, except an optimiser's.

    Args:
        content: the contents of the file.
        mixed: whether a mapping may also hold other values.
    """
    queue: list[tuple[tuple[str, ...], Any]] = [((), content)]
    entered = set()  # because a pickle may contain itself
    for where, part in queue:
        if not isinstance(part, Mapping) or not OPTIMISER.isdisjoint(part):
            continue
        tensors = [v for n, v in part.items() if isinstance(n, str) and isinstance(v, Tensor)]
        # Single numbers, such as {"loss": tensor(0.3)}, and states of generators are not weights.
        reals = [v for v in tensors if v.ndim and (v.is_floating_point() or v.is_complex())]
        if reals and (mixed or len(tensors) == len(part)):
            yield where, part
        if id(part) not in entered:
            entered.add(id(part))
            names = [n for n in part if isinstance(n, str) and not n.lower().startswith("optim")]
            queue += [((*where, name), part[name]) for name in names]


def _chosen(path: Path, found: Mapping[tuple[str, ...], Any], key: str | None) -> tuple[str, ...]:
    """Return the path of the weights: the given key, or else a usual key."""
    at = {".".join(where): where for where in found}
    if key is not None and key in at:
        return at[key]
    rest = [at[name] for name in at if key is None or name.startswith(f"{key}.")]
    if not rest:
        there = ", ".join(repr(name) for name in at if name)
        there = f"keys are {there}" if there else "they lie at the top; leave out key="
        raise CheckpointError(f"{str(path)!r} has no weights under {key!r}; {there}")
    for depth in range(max(map(len, rest))):
        for usual in USUAL:
            under = [where for where in rest if usual.intersection(where[depth : depth + 1])]
            if under:
                rest = under
                break
    if len(rest) > 1:
        names = [".".join(where) for where in rest]
        raise CheckpointError(
            f"{str(path)!r} holds several sets of weights: {', '.join(map(repr, names))}; choose "
            f"one: ck.import_weights(path, key={(names[0] or names[1])!r})"
        )
    return rest[0]


def _refuse_contents(path: Path, content: Any, refusal: Exception | None) -> None:
    """Raise the error for a file that holds no weights.

    Raises:
        CheckpointError: always.
    """
    found = _name(content)
    if isinstance(content, Mapping) and content:
        keys = [f"{name!r} ({_name(value)})" for name, value in content.items()]
        found += " with " + ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "")
    message = f"{str(path)!r} holds no weights: tensors by name are needed, found {found}"
    values = content.values() if isinstance(content, Mapping) else []
    if refusal:
        message += (
            f". Objects may run code when they are read, so they are not ({reason(refusal)}). "
            f"Load the file where it was written, and save the network's weights: {SAVE}"
        )
    elif values and all(isinstance(value, np.ndarray) for value in values):
        message += (
            ". Make tensors of arrays: torch.save({n: torch.from_numpy(a) for n, a in "
            "state.items()}, 'weights.pth')"
        )
    else:
        message += f". Where it was written, save the network's weights, in floats: {SAVE}"
    raise CheckpointError(message) from refusal


def _name(value: Any) -> str:
    kind = type(value)
    if isinstance(value, StandIn):
        return f"an object of {kind.__module__}.{kind.__name__}"
    return kind.__name__
