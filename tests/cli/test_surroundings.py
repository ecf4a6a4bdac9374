"""A machine without a home, a display or anybody who reads: the work is done all the same."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import cifarkit as ck

KEPT = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
# Nor does the system know of a home: a user without an entry, as in some containers.
NOBODY = """
import pwd, sys
def nobody(*_):
    raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = nobody
from cifarkit.cli.main import main
main()
"""
needs_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="closes streams by a shell that Windows has not"
)


@pytest.fixture
def line(pictures: Path, tmp_path: Path) -> str:
    """Return a command as typed in the folder of the test, but for where its run goes to."""
    program = tmp_path / "program.py"
    program.write_text(NOBODY)
    words = [sys.executable, program.name, "train", "linear", "--data", pictures.name]
    return shlex.join([*words, "--epochs", "2", "--run-dir"])


def typed(line: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Type a line in a shell that knows no more than where programs are."""
    done = subprocess.run(
        line,
        shell=True,
        capture_output=True,
        text=True,
        env={**KEPT, "PYTHONPATH": str(Path(ck.__file__).parents[1]), **more},
        cwd=folder,
        check=False,
    )
    print(done.stdout, done.stderr)
    return done


def is_whole(folder: Path) -> bool:
    """Return whether all that `cifarkit train` leaves is there: run, numbers, figures."""
    figures = sorted(path.stem for path in (folder / "figures").iterdir())
    for figure in figures:
        with Image.open(folder / "figures" / f"{figure}.png") as picture:
            picture.load()
    evaluated = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return "confusion" in figures and "loss" in figures and "accuracy" in evaluated


@needs_posix
def test_it_works_without_a_home_or_a_display(line: str, tmp_path: Path) -> None:
    """Also where a window is asked for, and a folder below the home that is not there."""
    done = typed(f"{line} '~/run'", tmp_path, MPLBACKEND="TkAgg")
    assert done.returncode == 0
    assert is_whole(tmp_path / "~" / "run")


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@needs_posix
@pytest.mark.parametrize(
    ("streams", "status"),
    [
        ("<&- >&- 2>&-", 0),
        ("2>&1 | true", 0),
        pytest.param(">/dev/full 2>/dev/full", 120, marks=FULL),  # Python's own, for a lost flush
    ],
)
def test_streams_that_are_closed_full_or_read_by_nobody_cost_no_result(
    streams: str, status: int, line: str, tmp_path: Path
) -> None:
    done = typed(f"{line} run {streams}", tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert ck.load_run(tmp_path / "run").status == "finished"
    assert is_whole(tmp_path / "run")


@needs_posix
@FULL
def test_a_script_that_prints_would_die_of_it(tmp_path: Path) -> None:
    """The negative control."""
    script = "import sys; print('hello', file=sys.stderr, flush=True); open('done', 'w')"
    typed(f"{shlex.join([sys.executable, '-c', script])} 2>/dev/full", tmp_path)
    assert not (tmp_path / "done").exists()


@needs_posix
def test_a_file_where_the_folder_should_be_is_one_message_before_any_data_is_read(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    done = typed(f"{line} file/below", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    said, _pointer = done.stderr.splitlines()
    assert said.startswith("cifarkit: the run folder 'file/below' cannot be made: ")
    assert said.endswith("choose another run_dir")
    assert (tmp_path / "file").read_text() == "mine"
