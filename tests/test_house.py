"""The laws of the house that a machine can hold: floors, public names, cost of import."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cifarkit as ck

PACKAGE = Path(ck.__file__).parent
# A module imports from its own package and from floors above it in this list, which is the
# house from the ground up. What stands on one line shares a floor and does not import each other.
FLOORS = [
    {
        "errors",
        "warn",
        "extras",
        "renamed",
        "annotations",
        "arguments",
        "synonyms",
        "foreign_words",
        "foreign_names",
        "guidance",
        "values",
        "randomness",
        "modes",
        "tables",
        "blocks",
        "display",
        "findings",
        "exercises",
    },
    {"storage"},
    {"data", "practise"},
    {"recipes"},
    {"models"},
    {"evaluation"},
    {"inspection"},
    {"runs"},
    {"training"},
    {"comparison"},
    {"verification", "tuning"},
    {"plots"},
    {"report"},
    {"cli"},
]
GROUND = {
    *(("annotations", "errors"), ("values", "errors"), ("values", "annotations")),
    *(("values", "tables"), ("findings", "tables"), ("blocks", "tables"), ("values", "blocks")),
    *(("display", "tables"), ("display", "blocks")),
    *(("arguments", "errors"), ("arguments", "annotations")),
    *(("guidance", "errors"), ("guidance", "foreign_words"), ("guidance", "synonyms")),
    *(("foreign_words", "synonyms"), ("annotations", "guidance"), ("warn", "errors")),
    *(("extras", "errors"), ("renamed", "warn"), ("findings", "renamed")),
    *(("foreign_names", "foreign_words"), ("foreign_names", "synonyms")),
    ("guidance", "foreign_names"),
    ("modes", "randomness"),
    *(("values", "synonyms"), ("values", "guidance")),
}
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in FLOOR_OF
)
HEAVY = ("torch", "torchvision", "matplotlib", "seaborn", "sklearn", "scipy", "pandas")


def imported_rooms(source: str) -> set[str]:
    """Name the rooms of cifarkit that a source imports, at the top or inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "cifarkit":
            rooms |= {alias.name for alias in node.names if alias.name in FLOOR_OF}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cifarkit."):
            rooms.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("cifarkit.")}
    return rooms


def climbs(room: str, source: str) -> set[str]:
    """Name the rooms that a source imports though they are not below its own."""
    return {
        other
        for other in imported_rooms(source) - {room}
        if FLOOR_OF[other] >= FLOOR_OF[room] and (room, other) not in GROUND
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert climbs(room, path.read_text(encoding="utf-8")) == set()


def test_an_import_that_climbs_would_be_found() -> None:
    assert climbs("data", "def f():\n    from cifarkit.runs.run import Run") == {"runs"}
    assert climbs("data", "import cifarkit.plots") == {"plots"}
    assert climbs("evaluation", "from cifarkit import plots") == {"plots"}


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")} - {"py"}
    assert rooms == set(FLOOR_OF)


def modules() -> dict[str, str]:
    """Return the source of every module of cifarkit, by its name."""
    files = {path: path.relative_to(PACKAGE.parent).with_suffix("") for path in FILES}
    return {
        ".".join(name.parts).removesuffix(".__init__"): path.read_text(encoding="utf-8")
        for path, name in files.items()
    }


def imports(source: str, known: Container[str]) -> set[str]:
    """Name the modules that a source imports, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in known}


def in_order(sources: dict[str, str]) -> list[str]:
    """Return the modules, each after those that it imports.

    Raises:
        CycleError: one imports itself by way of others.
    """
    below = {name: imports(source, sources) - {name} for name, source in sources.items()}
    return list(TopologicalSorter(below).static_order())


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert set(in_order(modules())) == modules().keys()


def test_a_circle_would_be_found() -> None:
    sources = {
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from b import B",
        "b": "def f():\n    import c",
        "c": "",
    }
    assert in_order(sources) == ["c", "b", "a"]
    with pytest.raises(CycleError):
        in_order(sources | {"c": "import a"})


def test_nothing_is_read_back_from_how_python_prints_it() -> None:
    """But records of format 1; and what users type: an advice in their words, a transform."""
    readers = {name for name, source in modules().items() if "literal_eval" in source}
    assert readers <= {*("cifarkit.runs.format_1", "cifarkit.data.transform", "cifarkit.guidance")}


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("test_*.py")), ids=str)
def test_a_file_of_tests_has_tests(path: Path) -> None:
    assert "\ndef test_" in path.read_text(encoding="utf-8")


def taken(source: str) -> Iterator[tuple[str, str]]:
    """Yield each module of cifarkit that a source imports names from, with the name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cifarkit."):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_another_room_takes_is_meant_to_be_taken(path: Path) -> None:
    for module, name in taken(path.read_text(encoding="utf-8")):
        room = importlib.import_module(module)
        file = Path(room.__file__ or "")
        is_module = file.name == "__init__.py" and (file.parent / f"{name}.py").exists()
        assert name in getattr(room, "__all__", ()) or is_module, f"{module}.{name}"


def test_a_name_that_is_taken_would_be_seen() -> None:
    source = "def f():\n    from cifarkit.runs.run import Run, OVER"
    names = [("cifarkit.runs.run", name) for name in ("Run", "OVER")]
    assert list(taken(source)) == names


def test_only_plots_and_report_know_matplotlib() -> None:
    for path in FILES:
        room = path.relative_to(PACKAGE).parts[0]
        drawing = "import matplotlib" in (text := path.read_text(encoding="utf-8"))
        drawing = drawing or "from matplotlib" in text or "seaborn" in text
        assert not drawing or room in ("plots", "report", "cli"), path


def test_each_public_name_is_written_once_and_is_there() -> None:
    names = [name for name in ck.__all__ if name != "__version__"]
    assert len(names) == len(set(names))
    assert sorted(ck.__all__) == dir(ck)


@pytest.mark.parametrize(("old", "new"), ck._RENAMED.items())
def test_an_old_public_name_works_and_warns(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"ck\.{old} is now called ck\.{new}; .* 0\.2"):
        assert getattr(ck, old) is getattr(ck, new)
    assert old not in ck.__all__


def lacks(thing: object) -> list[str]:
    """Name what a docstring owes its reader and has not."""
    text = inspect.getdoc(thing) or ""
    is_error = isinstance(thing, type) and issubclass(thing, BaseException | Warning)
    owed = [] if is_error or inspect.ismodule(thing) else [">>> "]
    if inspect.isfunction(thing) and inspect.signature(thing).parameters:
        owed.append("Args:\n")
    return [one for one in owed if one not in text]


@pytest.mark.parametrize("name", [name for name in ck.__all__ if name != "__version__"])
def test_every_public_docstring_has_an_example_and_says_what_it_takes(name: str) -> None:
    assert lacks(getattr(ck, name)) == []


def test_a_docstring_without_them_would_be_seen() -> None:
    def bare(images: object) -> None:
        """Do something."""

    assert lacks(bare) == [">>> ", "Args:\n"]


@pytest.mark.parametrize("name", ck.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ck, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="cifarkit has no tain: did you mean train"):
        _ = ck.tain


def loaded_by(code: str) -> set[str]:
    """Name the heavy packages that a fresh process has loaded after running some code."""
    tail = f"\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import cifarkit") == set()


def test_the_models_can_be_listed_without_torch() -> None:
    assert loaded_by("import cifarkit; cifarkit.list_models()") == set()
    assert loaded_by("import cifarkit; cifarkit.create_model('linear')") == {"torch"}


def test_help_answers_without_torch() -> None:
    code = "import sys; sys.argv = ['cifarkit', '--help']\nfrom cifarkit.cli.main import main\n"
    assert loaded_by(code + "try: main()\nexcept SystemExit: pass") == set()


def test_training_loads_no_plotting() -> None:
    code = (
        "import cifarkit as ck; data = ck.load_synthetic(n_train=50, n_test=20, val_size=10)\n"
        "ck.train('linear', data, epochs=1)"
    )
    assert loaded_by(code) == {"torch"}


def test_importing_writes_no_file(tmp_path: Path) -> None:
    code = "import cifarkit as ck\nfor name in ck.__all__: getattr(ck, name)"
    environment = {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "mpl"), "PATH": ""}
    subprocess.run([sys.executable, "-B", "-c", code], check=True, env=environment, cwd=tmp_path)
    ours = [path for path in tmp_path.rglob("*") if "mpl" not in path.parts and path.is_file()]
    assert [path for path in ours if "matplotlib" not in str(path)] == []
