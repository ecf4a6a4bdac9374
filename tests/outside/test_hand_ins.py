"""Folders that a class hands in, some of them hostile: each fails alone, in bounded memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import cifarkit as ck
from cifarkit.storage.tensor_file import load_tensors, save_tensors
from cifarkit.tables import printable

DATA = {"n_train": 200, "n_test": 1_000, "val_size": 20}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "ada"
    data = ck.load_synthetic(**DATA)
    ck.score_on_test(ck.train("linear", data, epochs=1, run_dir=folder), data)
    return folder


def change(part: str, /, **changes: Any) -> Callable[[Path], None]:
    """Write other things into `run.json`: at the top, or under that key."""

    def write(folder: Path) -> None:
        about = json.loads((folder / "run.json").read_text())
        place = about if part == "run" else about[part]
        place.update(changes)
        (folder / "run.json").write_text(json.dumps(about))

    return write


def replace(name: str, content: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)

    return write


def stretch(name: str, size: int = 20 * 2**30) -> Callable[[Path], None]:
    """Make a file of many bytes that costs nothing: its tail is a hole."""
    return lambda folder: os.truncate(folder / name, size)


def enter_pipe(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return write


def link(name: str, target: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return write


def declare_large_tensor(folder: Path) -> None:
    """Name a tensor of 20 GB, with a hole behind the header."""
    count = 5 * 2**30
    header = json.dumps(
        {"1.weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    ).encode()
    path = folder / "weights.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(path, 8 + len(header) + 4 * count)


def write_header(name: str, header: bytes, length: int | None = None) -> Callable[[Path], None]:
    """Write a tensor file that is only a header, which may be said to be longer than it is."""
    size = len(header) if length is None else length
    return replace(name, size.to_bytes(8, "little") + header)


def many_rows(folder: Path) -> None:
    """Write the classes of 130 million images, of a byte each, which become numbers of eight."""
    n = 130 * 10**6
    tensors = {"logits": ("F16", [1, 10], 20)}
    tensors |= {name: ("U8", [n], n) for name in ("predicted", "labels")}
    header, end = {}, 0
    for name, (kind, shape, size) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    write_header("test_logits.safetensors", text)(folder)
    stretch("test_logits.safetensors", 8 + len(text) + end)(folder)


NO_TENSORS = ",".join(
    f'"{n}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for n in range(1_500_000)
)
ROWS = {"logits": {"dtype": "F16", "shape": [10**9, 10], "data_offsets": [0, 2 * 10**10]}}


def write_zip(folder: Path) -> None:
    """Put an archive of zeros in the place of the weights."""
    with zipfile.ZipFile(folder / "weights.safetensors", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**26))


def write_pickle(folder: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, folder / "weights.safetensors")


def swap_predictions(folder: Path) -> None:
    save_file({"logits": torch.zeros(2**10, 2**10)}, folder / "test_logits.safetensors")


HOSTILE: dict[str, Callable[[Path], None]] = {
    "a record of 20 GB": stretch("run.json"),
    "a history of 20 GB": stretch("history.csv"),
    "weights of 20 GB": stretch("weights.safetensors"),
    "a tensor of 20 GB": declare_large_tensor,
    "test predictions of 20 GB": stretch("test_logits.safetensors"),
    "an evaluation of 20 GB": lambda folder: (
        replace("evaluation.json", "{}")(folder),
        stretch("evaluation.json")(folder),
    )[-1],
    "a record nested deep": replace("run.json", "[" * 100_000),
    "a recipe nested deep": change(
        "run", recipe=json.loads('{"augment":' + "[" * 900 + "]" * 900 + "}")
    ),
    "a number of 5,000 digits": replace("run.json", '{"format": ' + "9" * 5_000 + "}"),
    "a format that is not a number": change("run", format=float("nan")),
    "facts that are a list": change("run", facts=[]),
    "a record that is a list": replace("run.json", "[]"),
    "a seed that is a text": change("run", seed="\x1b[2J"),
    "a seed that is huge": change("run", seed=10**300),
    "10^12 epochs": change("recipe", epochs=10**12),
    "a learning rate that is infinite": change("recipe", optimizer={"kind": "SGD", "lr": 1e400}),
    "10 million classes": change("run", classes=["cat"] * 10**7),
    "a variant of a billion units": change(
        "variant", name="mlp", options={"widths": [10**9, 10**9]}
    ),
    "a variant that is a list": change("run", variant=[]),
    "a status that is a list": change("facts", status=[]),
    "a callback that is a number": change("facts", callbacks=[7]),
    "what changed is a number": change("facts", changed_by_callbacks=7),
    "a name that steers the terminal": change("facts", data={"name": "\x1b]0;x\x07"}),
    "a history with a million columns": replace("history.csv", "a," * 10**6 + "\n1"),
    "a history with a field of 2 MB": replace("history.csv", "epoch\n" + "1" * 2 * 10**6),
    "a history with a quote": replace("history.csv", 'epoch,lr\n"1'),
    "a record that is a pipe": enter_pipe("run.json"),
    "weights that are a pipe": enter_pipe("weights.safetensors"),
    "a record that is a link to zeros": link("run.json", "/dev/zero"),
    "a record that is a link to itself": link("run.json", "run.json"),
    "weights that are a pickle": write_pickle,
    "other test predictions": swap_predictions,
    "weights that are a folder": lambda folder: (
        (folder / "weights.safetensors").unlink(),
        (folder / "weights.safetensors").mkdir(),
    )[-1],
    "a history of ten million rows": replace("history.csv", "epoch\n" + "1\n" * 10**7),
    "a history of many short rows": replace("history.csv", "a," * 10**5 + "\n" + "1\n" * 10**5),
    "test predictions of 10^9 rows": write_header(
        "test_logits.safetensors", json.dumps(ROWS).encode()
    ),
    "test predictions of many bytes": many_rows,
    "a header of 2^62 bytes": write_header("weights.safetensors", b"{}", 2**62),
    "a header of a million names": write_header(
        "test_logits.safetensors", f"{{{NO_TENSORS}}}".encode()
    ),
    "an evaluation nested deep": replace("evaluation.json", "[" * 100_000),
    "weights that are a zip": write_zip,
    "a record that is not text": replace("run.json", b"\xff\xfe\x00"),
}
MARK = """
import resource, sys
from pathlib import Path
import cifarkit as ck
import cifarkit.verification.same_logits
from cifarkit.cli.main import app

ck.verify, ck.load_synthetic, ck.load_run  # to import them takes more than to use them
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 1536 * 2**20,) * 2)
app(sys.argv[1:], standalone_mode=False)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and named pipes")
def test_every_bad_folder_fails_alone_in_little_memory(good: Path, tmp_path: Path) -> None:
    """One program marks them all, with 1.5 GB; the good ones among them are verified."""
    for number, (name, spoil) in enumerate(HOSTILE.items()):
        folder = tmp_path / f"{number:02} {name}"
        shutil.copytree(good, folder)
        spoil(folder)
    for name in ("00 ada", "99 zoe"):
        shutil.copytree(good, tmp_path / name)
    folders = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", MARK, "verify", "--json", *folders],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(ck.__file__).parents[1])},
        timeout=300,
    )
    assert done.returncode == 0 or "Exit" in done.stderr, done.stderr[-2000:]
    found = {one["folder"]: one for one in json.loads(done.stdout.splitlines()[-1])}
    assert sorted(found) == folders
    assert {name for name, one in found.items() if one["passed"]} == {"00 ada", "99 zoe"}
    for one in found.values():
        said = [finding["message"] for finding in one["findings"] if finding["outcome"] == "failed"]
        assert one["passed"] or (said and len(said[0]) < 3_000)
        assert "MemoryError" not in "".join(said), one["folder"]


def test_without_the_cap_a_large_file_would_be_read(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a record that is merely padded is read under a larger cap."""
    folder = tmp_path / "run"
    shutil.copytree(good, folder)
    with (folder / "run.json").open("a") as file:
        file.write(" " * 2**25)
    with pytest.raises(ck.RunFolderError, match=r"has 33,5.* bytes; allowed are 33,554,432"):
        ck.load_run(folder)
    monkeypatch.setattr("cifarkit.storage.foreign_text.LARGEST", 2**26)
    assert ck.load_run(folder).is_over


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "a\rb", "a\nb", "\u202egnp.exe", "\udcff"])
def test_what_steers_a_terminal_is_printed_as_its_code(
    text: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cifarkit.cli.saying import echo

    assert not text.isprintable()  # the negative control
    assert printable(text).isprintable()
    assert printable("é 中 ok") == "é 中 ok"
    echo(f"runs/{text}: verified")
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


@pytest.mark.skipif(os.name == "nt", reason="such names are not to be had there")
def test_a_folder_whose_name_holds_lines_is_one_line(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x\n60 of 60 verified\x1b[2J"
    shutil.copytree(good, folder)
    (folder / "run.json").write_text("{}")
    with pytest.raises(SystemExit):
        ck_main(["verify", str(folder)])
    said = capsys.readouterr().out
    assert "\n60 of 60" not in said
    assert "\x1b" not in said


def ck_main(words: list[str]) -> None:
    from cifarkit.cli.main import app

    app(words)


# --- forgeries that the weights alone do not tell


def forge_predictions(folder: Path) -> None:
    """Turn one close answer into the right one, and the score with it."""
    path = folder / "test_logits.safetensors"
    tensors, _ = load_tensors(path)
    logits, predicted, labels = (tensors[name] for name in ("logits", "predicted", "labels"))
    top = logits.float().topk(2, dim=1)
    gaps = (top.values[:, 0] - top.values[:, 1]) + 1e9 * (predicted == labels)
    row = int((gaps + 1e9 * (top.indices[:, 1] != labels.long())).argmin())
    logits[row, labels[row].long()] = logits[row].max()
    predicted[row] = labels[row]
    save_tensors(path, {"logits": logits, "predicted": predicted, "labels": labels})
    _rescore(folder)


def _rescore(folder: Path) -> None:
    from cifarkit.runs.test_predictions import TestPredictions
    from cifarkit.verification.record_checks import _loss_of

    predictions = TestPredictions.load(folder)
    score = {
        "n": len(predictions.labels),
        "accuracy": predictions.accuracy,
        "loss": _loss_of(predictions)[0],
    }
    change("facts", test=score)(folder)


def forge_history(folder: Path) -> None:
    lines = (folder / "history.csv").read_text().splitlines()
    names, numbers = lines[0].split(","), lines[1].split(",")
    numbers[names.index("train_accuracy")] = "0.99"
    (folder / "history.csv").write_text(f"{lines[0]}\n{','.join(numbers)}\n")


@pytest.mark.parametrize("forge", [forge_predictions, forge_history])
def test_training_again_finds_what_was_written_over(
    forge: Callable[[Path], None], good: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(good, folder)
    data = ck.load_synthetic(**DATA)
    assert ck.verify(folder, data, retrain=True).passed  # the negative control
    forge(folder)
    assert ck.verify(folder, data).passed
    found = ck.verify(folder, data, retrain=True)
    assert not found.passed, str(found)
    assert found.repeated == "bitwise equal"


def test_names_are_shown_as_they_are_in_markdown_and_html(
    make_comparison: Callable[..., ck.Comparison],
) -> None:
    name = '<img src=x onerror="alert(1)"> | [a](b) $x$'
    comparison = make_comparison({"baseline": [0.5, 0.6], "mlp": [0.4, 0.5]}, data=name)
    assert "<img" not in comparison.to_markdown()
    assert "&lt;img" in comparison.to_markdown()
    assert "](b)" not in comparison.to_markdown().replace(r"\[a](b)", "")
    assert "<img" not in comparison._repr_html_()
    assert np.isfinite(comparison.table["mean"]).all()
