"""The facts of a run besides its numbers, as `run.json` keeps them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from cifarkit.annotations import Mismatch, coerced
from cifarkit.errors import RunFolderError
from cifarkit.runs.format_1 import CURRENT_NAMES, MIXUP, current_recipe, listener_of_text

__all__ = ["Facts", "Listener", "current_record", "is_user_code"]

# The facts that every record has, and the names that are read in two of them.
NEEDED = {
    *("status", "network", "data", "processes", "track_test", "environment"),
    *("logged_columns", "callbacks", "intervening"),
}
PARTS = {
    "data": ("name", "fingerprint"),
    "environment": ("versions", "device", "cpu", "threads"),
}
MISSING_WHERE_EMPTY = {"resumed", "changed_by_callbacks", "test_read_by", "tests_before"}


class Listener(NamedTuple):
    """A callback in the record of a run.

    Attributes:
        kind: the full name of its class.
        fields: the arguments that make it again, by name; None if its class does not declare them.
    """

    kind: str
    fields: Mapping[str, Any] | None = None


@dataclass(kw_only=True, eq=False)
class Facts(Mapping[str, Any]):
    """The facts of a run: its status, what it was trained on and with, and how it ended.

    Read a fact as an attribute, or by its name in `run.json`. Facts that are None are left out of
    `run.json`.

    Args:
        status: `"running"`, `"finished"`, `"stopped"`, `"interrupted"` or `"failed"`.
        network: a short hash of the layers that the network prints.
        data: name, fingerprint, sizes and split of the data.
        precision: the type of the arithmetic, such as `"float32"`.
        compile: the argument of `Trainer`.
        layout: the memory layout of pictures.
        processes: how many processes trained it together.
        track_test: whether test was measured each epoch.
        logged_columns: the columns of the history besides the trainer's own.
        callbacks: their classes and settings, as Python prints them.
        listeners: their classes and settings, as values.
        intervening: the classes of callbacks that may change batches or gradients.
        environment: versions and hardware.
        parameters: how many numbers were trained.
        warm_up_seconds: how long compiling took.
        started: the date and time of the start.
        seconds: how long training took.
        resumed: the epochs and steps at which it was resumed.
        stopped: why it ended before its last epoch.
        steps_captured: whether steps were replayed from a CUDA graph.
        eager_because: on a GPU, why steps were not captured.
        changed_by_callbacks: what callbacks changed that the recipe does not say, with the
            callback's name.
        test_read_by: the functions outside cifarkit that read test pictures during training.
        weights_of_epoch: the epoch of the weights, counted from 1, if a callback chose it.
        weights_chosen_by: the column by which it chose.
        test: n, accuracy and loss on test.
        tests_before: the same, for tests made before the run got more epochs.
        command: the options of `cifarkit train`.
        cell: the key of the run in a comparison.
        others: facts that another version wrote.

    >>> facts = Facts(status="finished", seconds=1.5)
    >>> facts.seconds, facts["seconds"], "test" in facts
    (1.5, 1.5, False)
    """

    status: str = "running"
    network: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    precision: str | None = None
    compile: Literal["auto", "on", "off"] = "auto"
    layout: str | None = None
    processes: int = 1
    track_test: bool = False
    logged_columns: list[str] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)
    listeners: list[dict[str, Any]] | None = None
    intervening: list[str] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    warm_up_seconds: float = 0.0
    started: str | None = None
    seconds: float | None = None
    resumed: list[str] = field(default_factory=list)
    stopped: str | None = None
    steps_captured: bool = False
    eager_because: str | None = None
    changed_by_callbacks: list[str] = field(default_factory=list)
    test_read_by: list[str] = field(default_factory=list)
    weights_of_epoch: int | None = None
    weights_chosen_by: str | None = None
    test: dict[str, Any] | None = None
    tests_before: list[dict[str, Any]] = field(default_factory=list)
    command: dict[str, Any] | None = None
    cell: str | None = None
    others: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: object) -> Facts:
        """Read what `to_json` wrote, or an earlier version.

        Raises:
            RunFolderError: something in it is of another type, or missing.
        """
        if not isinstance(document, Mapping):
            raise RunFolderError(f"the facts must be a dict, found {document!r}")
        named = {CURRENT_NAMES.get(str(name), str(name)): one for name, one in document.items()}
        hints = get_type_hints(cls)
        others = {name: named.pop(name) for name in named.keys() - (hints.keys() - {"others"})}
        for name, value in named.items():
            try:
                named[name] = _coerced(value, hints[name])
            except Mismatch as allowed:
                raise RunFolderError(
                    f"found {value!r:.60} as {name}, and allowed is {allowed}"
                ) from None
        if missing := NEEDED - named.keys():
            raise RunFolderError(f"there is no {min(missing)!r} in the facts")
        facts = cls(**named, others=others)
        for name, parts in PARTS.items():
            if missing := set(parts) - getattr(facts, name).keys():
                raise RunFolderError(f"{name} has no {min(missing)!r}")
        kinds = [one.get("kind") for one in facts.listeners or []]
        if facts.listeners is not None and len(kinds) != len(facts.callbacks):
            raise RunFolderError("the numbers of callbacks and listeners differ")
        if not all(isinstance(kind, str) for kind in kinds):
            raise RunFolderError(f"found {facts.listeners!r:.60} as listeners; each has a 'kind'")
        return facts

    def to_json(self) -> dict[str, Any]:
        """Return the known facts, by name."""
        return dict(self)

    def callbacks_as_values(self) -> list[Listener]:
        """Return the callbacks of the run, in their order."""
        if self.listeners is None:  # written by an earlier version
            return [Listener(*listener_of_text(text)) for text in self.callbacks]
        return [Listener(one["kind"], one.get("fields")) for one in self.listeners]

    def forget_callback(self, kind: str) -> None:
        """Forget a callback, by the full name of its class."""
        numbers = [n for n, each in enumerate(self.callbacks_as_values()) if each.kind != kind]
        self.callbacks = [self.callbacks[n] for n in numbers]
        if self.listeners is not None:
            self.listeners = [self.listeners[n] for n in numbers]
        self.intervening = [each for each in self.intervening if each != kind]

    def __getitem__(self, name: str) -> Any:
        if name in self.others:
            return self.others[name]
        if name not in set(iter(self)):
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if value is not None and not (one.name in MISSING_WHERE_EMPTY and not value):
                yield from value if one.name == "others" else [one.name]

    def __len__(self) -> int:
        return sum(1 for _ in self)


def current_record(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a run with its facts, and its recipe as recipes are now.

    Args:
        about: what its `run.json` says, written by this version or an earlier one.

    Raises:
        RunFolderError: something in the facts is of another type, or missing.
        KeyError: there is no recipe, or there are no facts.
    """
    facts = Facts.from_json(about["facts"])
    recipe = current_recipe(about["recipe"], facts.callbacks_as_values())
    facts.forget_callback(MIXUP)
    return {**about, "recipe": recipe, "facts": facts}


def is_user_code(kind: str) -> bool:
    """Return whether a callback, by its kind or settings in a record, is not cifarkit's own.

    >>> is_user_code("cifarkit.training.callbacks.gradient_clip.GradientClip(1.0)")
    False
    >>> is_user_code("mine.GradientClip")
    True
    """
    return not kind.startswith("cifarkit.")


def _coerced(value: object, hint: Any) -> Any:
    """Return a JSON value, converted to an annotation; lists and dicts are not converted.

    Raises:
        Mismatch: it does not fit.
    """
    if isinstance(hint, UnionType):
        [hint] = (one for one in get_args(hint) if one is not NoneType)
        if value is None:
            return None
    kind = get_origin(hint)
    if kind is list and isinstance(value, list):
        return [_coerced(one, get_args(hint)[0]) for one in value]
    if kind is dict and isinstance(value, dict):
        return value
    if kind in (list, dict):
        raise Mismatch(f"a {kind.__name__}")
    return coerced(value, hint)
