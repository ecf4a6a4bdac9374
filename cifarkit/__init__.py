"""Image classification on CIFAR-10, from scratch, readable and honest.

Every public name is here, and flat: `import cifarkit as ck`, then `ck.train("baseline", data)`.
The stub beside this file, `__init__.pyi`, lists them. Each is imported when it is first used
(PEP 562), so importing the package costs next to nothing.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from typing import Any

__version__ = "0.1.0"

_RENAMED = {
    "Draw": "AugmentationContext",
    "Interval": "ConfidenceInterval",
    "Looks": "TestAccess",
    "Receipt": "TestPredictions",
    "Span": "ConfidenceInterval",
    "Standing": "LeaderboardEntry",
}


def _modules_of_names() -> dict[str, str]:
    stub = ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"")
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {name.name: str(node.module) for node in imports for name in node.names}


_MODULES = _modules_of_names()

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        from cifarkit.renamed import warn_of_old_name

        warn_of_old_name(f"ck.{name}", f"ck.{_RENAMED[name]}")
        return __getattr__(_RENAMED[name])
    if name not in _MODULES:
        from cifarkit.errors import UnknownAttributeError
        from cifarkit.guidance import lacking

        raise UnknownAttributeError(lacking("cifarkit", name, __all__))
    if _MODULES[name] == __name__:  # a module, such as `plots`
        value: Any = importlib.import_module(f"{__name__}.{name}")
    else:
        value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
