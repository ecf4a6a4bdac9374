"""Restore a network's tensors, with the versions of its layers that torch keeps beside them.

Some networks need the version when they load tensors: torchvision's `MNASNet` does, because its
layers have changed. A plain dict of tensors has no versions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from cifarkit.errors import ModelContractError

__all__ = ["check_state", "restore_state", "versions_of"]


def versions_of(model: nn.Module) -> dict[str, Any]:
    """Return what `state_dict` keeps for each layer in addition to its tensors.

    >>> versions_of(nn.Sequential(nn.BatchNorm2d(3)))
    {'': {'version': 1}, '0': {'version': 2}}
    """
    metadata: Mapping[str, Any] = model.state_dict()._metadata  # type: ignore[attr-defined]
    return dict(metadata)


def restore_state(
    model: nn.Module, tensors: Mapping[str, Tensor], versions: Mapping[str, Any] | None = None
) -> None:
    """Load all tensors that `state_dict` gave into a network.

    Args:
        model: the network.
        tensors: the tensors by name.
        versions: the layers' versions, as `versions_of` gives them; the network's own when None.

    >>> layer = nn.Linear(2, 1)
    >>> saved = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    >>> restore_state(layer, saved)
    """
    state = OrderedDict(tensors)
    versions = versions_of(model) if versions is None else versions
    state._metadata = OrderedDict(versions)  # type: ignore[attr-defined]
    model.load_state_dict(state)


def check_state(model: nn.Module, who: str) -> None:
    """Refuse a network whose `state_dict` holds anything except tensors.

    Args:
        model: the network.
        who: how messages call the network.

    Raises:
        ModelContractError: a value in it is not a tensor.
    """
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            hint = "register it as a buffer, or let get_extra_state give a tensor"
            if "_packed_params" in name:
                hint = "train the network in floats, and quantise it after that"
            raise ModelContractError(
                f"{who} keeps a {type(value).__name__} in its state, at {name!r}; only tensors "
                f"can be saved: {hint}"
            )
