"""What the tests of pages share: a call of the page's script, without a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cifarkit as ck

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK_JS = Path(ck.__file__).parent / "report" / "live" / "network.js"
CALL = """
const LiveNetwork = require(%s);
const given = JSON.parse(require("fs").readFileSync(0));
const result = (() => { %s })();
console.log(JSON.stringify(result, (_, value) =>
  ArrayBuffer.isView(value) ? Array.from(value) : value));
"""


@pytest.fixture(scope="session")
def in_node() -> Callable[..., Any]:
    """Return what runs the body of a function in node, with `LiveNetwork` and `given`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, to run the page's script without a browser")

    def run(body: str, **given: Any) -> Any:
        script = CALL % (json.dumps(str(NETWORK_JS)), body)
        done = subprocess.run(
            [node, "-e", script], input=json.dumps(given), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
