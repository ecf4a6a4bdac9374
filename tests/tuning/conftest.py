"""An executor for the tests of searches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def here() -> Iterator[ThreadPoolExecutor]:
    """Return an executor that trains in this process."""
    with ThreadPoolExecutor(1) as executor:
        yield executor
