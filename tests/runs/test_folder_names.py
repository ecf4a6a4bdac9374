"""Folders of any name work, or are one clear error; those named after models are always safe."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.cli import train as command
from cifarkit.comparison.jobs import plan_jobs
from cifarkit.models.builders import NAME, check_name
from cifarkit.runs.folder import RunFolder
from cifarkit.storage.folders import expanded

DATA = ck.load_synthetic(n_train=40, n_test=10, val_size=10)
RESERVED = ["con", "nul", "AUX", "prn", "com1", "LPT9", "con.txt", "nul.tar.gz", "aux.", "con "]
PARTS = st.one_of(
    st.text(st.characters(blacklist_characters="/"), min_size=1, max_size=30),  # surrogates too
    st.text("ab. ~-'\"$*?<>|:\\\n\t\0", min_size=1, max_size=8),
    st.builds(lambda letter, times: letter * times, st.sampled_from("aé名."), st.integers(60, 300)),
    st.sampled_from(
        [*RESERVED, ".", "..", "~", "~nobody-of-that-name", "-rf", "ends. ", "run.json"]
    ),
)
PATHS = (
    st.lists(PARTS, min_size=1, max_size=2)
    .map("/".join)
    .filter(lambda name: not re.match("~[a-z]", name) or "nobody" in name)  # whose home it may be
)
quickly = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@contextlib.contextmanager
def working_deep_inside() -> Iterator[Path]:
    """Work in a folder so deep that no `..` leads out; it is `~` too. Give the outermost."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as outermost, pytest.MonkeyPatch.context() as patch:
        deep = Path(outermost).resolve() / "a" / "b" / "c"
        deep.mkdir(parents=True)
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(deep.parent))
        os.chdir(deep)
        try:
            yield deep.parents[2]
        finally:
            os.chdir(before)


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@example(name="a\0b", resume=False)
@example(name="\ud800", resume=True)
@example(name="~\0", resume=False)
@example(name="é" * 127, resume=True)
@example(name="../..", resume=False)
@example(name="con", resume=False)
@given(name=PATHS, resume=st.booleans())
@quickly
def test_a_run_goes_into_its_folder_or_nowhere(name: str, resume: bool) -> None:
    with working_deep_inside() as outermost:
        refused = None
        try:
            ck.train("linear", DATA, epochs=1, run_dir=name, resume=resume)
        except ck.RunFolderError as error:
            refused = str(error)
        if refused is not None:
            assert re.search(r"cannot be (made|written)|already holds", refused)
            assert refused.isprintable()
            assert not files_in(outermost)
            return
        folder = expanded(name)
        assert len(ck.load_run(name).history) == 1
        assert files_in(outermost) == files_in(folder.resolve())
        assert {path.name for path in files_in(folder.resolve())} == {
            *("checkpoint-final.safetensors", "history.csv", "run.json", "weights.safetensors")
        }


@given(name=PATHS)
@quickly
def test_reading_any_name_is_at_worst_a_typed_error(name: str) -> None:
    with working_deep_inside(), pytest.raises((ck.RunFolderError, ck.CheckpointError)):
        ck.load_run(name)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "~\0"])
def test_a_comparison_in_a_folder_that_cannot_be_is_a_typed_error(name: str) -> None:
    with working_deep_inside(), pytest.raises(ck.RunFolderError, match="choose another run_dir"):
        ck.compare(["linear", "mlp"], DATA, seeds=1, epochs=1, run_dir=name, show_progress=False)


NAMES = st.from_regex(NAME, fullmatch=True).filter(lambda name: len(name) <= 64)
NASTY = st.sampled_from(
    ["con", "nul", "aux", "com1", "a", "a-seed0", "a-seed0-2", "a-2", "a_seed0"]
)


def is_safe(name: str) -> bool:
    """Return whether every system takes a name for a file, and none for an option or device."""
    stem = name.split(".")[0].strip().casefold()
    device = re.fullmatch(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", stem)
    return bool(re.fullmatch(r"[a-z][a-z0-9_-]*", name)) and not device and len(name) <= 120


def as_any_system_sees(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().rstrip(". ")


@given(
    names=st.lists(NASTY | NAMES, min_size=1, max_size=6, unique=True),
    seeds=st.lists(
        st.integers(0, 2**63 - 1) | st.integers(0, 3), min_size=1, max_size=4, unique=True
    ),
)
@settings(max_examples=50)
def test_the_folders_of_a_comparison_are_safe_and_each_has_its_own(
    names: list[str], seeds: list[int]
) -> None:
    linear = ck.get_variant("linear")
    variants = [dataclasses.replace(linear, name=name) for name in names]
    with tempfile.TemporaryDirectory() as run_dir:
        cells = plan_jobs(
            variants,
            seeds,
            DATA,
            run_dir=Path(run_dir),
            device=torch.device("cpu"),
            callbacks=(),
        )
        folders = [cell.folder for cell in cells]
        assert all(folder.parent == Path(run_dir) and is_safe(folder.name) for folder in folders)
        distinct = {as_any_system_sees(folder.name) for folder in folders}
        assert len(distinct) == len(names) * len(seeds)


@given(name=NASTY | NAMES, other=NASTY | NAMES, seed=st.integers(0, 2**63 - 1))
@settings(max_examples=30)
def test_so_are_those_of_the_command_line(name: str, other: str, seed: int) -> None:
    folders: list[Path] = []

    def note_folder(
        variant: Any, splits: Any, given: Any, seed: int, folder: Path, *_: Any
    ) -> None:
        folders.append(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "train_and_report", note_folder)
        patch.setattr(command, "load_source", lambda source: DATA)
        patch.setattr("time.strftime", lambda form: "20260101-000000")  # in the same second
        patch.setattr(ck.models.registry, "get_variant", lambda name: ck.get_variant("linear"))
        for one in (name, other):
            command.train(one, seed=seed)
    assert all(folder.parent == Path("runs") and is_safe(folder.name) for folder in folders)
    assert (folders[0] == folders[1]) == (name == other)


@example(name="../evil")
@example(name="a/b")
@example(name="a\0")
@example(name="A")
@example(name="a" * 65)
@example(name="a\n")
@given(name=st.text() | st.from_regex(r"[a-zA-Z0-9._/ -]{1,70}", fullmatch=True))
@settings(max_examples=200)
def test_what_could_not_be_a_folder_is_no_name_of_a_model(name: str) -> None:
    try:
        check_name(name)
    except ck.ModelNameError:
        return
    assert is_safe(f"{name}-seed{2**63 - 1}")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "con.", "A", "a\0b"])
def test_nor_of_a_variant_made_by_hand_that_is_compared(name: str, tmp_path: Path) -> None:
    variant = dataclasses.replace(ck.get_variant("linear"), name=name)
    with pytest.raises(ck.ModelNameError, match="cannot be a model's name"):
        ck.compare([variant, "mlp"], DATA, seeds=1, epochs=1, run_dir=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_unsafe_names_would_be_found() -> None:
    """The negative control."""
    for name in (
        "con",
        "nul",
        "com1",
        "A-seed0",
        "../a-seed0",
        "a-seed0.",
        "-a",
        "a b",
        "é",
        "a" * 200,
    ):
        assert not is_safe(name)
    with pytest.raises(ck.RunFolderError, match="embedded null"):
        RunFolder(Path("a\0b")).check_free()
