"""Old names, which still work until version 0.2, with a warning."""

from __future__ import annotations

from typing import Any

from cifarkit.warn import warn

__all__ = ["RenamedAttribute", "warn_of_old_name"]


def warn_of_old_name(old: str, new: str) -> None:
    """Warn about a name that has changed, with a `DeprecationWarning` at the user's line.

    Args:
        old: the old name.
        new: the name to write.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_of_old_name("ck.Draw", "ck.AugmentationContext")
    >>> print(caught[0].message)
    ck.Draw is now called ck.AugmentationContext; version 0.2 removes the old name
    """
    warn(f"{old} is now called {new}; version 0.2 removes the old name", DeprecationWarning)


class RenamedAttribute:
    """An attribute under its old name, which warns and gives the new one.

    Args:
        new: its name now.
    """

    def __init__(self, new: str) -> None:
        self.new = new

    def __set_name__(self, owner: type, old: str) -> None:
        self.old = old

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        warn_of_old_name(f"{owner.__name__}.{self.old}", f"{owner.__name__}.{self.new}")
        return getattr(instance, self.new)
