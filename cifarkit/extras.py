"""Packages that only some features need, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec

from cifarkit.errors import InstallError

__all__ = ["check_extra"]


def check_extra(extra: str, packages: tuple[str, ...]) -> None:
    """Refuse to go on where a package of an extra is not installed.

    Args:
        extra: its name in `pip install "cifarkit[extra]"`.
        packages: that are imported.

    Raises:
        InstallError: the message has the line to type.

    >>> check_extra("onnx", ("torch",))
    >>> check_extra("onnx", ("torch", "no_such_package"))
    Traceback (most recent call last):
    ...
    cifarkit.errors.InstallError: no_such_package is missing; pip install "cifarkit[onnx]"
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        names, verb = " and ".join(missing), "is" if len(missing) == 1 else "are"
        raise InstallError(f'{names} {verb} missing; pip install "cifarkit[{extra}]"')
