"""The names of tensors: prefixes that wrappers add, and patterns that select names."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from cifarkit.errors import CheckpointError

__all__ = [
    "keep_layers",
    "layers_of",
    "matching",
    "patterns_for",
    "renamed",
    "without",
    "without_wrappers",
]

WRAPPERS = ("module", "_orig_mod", "_forward_module")  # DataParallel, torch.compile, Fabric
ATTRIBUTES = ("model", "net", "network")  # attributes in which a LightningModule keeps its network


def without_wrappers(
    state: Mapping[str, Tensor], of_lightning: bool = False
) -> OrderedDict[str, Tensor]:
    """Remove the prefix that a wrapper added to all names, such as `module.`.

    `model.` and the like are removed in a Lightning file, or before the prefix of a wrapper.
    Elsewhere they may be part of the network's names.

    >>> list(without_wrappers({"_orig_mod.module.fc.weight": 1, "_orig_mod.module.fc.bias": 2}))
    ['fc.weight', 'fc.bias']
    >>> list(without_wrappers({"net.0.weight": 1, "net.0.bias": 2}))
    ['net.0.weight', 'net.0.bias']
    """
    parts: list[str] = []
    for column in zip(*(name.split(".")[:-1] for name in state), strict=False):
        if len(set(column)) > 1 or column[0] not in {*WRAPPERS, *ATTRIBUTES}:
            break
        parts.append(column[0])
    while parts and not of_lightning and parts[-1] not in WRAPPERS:
        parts.pop()
    prefix = "".join(f"{part}." for part in parts)
    return _mapped(state, lambda name: name.removeprefix(prefix))


def renamed(state: Mapping[str, Tensor], ours: Iterable[str]) -> OrderedDict[str, Tensor]:
    """Rename another program's tensors to the network's names, if only prefixes differ.

    Args:
        state: the tensors; a tensor that does not fit keeps its name.
        ours: the names in the network.

    >>> list(renamed({"model.fc.weight": 1, "loss.weight": 2}, ["fc.weight"]))
    ['fc.weight', 'loss.weight']
    >>> list(renamed({"fc.weight": 1}, ["1.module.fc.weight"]))
    ['1.module.fc.weight']
    """
    ours = list(ours)
    names = {_older(_bare(name)): name for name in ours} | {_bare(name): name for name in ours}
    bare = [_bare(name) for name in state]
    options = Counter(
        (off, on)
        for on in _common_prefixes(names)
        for name in bare
        for off, rest in _cuts(name)
        if on + rest in names
    )
    # Two sets may fit equally well, such as `model.` and `ema.`: prefer the usual, or shorter,
    # name.
    ranked = sorted(options, key=lambda pair: (pair[0][:-1] not in ATTRIBUTES, len("".join(pair))))
    off, on = max(ranked, key=options.__getitem__, default=("", ""))
    if 2 * options[off, on] < len(ours):
        off = on = ""  # so few names fit by chance

    def rule(name: str) -> str:
        fitting = on + _bare(name).removeprefix(off)
        return names.get(fitting, fitting)

    coerced = _mapped(state, rule)
    return coerced if len(coerced) == len(state) else _mapped(state, str)


def without(state: Mapping[str, Tensor], names: Iterable[str]) -> OrderedDict[str, Tensor]:
    """Return all tensors except some, with torch's metadata of the layers."""
    kept = _mapped(state, str)
    for name in names:
        kept.pop(name, None)
    return kept


def matching(patterns: str | Iterable[str], names: Iterable[str]) -> set[str]:
    """Return the names that fit one of the patterns.

    Raises:
        CheckpointError: they are not patterns; or no name fits a pattern, and the message has the
            nearest names; or all names fit.

    >>> sorted(matching("fc.*", ["conv.weight", "fc.weight", "fc.bias"]))
    ['fc.bias', 'fc.weight']
    >>> matching(["head.*"], ["conv.weight", "fc.weight"])
    Traceback (most recent call last):
    ...
    cifarkit.errors.CheckpointError: leave='head.*' fits no tensor; near are
    'fc.*', ...
    """
    names, chosen = dict.fromkeys(names), set()
    if not isinstance(patterns, str | Iterable):
        raise CheckpointError(f"leave is a pattern such as 'fc.*', or several, found {patterns!r}")
    patterns = [patterns] if isinstance(patterns, str) else [str(pattern) for pattern in patterns]
    for pattern in patterns:
        fitting = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if not fitting:
            layers = {f"{name.rpartition('.')[0]}.*" for name in names if "." in name}
            near = difflib.get_close_matches(pattern, [*sorted(layers), *names], n=3, cutoff=0)
            raise CheckpointError(
                f"leave={pattern!r} fits no tensor; near are {', '.join(map(repr, near))}"
            )
        chosen.update(fitting)
    if len(chosen) == len(names):
        raise CheckpointError(f"leave={patterns!r} leaves out every tensor; name fewer")
    return chosen


def patterns_for(names: Iterable[str], others: Collection[str]) -> list[str]:
    """Return few patterns that fit all of some names, and none of the others.

    >>> patterns_for(["fc.0.weight", "fc.1.bias", "conv.bias"], ["conv.weight"])
    ['fc.*', 'conv.bias']
    """
    patterns: dict[str, None] = {}
    for name in names:
        prefixes = [prefix for prefix, _ in _cuts(name) if prefix]
        free = [p for p in prefixes if not any(other.startswith(p) for other in others)]
        patterns[f"{free[0]}*" if free else name] = None
    return list(patterns)


def layers_of(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the metadata of layers that torch's `state_dict` holds besides tensors, or None."""
    about = getattr(state, "_metadata", None)
    if not isinstance(about, Mapping):
        return None
    return {n: v for n, v in about.items() if isinstance(n, str) and isinstance(v, Mapping)}


def keep_layers(state: OrderedDict[str, Tensor], layers: Mapping[str, Any] | None) -> None:
    """Attach the metadata that `layers_of` gave, where torch's `load_state_dict` looks for it."""
    if layers is not None:
        state._metadata = OrderedDict(layers)  # type: ignore[attr-defined]


def _older(name: str) -> str:
    """Return the name of a `weight_norm` weight before torch made it a parametrisation.

    A network loads both names: torch's `weight_norm` has a hook for this.
    """
    parametrised = r"parametrizations\.(\w+)\.original([01])$"
    return re.sub(parametrised, lambda found: f"{found[1]}_{'gv'[int(found[2])]}", name)


def _bare(name: str) -> str:
    return "".join(f"{part}." for part in name.split(".") if part not in WRAPPERS)[:-1]


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield each way to cut a name before it or after a dot: `a.b` gives `'', a.b` and `a., b`."""
    parts = name.split(".")
    for at in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:at]), ".".join(parts[at:])


def _common_prefixes(names: Collection[str]) -> list[str]:
    """Return the prefixes of at least half of the names; the empty prefix is first."""
    counts = Counter(prefix for name in names for prefix, _ in _cuts(name))
    return [prefix for prefix, count in counts.items() if 2 * count >= len(names)]


def _mapped(state: Mapping[str, Tensor], rule: Callable[[str], str]) -> OrderedDict[str, Tensor]:
    """Give tensors and layers other names."""
    mapped = OrderedDict((rule(name), tensor) for name, tensor in state.items())
    layers = layers_of(state)
    if layers is not None:
        endings = {(f"{layer}." if layer else ""): about for layer, about in layers.items()}
        layers = {rule(name).removesuffix("."): about for name, about in endings.items()}
    keep_layers(mapped, layers)
    return mapped
