"""Weights from files: foreign ones only when asked for, and never any code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import cifarkit as ck

GADGETS = {
    "os.system": ("os", "system", "touch {canary}"),
    "posix.system": ("posix", "system", "touch {canary}"),
    "eval": ("builtins", "eval", "open({canary!r}, 'w').close()"),
    "exec": ("builtins", "exec", "open({canary!r}, 'w').close()"),
    "open": ("builtins", "open", "{canary}", "w"),
    "subprocess.getoutput": ("subprocess", "getoutput", "touch {canary}"),
    "os.mkdir": ("os", "mkdir", "{canary}"),
    "runpy.run_path": ("runpy", "run_path", "{script}"),
    "pathlib touch": ("pathlib", "Path.touch", "{canary}"),
    "shutil.copy": ("shutil", "copy", "{script}", "{canary}"),
}


def gadget(words: tuple[str, ...], folder: Path) -> bytes:
    """Return a pickle that calls a function when it is read."""
    fill = {"canary": str(folder / "canary"), "script": str(folder / "script.py")}
    module, name, *arguments = (word.format(**fill) for word in words)
    push = b"".join(pickle.dumps(argument, protocol=4)[2:-1] for argument in arguments)
    call = f"{module}\n{name}\n".encode() if "." not in name else b"builtins\nprint\n"
    if "." in name:  # reached by two look-ups, as newer pickles may
        call = b""
        look_up = b"\x8c" + bytes([len(module)]) + module.encode()
        look_up += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"
        return b"\x80\x04" + look_up + b"(" + push + b"tR."
    return b"\x80\x04c" + call + b"(" + push + b"tR."


def as_bare_pickle(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def as_archive(content: bytes, path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, content if name.endswith("data.pkl") else part)


def as_old_file(content: bytes, path: Path) -> None:
    """Torch's format before 1.6: several pickles one after the other."""
    numbers = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2), pickle.dumps(1001, protocol=2)
    path.write_bytes(b"".join(numbers) + pickle.dumps({}, protocol=2) + content)


@pytest.fixture
def script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()")


@pytest.mark.usefixtures("script")
@pytest.mark.parametrize("form", [as_bare_pickle, as_archive, as_old_file])
@pytest.mark.parametrize("words", GADGETS.values(), ids=GADGETS.keys())
def test_no_hostile_file_runs_code(
    words: tuple[str, ...], form: Callable[[bytes, Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    places = ["weights.safetensors", "checkpoint.safetensors", "theirs.pth"]
    for place in places:
        form(gadget(words, tmp_path), folder / place)
    model = nn.Linear(2, 1)
    readings: list[Callable[[], Any]] = [
        lambda: ck.load_weights(model, folder),
        lambda: ck.load_weights(model, folder / "checkpoint.safetensors"),
        lambda: ck.load_weights(model, folder / "theirs.pth"),
        lambda: ck.import_weights(folder / "theirs.pth"),
    ]
    for reading in readings:
        with pytest.raises(ck.CheckpointError):
            reading()
    assert not (tmp_path / "canary").exists()


@pytest.mark.usefixtures("script")
@pytest.mark.parametrize("words", GADGETS.values(), ids=GADGETS.keys())
def test_pickle_itself_would_have_run_it(words: tuple[str, ...], tmp_path: Path) -> None:
    """The negative control: the payloads do what they are meant to."""
    result = pickle.loads(gadget(words, tmp_path))
    if hasattr(result, "close"):
        result.close()
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_anothers_weights_are_imported(wrapper: str | None, prefix: str, tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    theirs: Any = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    torch.save({wrapper: theirs, "epoch": 3} if wrapper else theirs, tmp_path / "theirs.pth")
    ours = nn.Linear(3, 2)
    ours.load_state_dict(ck.import_weights(tmp_path / "theirs.pth"))
    assert torch.equal(ours.weight, model.weight)


@pytest.mark.parametrize("content", [3, [torch.ones(1)], {}, {"a": 1}, {1: torch.ones(1)}])
def test_what_holds_no_weights_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(ck.CheckpointError, match="holds no weights"):
        ck.import_weights(tmp_path / "file.pth")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04.", b"\xff" * 100])
def test_what_is_damaged_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(ck.CheckpointError, match="cannot be imported"):
        ck.import_weights(tmp_path / "file.pth")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ck.CheckpointError, match="there are no weights"):
        ck.import_weights(tmp_path / "none.pth")


def test_a_pth_given_to_load_weights_says_what_to_call(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "theirs.pth")
    with pytest.raises(ck.CheckpointError, match="import_weights"):
        ck.load_weights(nn.Linear(2, 1), tmp_path / "theirs.pth")


def test_a_tilde_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: ck.Splits) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    run = ck.train("linear", tiny, epochs=1, run_dir="~/run")
    model = ck.create_model("linear")
    ck.load_weights(model, "~/run")
    assert torch.equal(model[1].weight, run.model[1].weight)  # type: ignore[index]
    assert ck.write_report(run, tiny, "~/page.html") == tmp_path / "page.html"


def test_weights_go_into_a_network_and_not_into_its_run(tiny: ck.Splits, tmp_path: Path) -> None:
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    with pytest.raises(ck.ModelContractError, match=r"pass its \.model"):
        ck.load_weights(run, tmp_path / "run")
