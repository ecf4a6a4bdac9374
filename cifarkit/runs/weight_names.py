"""The names of tensors: what wrappers put into them, and patterns that choose among them."""

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
ATTRIBUTES = ("model", "net", "network")  # where a LightningModule keeps its network


def without_wrappers(
    state: Mapping[str, Tensor], of_lightning: bool = False
) -> OrderedDict[str, Tensor]:
    """Remove the prefix that a wrapper gave all names, such as `module.`.

    `model.` and the like are a wrapper's in a file of Lightning's, or where a wrapper's follows.
    Elsewhere they may be the network's own.

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
    """Name another program's tensors as the network does, as far as wrappers explain it.

    Args:
        state: the tensors; what does not fit keeps its name.
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
    # Two sets may fit alike, such as `model.` and `ema.`: the usual name, or the shorter, counts.
    ranked = sorted(options, key=lambda pair: (pair[0][:-1] not in ATTRIBUTES, len("".join(pair))))
    off, on = max(ranked, key=options.__getitem__, default=("", ""))
    if 2 * options[off, on] < len(ours):
        off = on = ""  # what fits so seldom fits by chance

    def rule(name: str) -> str:
        fitting = on + _bare(name).removeprefix(off)
        return names.get(fitting, fitting)

    coerced = _mapped(state, rule)
    return coerced if len(coerced) == len(state) else _mapped(state, str)


def without(state: Mapping[str, Tensor], names: Iterable[str]) -> OrderedDict[str, Tensor]:
    """Return all tensors but some, with what torch says of the layers."""
    kept = _mapped(state, str)
    for name in names:
        kept.pop(name, None)
    return kept


def matching(patterns: str | Iterable[str], names: Iterable[str]) -> set[str]:
    """Return the names that fit one of the patterns.

    Raises:
        CheckpointError: they are not patterns; no name fits one, and the message says the
            nearest; or all do.

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
    """Return the fewest patterns that fit some names, and none of the others.

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
    """Return what torch's `state_dict` says of each layer beside its tensors, or None."""
    about = getattr(state, "_metadata", None)
    if not isinstance(about, Mapping):
        return None
    return {n: v for n, v in about.items() if isinstance(n, str) and isinstance(v, Mapping)}


def keep_layers(state: OrderedDict[str, Tensor], layers: Mapping[str, Any] | None) -> None:
    """Put what `layers_of` gave beside the tensors, where torch's `load_state_dict` looks."""
    if layers is not None:
        state._metadata = OrderedDict(layers)  # type: ignore[attr-defined]


def _older(name: str) -> str:
    """Return what torch called a weight of `weight_norm` before it was a parametrisation.

    A network takes both: torch's `weight_norm` has a hook for it.
    """
    parametrised = r"parametrizations\.(\w+)\.original([01])$"
    return re.sub(parametrised, lambda found: f"{found[1]}_{'gv'[int(found[2])]}", name)


def _bare(name: str) -> str:
    return "".join(f"{part}." for part in name.split(".") if part not in WRAPPERS)[:-1]


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield each way to cut a name at a dot, or before it: `a.b` is `'', a.b` and `a., b`."""
    parts = name.split(".")
    for at in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:at]), ".".join(parts[at:])


def _common_prefixes(names: Collection[str]) -> list[str]:
    """Return the prefixes that at least half of the names begin with; the empty one is first."""
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
