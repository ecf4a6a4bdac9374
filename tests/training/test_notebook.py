from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from cifarkit.training.notebook import in_notebook


class ZMQInteractiveShell:
    """What IPython calls the shell of a Jupyter kernel."""


class Shell(ZMQInteractiveShell):
    """What Colab makes of it."""


@pytest.mark.parametrize(("shell", "expected"), [(Shell, True), (SimpleNamespace, False)])
def test_colab_is_a_notebook_too(
    shell: type, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipython = SimpleNamespace(get_ipython=lambda: shell())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert in_notebook() is expected
