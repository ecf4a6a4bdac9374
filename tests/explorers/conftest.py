"""Runs the explorers' arithmetic, which is JavaScript, in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EXPLORERS = Path(__file__).parents[2] / "docs" / "explorers"
PROGRAM = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const result = (%s)(require(process.argv[1]), given);
process.stdout.write(JSON.stringify(result));
"""


@pytest.fixture(scope="session")
def node() -> Callable[..., Any]:
    """Return a way to call an explorer's functions.

    `node("convolution", "(script, given) => script.convolve(...given)", given)`: what is given and
    what comes back travel as JSON.
    """
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node, which runs the explorers' JavaScript")

    def run(explorer: str, function: str, given: Any = None) -> Any:
        done = subprocess.run(
            [program, "-e", PROGRAM % function, str(EXPLORERS / f"{explorer}.js")],
            input=json.dumps(given),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
