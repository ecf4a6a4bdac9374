"""Packages that only some features need, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec

from cifarkit.errors import InstallError

__all__ = ["check_extra"]


def check_extra(extra: str, packages: tuple[str, ...]) -> None:
    """Refuse to continue if a package of an extra is not installed.

    Args:
        extra: the extra's name, as in `pip install "cifarkit[extra]"`.
        packages: the names of the packages that will be imported.

    Raises:
        InstallError: a package is missing; the message has the line to type.

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
