"""However torch and the rest came onto a machine, a run with a folder is what it is elsewhere."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.models.code import code_digest
from cifarkit.models.user_code import is_user_code

STUDENT = """
import json
import sys

import torch
from torch import nn

import cifarkit as ck
from cifarkit.models.user_code import is_user_code
from layers import Scaled


@ck.register_model("mine")
def build(*, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes), Scaled(torch.ones(1)))


if __name__ == "__main__":
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=20)
    run = ck.train("mine", data, epochs=1, seed=0, device="cpu", run_dir="run")
    print(json.dumps({
        "torch": torch.__file__,
        "purelib": __import__("sysconfig").get_path("purelib"),
        "own": [is_user_code(nn.Linear), is_user_code(build), is_user_code(Scaled)],
        "code": run.variant.code,
        "loss": ck.load_run("run").history[-1]["train_loss"],
    }))
"""
LAYERS = """
from torch import nn

class Scaled(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, images):
        return images * self.scale
"""
HOME = Path(ck.__file__).parents[1]
SITES = [Path(path) for path in sys.path if list(Path(path).glob("*.dist-info"))]


def linked(folder: Path) -> Path:
    """Fill a folder as `pip install --target` does, with links in place of copies."""
    folder.mkdir(parents=True)
    for site in SITES:
        for path in site.iterdir():
            if path.suffix != ".pth" and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def bare(folder: Path) -> Path:
    """Make an environment in which nothing is installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return next(path for path in folder.glob("*/python*") if path.stem == "python")


def pythonpath(folder: Path) -> tuple[Path, dict[str, str]]:
    places = [HOME, *SITES]
    return bare(folder / "bare"), {"PYTHONPATH": os.pathsep.join(map(str, places))}


def target(folder: Path) -> tuple[Path, dict[str, str]]:
    places = [HOME, linked(folder / "target")]
    return bare(folder / "bare"), {"PYTHONPATH": os.pathsep.join(map(str, places))}


def pth(folder: Path) -> tuple[Path, dict[str, str]]:
    python = bare(folder / "bare")
    (site,) = folder.glob("bare/**/site-packages")
    (site / "elsewhere.pth").write_text("\n".join(map(str, [HOME, *SITES])))
    return python, {}


def user_site(folder: Path) -> tuple[Path, dict[str, str]]:
    python = Path(getattr(sys, "_base_executable", sys.executable))
    settings = {"PYTHONUSERBASE": str(folder / "user")}
    site = subprocess.run(
        [python, "-c", "import site; print(site.getusersitepackages())"],
        **{"env": os.environ | settings, "check": True, "capture_output": True, "text": True},
    ).stdout.strip()
    (linked(Path(site)) / "home.pth").write_text(str(HOME))
    return python, settings


def ran(python: Path | str, settings: dict[str, str], folder: Path) -> dict[str, Any]:
    """Let the student's script train in a fresh process, and return what it found."""
    folder.mkdir(exist_ok=True)
    (folder / "student.py").write_text(STUDENT)
    (folder / "layers.py").write_text(LAYERS)
    removed = {"PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    ended = subprocess.run(
        [python, "student.py"],
        cwd=folder,
        env=kept | {"CIFARKIT_DATA": str(folder / "data")} | settings,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("usual")
    return ran(sys.executable, {"PYTHONPATH": str(HOME)}, folder)


@pytest.mark.skipif(os.name == "nt", reason="links need rights that students have not")
@pytest.mark.parametrize("layout", [pythonpath, target, pth, user_site])
def test_wherever_torch_is_installed_the_run_and_its_code_are_the_same(
    layout: Callable[[Path], tuple[Path, dict[str, str]]], usual: dict[str, Any], tmp_path: Path
) -> None:
    found = ran(*layout(tmp_path), tmp_path / "work")
    assert not found["torch"].startswith(found["purelib"])
    assert found["own"] == usual["own"] == [False, True, True]
    assert (found["code"], found["loss"]) == (usual["code"], usual["loss"])


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Return what lays files into a folder, or an archive, and imports a module from there."""
    before = set(sys.modules)

    def imported(files: dict[str, str], name: str, archive: str = "") -> ModuleType:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        if archive:
            shutil.move(
                shutil.make_archive(str(tmp_path / "it"), "zip", tmp_path), tmp_path / archive
            )
        monkeypatch.syspath_prepend(str(tmp_path / archive))
        if name in sys.modules:
            monkeypatch.delitem(sys.modules, name)
        return importlib.import_module(name)

    yield imported
    for name in set(sys.modules) - before:
        del sys.modules[name]


CODE = "def build(): ...\n"
WHEEL = {"it_pkg-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: it-pkg\nVersion: 1.0\n"}
INSTALLED: dict[str, tuple[dict[str, str], str]] = {
    "a package, by its record": (
        {
            "it_pkg/__init__.py": "",
            "it_pkg/deep/part.py": CODE,
            "it_pkg-1.0.dist-info/RECORD": "it_pkg/__init__.py,,\nit_pkg/deep/part.py,,\n",
        },
        "it_pkg.deep.part",
    ),
    "a single module": (
        {"it_alone.py": CODE, "it_pkg-1.0.dist-info/RECORD": "it_alone.py,sha256=x,9\n"},
        "it_alone",
    ),
    "a namespace package": (
        {
            "it_space/part.py": CODE,
            "it_pkg-1.0.dist-info/RECORD": "it_space/part.py,,\n",
        },
        "it_space.part",
    ),
    "a package, by its top level": (
        {"it_top.py": CODE, "it_pkg-1.0.dist-info/top_level.txt": "it_top\n"},
        "it_top",
    ),
    "a package without lists, by the distribution's name": ({"it_pkg.py": CODE}, "it_pkg"),
}
OWN: dict[str, tuple[dict[str, str], str]] = {
    "a loose file": ({"my_net.py": CODE}, "my_net"),
    "a file beside what was installed into its folder": (
        {"my_net.py": CODE, **WHEEL, "it_pkg-1.0.dist-info/RECORD": "it_pkg.py,,\n"},
        "my_net",
    ),
    "a package in editable mode, beside which setuptools has left its notes": (
        {
            "my_package/__init__.py": CODE,
            "my_package.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: my-package\n",
            "my_package.egg-info/top_level.txt": "my_package\n",
            "my_package.egg-info/SOURCES.txt": "pyproject.toml\nmy_package/__init__.py\n",
        },
        "my_package",
    ),
    "a file with the name of one of Python's": ({"this.py": CODE}, "this"),
    "a file with the name of an installed one": (
        {"typing_extensions.py": CODE},
        "typing_extensions",
    ),
}


@pytest.mark.parametrize("archive", ["", "it.whl"])
@pytest.mark.parametrize("what", INSTALLED)
def test_what_a_distribution_has_put_somewhere_is_not_the_user_s(
    what: str, archive: str, imported: Callable[..., ModuleType]
) -> None:
    files, name = INSTALLED[what]
    module = imported(WHEEL | files, name, archive)
    assert [is_user_code(module), is_user_code(module.build)] == [False, False]


@pytest.mark.parametrize("archive", ["", "it.zip"])
@pytest.mark.parametrize("what", [*OWN, *INSTALLED])
def test_what_no_distribution_has_put_there_is_the_user_s(
    what: str, archive: str, imported: Callable[..., ModuleType]
) -> None:
    files, name = (OWN | INSTALLED)[what]
    if what in INSTALLED:  # the same files, without what the distribution says of them
        files = {path: text for path, text in files.items() if ".dist-info" not in path}
    module = imported(files, name, archive)
    assert [is_user_code(module), is_user_code(module.build)] == [True, True]


def test_what_is_installed_while_python_runs_counts(imported: Callable[..., ModuleType]) -> None:
    files, name = INSTALLED["a single module"]
    own = imported({"my_net.py": CODE}, "my_net")
    assert is_user_code(own)
    assert not is_user_code(imported(WHEEL | files, name))
    assert is_user_code(own)


def test_a_module_that_is_copied_by_hand_into_site_packages_is_the_user_s() -> None:
    module = ModuleType("my_copy")
    module.__file__ = str(Path(sysconfig.get_path("purelib")) / "my_copy.py")
    assert is_user_code(module)
    module.__file__ = pytest.__file__
    assert not is_user_code(module)


@pytest.mark.parametrize("name", ["_collections_abc", "_json", "sys", "os.path", "numpy.random"])
def test_what_comes_with_python_and_with_torch_is_not_the_user_s(name: str) -> None:
    assert not is_user_code(importlib.import_module(name))
    assert not is_user_code(torch.ops)


def test_a_file_that_was_run_without_being_entered_anywhere_is_the_user_s(tmp_path: Path) -> None:
    def digest(number: int) -> str:
        text = f"def helper(): return {number}\ndef build(): return helper()\n"
        (tmp_path / "net.py").write_text(text)
        spec = importlib.util.spec_from_file_location("entered_nowhere", tmp_path / "net.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        exec(compile(text, str(tmp_path / "net.py"), "exec"), vars(module))
        assert is_user_code(module.build)
        return code_digest(module.build)

    assert digest(1) == digest(1) != digest(2)


class Lazy:
    """Answers to every name with an error, as modules do that import their parts late."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no member called {name}")


class Endless:
    """Answers to every name with another of its kind, as expressions of query libraries do."""

    def __getattr__(self, name: str) -> Any:
        return Endless()


USED = [Lazy(), Endless(), torch.ones(2, dtype=torch.bfloat16), torch.eye(2).to_sparse()]


@pytest.mark.parametrize("thing", USED, ids=["lazy", "endless", "bfloat16", "sparse"])
def test_a_builder_may_use_things_that_cannot_be_looked_into(thing: Any) -> None:
    def build(*, num_classes: int = 10, thing: Any = thing) -> None: ...

    assert code_digest(build) == code_digest(build)


def test_numbers_that_numpy_does_not_know_count() -> None:
    digests = {code_digest(torch.full((2,), value, dtype=torch.bfloat16)) for value in (1, 1, 2)}
    assert len(digests) == 2
