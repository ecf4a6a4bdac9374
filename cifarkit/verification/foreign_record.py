"""Check a record from a stranger before anything in it is built or printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cifarkit.arguments import Seed, checked
from cifarkit.errors import RunFolderError

__all__ = ["check_options", "check_texts"]

MOST_OPTIONS, LARGEST_OPTION = 10_000, 100_000


def check_options(options: object) -> None:
    """Refuse options that would build a network too large for memory.

    Raises:
        RunFolderError: the options are too long, or a number in them is too large.
    """
    text = json.dumps(options)
    if len(text) > MOST_OPTIONS or not all(abs(n) <= LARGEST_OPTION for n in _numbers(options)):
        raise RunFolderError(
            f"the network's options are {text[:60]} …; allowed here are {MOST_OPTIONS:,} "
            f"characters, and numbers up to {LARGEST_OPTION:,}"
        )


def _numbers(item: object) -> Iterator[float]:
    if isinstance(item, int | float):
        yield item
    elif isinstance(item, list | dict):
        for part in item.values() if isinstance(item, dict) else item:
            yield from _numbers(part)


def check_texts(about: dict[str, Any]) -> None:
    """Refuse a record that could not be printed, sorted or compared.

    Raises:
        DataError: the seed is not a valid seed.
        RunFolderError: a value that should be a text is not one.
    """
    checked("the seed in run.json", about["seed"], Seed)
    facts = about["facts"]
    data, versions = facts["data"], facts["environment"]["versions"]
    texts = [data["name"], data["fingerprint"], *facts["callbacks"], *facts["intervening"]]
    texts += facts.get("changed_by_callbacks", [])
    texts += [version for version in versions.values() if version is not None]
    for text in texts:
        if not isinstance(text, str) or not text.isprintable():
            raise RunFolderError(f"run.json has {text!r} where a text should be")
