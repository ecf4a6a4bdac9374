from __future__ import annotations

import random
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch

import cifarkit as ck
from cifarkit.models import plugins
from cifarkit.models.model_files import import_file
from cifarkit.models.plugins import load_entry_points
from cifarkit.models.registry import registry

GOOD = """
import cifarkit as ck
from torch import nn

@ck.register_model("guest", summary="from elsewhere")
def guest(*, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
"""


@pytest.fixture(autouse=True)
def _fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write no bytecode, and forget what a test imported."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("plugin_", "cifarkit_imported_", "helper_")):
            del sys.modules[name]


class Installer:
    """Write plugin modules and pretend that they are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[EntryPoint] = []

    def add(self, name: str, source: str) -> None:
        (self.folder / f"plugin_{name}.py").write_text(textwrap.dedent(source))
        self.entries.append(EntryPoint(name, f"plugin_{name}", plugins.GROUP))

    def found(self, *, group: str) -> list[EntryPoint]:
        assert group == "cifarkit.models"
        return self.entries


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "entry_points", installer.found)
    return installer


def test_a_good_plugins_variants_are_there(installed: Installer) -> None:
    installed.add("good", GOOD)
    load_entry_points(registry.all_or_nothing)
    assert ck.get_variant("guest").summary == "from elsewhere"
    assert ck.create_model("guest", num_classes=3) is not None


def test_plugins_are_loaded_at_the_first_look_up_and_once(
    installed: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.add("good", GOOD)
    monkeypatch.setattr(registry, "_discover", lambda: load_entry_points(registry.all_or_nothing))
    assert "plugin_good" not in sys.modules
    assert "guest" in ck.list_models()
    monkeypatch.setattr(plugins, "entry_points", None)  # a second search would fail
    assert "guest" in ck.list_models()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError('no such luck')", "ValueError: no such luck"),
        ("import a_package_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise SystemExit", "SystemExit"),
        ("def broken(:", "SyntaxError"),
        (
            "def forever(): forever()\nforever()",
            "RecursionError",
        ),
        (GOOD + "\nraise ValueError('after registering')", "after registering"),
        (GOOD.replace('"guest"', '"baseline"'), "DuplicateModelError: 'baseline' is already"),
        (GOOD.replace('"guest"', '"Guest"'), "ModelNameError: 'Guest'"),
    ],
)
def test_a_broken_plugin_warns_once_by_name_and_leaves_nothing(
    installed: Installer, source: str, message: str
) -> None:
    installed.add("broken", source)
    installed.add("good", GOOD.replace("guest", "other_guest"))
    before = dict(registry)
    with pytest.warns(ck.CifarkitWarning) as caught:
        load_entry_points(registry.all_or_nothing)
    (warning,) = caught
    text = str(warning.message)
    assert text.startswith("the plugin 'broken' (plugin_broken) is left out: ")
    assert message in text
    guest = registry["other_guest"]
    assert dict(registry) == {**before, "other_guest": guest}


def test_a_name_clash_leaves_the_built_in_in_place(installed: Installer) -> None:
    installed.add("clash", GOOD.replace('"guest"', '"baseline"'))
    before = ck.get_variant("baseline")
    with pytest.warns(ck.CifarkitWarning, match="residual|convolutional"):
        load_entry_points(registry.all_or_nothing)
    assert ck.get_variant("baseline") is before


def test_a_plugin_may_stop_the_program_only_by_ctrl_c(installed: Installer) -> None:
    installed.add("interrupted", GOOD + "\nraise KeyboardInterrupt")
    before = dict(registry)
    with pytest.raises(KeyboardInterrupt):
        load_entry_points(registry.all_or_nothing)
    assert dict(registry) == before


def test_what_a_plugin_prints_does_not_reach_standard_output(
    installed: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.add("loud", "print('hello, I am a plugin')")
    load_entry_points(registry.all_or_nothing)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello, I am a plugin" in captured.err


@pytest.mark.parametrize("ending", ["", "raise ValueError('and fails')"])
@pytest.mark.filterwarnings("ignore::cifarkit.CifarkitWarning")
def test_a_plugin_cannot_change_generators_or_the_default_type(
    installed: Installer, ending: str
) -> None:
    source = """
    import random, numpy, torch
    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    """
    installed.add("greedy", textwrap.dedent(source) + ending)
    torch.manual_seed(99)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    load_entry_points(registry.all_or_nothing)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == before
    assert torch.get_default_dtype() == torch.float32


def test_the_generators_would_show_a_plugin_that_is_not_held_back(
    installed: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.add("greedy", "import torch; torch.manual_seed(1)")
    torch.manual_seed(99)
    before = torch.get_rng_state()
    installed.entries[0].load()
    assert not torch.equal(torch.get_rng_state(), before)


LIGHT = """
import cifarkit as ck

@ck.register_model("guest")
def guest(*, num_classes=10): ...
"""


def run(code: str, folder: Path) -> list[str]:
    """Run code in a fresh process that finds an installed plugin in a folder."""
    about = folder / "plugin_real-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-real\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cifarkit.models]\nreal = plugin_real\n")
    root = Path(ck.__file__).parents[1]
    paths = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(root)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-B", "-c", paths + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_importing_the_package_loads_no_plugin_and_listing_does(tmp_path: Path) -> None:
    (tmp_path / "plugin_real.py").write_text(LIGHT)
    printed = run(
        """
        import cifarkit as ck
        ck.register_model, ck.Registry, ck.Recipe
        print("plugin_real" in sys.modules)
        print("guest" in ck.list_models(), "plugin_real" in sys.modules)
        """,
        tmp_path,
    )
    assert printed == ["False", "True", "True"]


def test_a_plugin_that_is_the_first_to_import_torch_cannot_change_it_either(
    tmp_path: Path,
) -> None:
    (tmp_path / "plugin_real.py").write_text(
        "import torch, numpy; torch.manual_seed(1); numpy.random.seed(1)\n"
        "torch.set_default_dtype(torch.float64)\n"
    )
    printed = run(
        """
        import cifarkit as ck
        ck.list_models()
        import torch, numpy
        print("plugin_real" in sys.modules, torch.get_default_dtype(), torch.initial_seed())
        print(numpy.random.randint(2**31))
        """,
        tmp_path,
    )
    seeded = np.random.RandomState(1).randint(2**31)
    fresh = torch.Generator().initial_seed()
    assert printed[:3] == ["True", "torch.float32", str(fresh)]
    assert printed[3] != str(seeded)


def written(folder: Path, source: str, name: str = "my_models.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


@pytest.mark.parametrize("name", ["my_models.py", "my models.v2.py", "modèles.py", "class.py"])
def test_a_file_registers_its_variants_also_twice(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, GOOD, name)
    import_file(str(path))
    first = ck.get_variant("guest").builder
    import_file(path)
    assert ck.get_variant("guest").builder is not first
    assert ck.get_variant("guest").source == f"{path}:5"


def test_two_files_of_one_name_are_two_files(tmp_path: Path) -> None:
    import_file(written(tmp_path, GOOD, "a/models.py"))
    with pytest.raises(ck.RegistryError, match="DuplicateModelError: 'guest' is already"):
        import_file(written(tmp_path, GOOD, "b/models.py"))
    import_file(written(tmp_path, GOOD.replace("guest", "host"), "c/models.py"))
    assert {"guest", "host"} <= set(ck.list_models())


def test_a_file_may_define_dataclasses_and_callbacks(tmp_path: Path) -> None:
    source = """
    from __future__ import annotations
    from dataclasses import dataclass
    import cifarkit as ck

    @dataclass(frozen=True, kw_only=True)
    class Imported(ck.Schedule):
        def shape(self, epoch, epochs, lr):
            return lr

    class Counts(ck.Callback):
        def __init__(self):
            self.epochs = 0

        def on_epoch_end(self, run):
            self.epochs += 1

    SCHEDULE, CALLBACK = Imported(warmup=2), Counts()
    """
    file = written(tmp_path, textwrap.dedent(source))
    import_file(file)
    (imported,) = (
        module for module in sys.modules.values() if getattr(module, "__file__", "") == str(file)
    )
    data = ck.load_synthetic(n_train=40, n_test=10, val_size=10)
    schedule, callback = imported.SCHEDULE, imported.CALLBACK
    run = ck.train("linear", data, epochs=2, schedule=schedule, callbacks=[callback])
    assert run.recipe.schedule == schedule
    assert callback.epochs == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ck.RegistryError, match=r"there is no file '.*nowhere\.py'"):
        import_file(tmp_path / "nowhere.py")
    with pytest.raises(ck.RegistryError, match="there is no file"):
        import_file(tmp_path)


def test_what_is_no_python_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ck.RegistryError, match=r"must be a Python file, ending in \.py"):
        import_file(written(tmp_path, GOOD, "models.txt"))
    assert "guest" not in registry


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("x = 1\n\ndef broken(:\n", ":3: SyntaxError"),
        ("x = 1\nraise ValueError('no')\n", ":2: ValueError: no"),
        ("def f():\n    return 1 / 0\n\nf()\n", ":2: ZeroDivisionError"),
        ("import json\njson.loads('{')\n", ":2: JSONDecodeError"),
        ("import sys\n\nsys.exit(4)\n", ":3: SystemExit: 4"),
        ("x = '\x00'\n", ": SyntaxError|: ValueError"),
        (GOOD + "\nck.register_model('Bad')(guest)\n", ":9: ModelNameError"),
        (GOOD + "\nwrong\n", ":9: NameError"),
    ],
)
@pytest.mark.parametrize("relative", [True, False])
def test_a_file_that_fails_is_named_with_the_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, location: str, relative: bool
) -> None:
    path = written(tmp_path, source)
    monkeypatch.chdir(tmp_path)
    shown = path.relative_to(tmp_path) if relative else path
    before, modules = dict(registry), set(sys.modules)
    with pytest.raises(ck.RegistryError) as caught:
        import_file(shown)
    assert re.search(location, str(caught.value))
    assert str(caught.value).startswith(str(shown))
    assert dict(registry) == before
    assert not [name for name in set(sys.modules) - modules if "cifarkit_imported" in name]


def test_a_link_to_a_file_that_fails_is_named_with_the_line(tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to(written(tmp_path, "x = 1\nraise ValueError('no')\n"))
    with pytest.raises(ck.RegistryError, match=r"link\.py:2: ValueError: no"):
        import_file(link)


def test_a_slip_in_another_file_is_placed_where_that_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "\n\n\n\n\n\ndef broken(:\n", "helper_broken.py")
    monkeypatch.syspath_prepend(tmp_path)
    path = written(tmp_path, "x = 1\nimport helper_broken\n")
    with pytest.raises(ck.RegistryError, match=r"my_models\.py:2: SyntaxError.*helper_broken"):
        import_file(path)


def test_a_failing_file_at_the_very_start_leaves_the_built_ins(tmp_path: Path) -> None:
    path = written(tmp_path, LIGHT + "\nraise ValueError('late')")
    (tmp_path / "plugin_real.py").write_text("")
    printed = run(
        f"""
        import cifarkit as ck
        from cifarkit.models.model_files import import_file
        try:
            import_file({str(path)!r})
        except ck.RegistryError:
            print("refused")
        print("baseline" in ck.list_models(), "guest" in ck.list_models())
        """,
        tmp_path,
    )
    assert printed == ["refused", "True", "False"]


def test_a_second_run_that_fails_leaves_the_first_whole(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    import_file(path)
    first = ck.get_variant("guest")
    module = sys.modules[first.builder.__module__]
    path.write_text(GOOD + "\nraise ValueError('late')")
    with pytest.raises(ck.RegistryError, match="late"):
        import_file(path)
    assert ck.get_variant("guest") is first
    assert sys.modules[first.builder.__module__] is module


def test_what_a_file_prints_does_not_reach_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_file(written(tmp_path, "print('hello')"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")
