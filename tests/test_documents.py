"""What the documents say is so: their code runs, and nothing public is left out."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import statistics
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import pytest
import torch
import yaml

import cifarkit as ck
from cifarkit.comparison.differences import difference_interval, difference_test
from cifarkit.comparison.statistics import t_interval
from cifarkit.tables import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")
)
# Anything that a reader would take for Python: the guard against fences that nothing runs.
LOOKS_LIKE_PYTHON = re.compile(r"^\s*(```|~~~)+\s*\{?\s*\.?py", re.MULTILINE | re.IGNORECASE)
RECORD = re.compile(r"^<!-- record: (\w+) -->$", re.MULTILINE)
CHART = re.compile(r"^<!-- chart: (\w+) -->$", re.MULTILINE)
EXECUTED = "---\nexecute: true\n---\n"
RECORDED = {"outputs": [], "origin": "nowhere"}
EXCUSE = re.compile(r"^<!-- not run: \S.* -->$")
EXTRA = re.compile(r"^<!-- not run: needs the extra (\w+) -->$")  # named as its package is


@dataclass(frozen=True)
class Fence:
    """A block of code: its language, its text, its line, and the line of text before it."""

    language: str
    code: str
    line: int
    before: str

    @property
    def excused(self) -> bool:
        extra = EXTRA.match(self.before)
        return EXCUSE.match(self.before) is not None and not (extra and find_spec(extra[1]))


def fences_of(page: str) -> list[Fence]:
    """Return the fences of a page that begin at the margin."""
    lines, fences, start = page.splitlines(), [], None
    for number, line in enumerate(lines):
        if start is None and line.startswith("```"):
            start = number
        elif start is not None and line == "```":
            code = "\n".join(lines[start + 1 : number]) + "\n"
            before = next((text for text in reversed(lines[:start]) if text.strip()), "")
            fences.append(Fence(lines[start].strip("`").split(" ")[0], code, start + 1, before))
            start = None
    return fences


def fences_in(language: str) -> list[tuple[Path, Fence]]:
    pages = [(page, fences_of(page.read_text(encoding="utf-8"))) for page in PAGES]
    return [
        (page, fence) for page, fences in pages for fence in fences if fence.language == language
    ]


def masked(text: str) -> str:
    """Put # in place of every number: the words must hold everywhere, the digits need not."""
    return re.sub(r"\d+([.,]\d+)*", "#", text).strip()


@pytest.fixture
def _one_thread() -> Iterator[None]:
    # Where the cores are busy, two threads spend their time waiting for each other.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    plt.close("all")


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a way to import what writes the pages of the site: `build`, `writers.tables`."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_a_page_runs_and_prints_what_it_says(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text(encoding="utf-8")
    fences = fences_of(text)
    namespace: dict[str, Any] = {"__name__": "page"}
    handled = 0
    for fence, after in zip_longest(fences, fences[1:]):
        if fence.language != "python":
            continue
        handled += 1
        if fence.excused:
            continue
        place = f"{page.name}, the fence in line {fence.line}"
        exec(compile(fence.code, place, "exec", dont_inherit=True), namespace)
        printed = capsys.readouterr().out
        if after is not None and after.language == "text" and after.before == "```":
            assert masked(printed) == masked(after.code), place
    assert handled == len(LOOKS_LIKE_PYTHON.findall(text)), "a Python fence was passed over"


def test_the_guard_sees_python_fences_that_nothing_would_run() -> None:
    for opening in (
        "```py",
        "``` python",
        "    ```python",
        "~~~python",
        "```{.python}",
        "```Python3",
    ):
        page = f"{opening}\n1 / 0\n```\n"
        handled = [fence for fence in fences_of(page) if fence.language == "python"]
        assert len(LOOKS_LIKE_PYTHON.findall(page)) == 1
        assert handled == []


def test_a_fence_is_excused_by_a_reason_alone() -> None:
    (excused,) = fences_of("<!-- not run: it takes an hour -->\n\n```python\n```\n")
    (installed,) = fences_of("<!-- not run: needs the extra torch -->\n\n```python\n```\n")
    (missing,) = fences_of("<!-- not run: needs the extra absent -->\n\n```python\n```\n")
    (unreasoned,) = fences_of("<!-- not run: -->\n\n```python\n```\n")
    assert excused.excused
    assert (installed.excused, missing.excused) == (False, True)
    assert not unreasoned.excused


def test_the_build_of_the_site_runs_what_is_not_excused(writers: Any) -> None:
    page = "<!-- not run: no -->\n\n```python\n1 / 0\n```\n\nThen:\n\n```python\nx = 1\n```\n"
    assert writers("writers.fences").python_fences(page) == ["x = 1\n"]
    assert len(writers("writers.fences").python_fences(page.replace(": no", ":"))) == 2


def test_there_is_python_in_readme_and_on_the_site() -> None:
    pages = {page.relative_to(ROOT).parts[0] for page, _ in fences_in("python")}
    assert pages >= {"README.md", "docs"}


@pytest.mark.parametrize(("page", "fence"), fences_in("sh"), ids=str)
def test_command_lines_name_commands_and_options_that_exist(
    page: Path, fence: Fence, writers: Any
) -> None:
    commands = writers("writers.tables").commands()
    for line in re.split(r"\n|&&", fence.code):
        words = shlex.split(line)
        if words[:1] != ["cifarkit"]:
            continue
        named = " ".join(words[1:3])
        command = commands.get(named) or commands.get(words[1]) or commands[f"{words[1]} show"]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_readme_has_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert "pip install . && cifarkit train baseline" in lines
    assert 'pip install -e ".[dev]" && pytest' in lines


@pytest.mark.parametrize("name", [name for name in ck.__all__ if name != "__version__"])
def test_every_public_name_is_in_the_reference_once(name: str) -> None:
    assert len(re.findall(rf"^::: cifarkit\.{name}$", REFERENCE, re.MULTILINE)) == 1


def test_every_plot_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "plots.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^ +- (\w+)$", page, re.MULTILINE)) == sorted(ck.plots.__all__)


def test_the_changelog_has_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(ck.__version__)}\] - \S+", text, re.MULTILINE)


def test_the_command_line_page_has_every_command_and_option(writers: Any) -> None:
    page = writers("writers.tables").command_line()
    for name, command in writers("writers.tables").commands().items():
        assert f"## `{name}`" in page
        for parameter in command.params:
            spelling = (parameter.metavar or parameter.name.upper(), parameter.opts[0])
            assert spelling[parameter.param_type_name == "option"] in page
    assert "| `--seed SEED` | Seed of weights, order, augmentation, dropout. | `0` |" in page


def test_the_table_of_variants_has_every_model(writers: Any) -> None:
    *table, _, origin = writers("writers.tables").variants().splitlines()
    rows = table[2:]
    assert [row.split("`")[1] for row in rows] == ck.list_models()
    (baseline,) = (row for row in rows if row.startswith("| `baseline` |"))
    study = writers("writers.studies").by_own_recipe()["baseline"]
    recorded = writers("writers.records").accuracies(study.name)["baseline"]
    assert baseline.endswith(f"| 2,122,186 | 7,705,600 | {recorded} |")
    assert "JPEG-75 copy" in origin
    (deeper,) = (row for row in rows if row.startswith("| `deeper` |"))
    assert "| `depth=2`, not `1` |" in deeper


def test_the_house_on_the_site_is_the_one_that_is_tested(writers: Any) -> None:
    house = writers("writers.house")
    rows = [row.strip("| ").split(" | ") for row in house.table().splitlines()[2:]]
    assert [room.strip("`") for _, room, _ in rows] == [
        room for floor in house.floors() for room in floor
    ]
    assert all(told.endswith(".") for _, _, told in rows), "a room says what is in it"
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    markers = {marker for marker in writers("build").WRITTEN if marker in page}
    assert markers == {"<!-- the house -->", "<!-- CONTRIBUTING.md -->"}
    assert house.contributing().startswith("## Set up and test")


@pytest.mark.parametrize(
    ("page", "numbers"), [("README.md", True), ("docs/reference/index.md", False)]
)
def test_the_houses_that_are_drawn_by_hand_stand_as_the_tested_one(
    page: str, numbers: bool, writers: Any
) -> None:
    rows = re.findall(r"^\| (\d+|ground) \| ([^|]+) \|", (ROOT / page).read_text("utf-8"), re.M)
    drawn = [(floor, room) for floor, rooms in rows for room in re.findall(r"(\w+)`", rooms)]
    built = [
        (str(max(number - 1, 0)) if number or numbers else "ground", room)
        for number, rooms in enumerate(writers("writers.house").floors())
        for room in rooms
    ]
    assert sorted(drawn) == sorted(built)


def test_the_site_is_published_with_no_more_rights_than_it_needs() -> None:
    path = ROOT / ".github" / "workflows" / "site.yml"
    flow = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # or `on` would be True
    assert flow["on"] == {"push": {"branches": ["main"]}}
    assert flow["permissions"] == {}
    (job,) = flow["jobs"].values()
    assert job["permissions"] == {"contents": "write"}
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs == [
        'pip install -e ".[dev]"',
        "python docs/build.py",
        "mkdocs gh-deploy --strict --force",
    ]


def test_tables_of_numbers_are_written_from_records_that_say_where_they_are_from(
    writers: Any,
) -> None:
    names = RECORD.findall(REFERENCE)
    explored = "learning_rates"  # the record of an explorer, which has its own test
    recorded = {path.stem for path in (ROOT / "docs" / "records").glob("*.json")}
    assert sorted([*names, explored]) == sorted(recorded)
    for name in names:
        table = writers("writers.records").table(name)
        record = json.loads((ROOT / "docs" / "records" / f"{name}.json").read_text("utf-8"))
        for contender, row in record["rows"].items():
            assert f"| {contender} | " in table
            for spread in row.values():
                assert spread["min"] <= spread["median"] <= spread["max"]
        for fact in (record["date"], f"torch {record['machine']['versions']['torch']}"):
            assert fact in table


def test_the_bars_of_a_chart_are_as_long_as_the_numbers_of_its_record(writers: Any) -> None:
    page = (ROOT / "docs" / "explanation" / "what-makes-it-fast.md").read_text(encoding="utf-8")
    names = CHART.findall(page)
    assert len(names) == 3
    charts = writers("writers.charts")
    for name in names:
        record = json.loads((ROOT / "docs" / "records" / f"{name}.json").read_text("utf-8"))
        chart = charts.chart(name)
        bars = [float(width) for width in re.findall(r'<rect y="\d+" width="([\d.]+)"', chart)]
        medians = [row["images/s"]["median"] for row in record["rows"].values()]
        scale = bars[0] / medians[0]
        assert bars == pytest.approx([scale * median for median in medians], rel=1e-3)
        ends = [float(right) for right in re.findall(r" H ([\d.]+)", chart)]
        assert max(ends) == charts.WIDTH
        assert re.findall(r">([^<]+)</text><text", chart) == list(record["rows"])
        for fact in (record["date"], f"torch {record['machine']['versions']['torch']}"):
            assert fact in chart


def sd_of(pair: dict[str, Any]) -> float:
    """Return the sd of the differences that a pair's interval was computed with."""
    of_sd_one = difference_interval([0.0] * pair["n"], least_sd=1.0)
    assert of_sd_one is not None
    return (pair["interval"][1] - pair["difference"]) / of_sd_one.high


def test_a_recorded_comparison_says_what_its_runs_say(writers: Any) -> None:
    records = writers("writers.records")
    assert "\n<!-- results -->\n" in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for study in writers("writers.studies").recorded():
        name = study.name
        document = json.loads((records.FOLDER / name / "comparison.json").read_text("utf-8"))
        shown = records.comparison(name)
        scores: dict[str, dict[int, float]] = {row["name"]: {} for row in document["variants"]}
        for run in document["runs"]:
            scores[run["variant"]][run["seed"]] = run["test_accuracy"]
        for row in document["variants"]:
            own = list(scores[row["name"]].values())
            interval = t_interval(own)
            assert interval is not None
            assert (row["n"], row["mean"]) == (len(own), pytest.approx(statistics.fmean(own)))
            assert (row["low"], row["high"]) == pytest.approx(interval)
            mean = percent(row["mean"])
            assert f"| {row['name']} | {len(own)} | {mean} | {interval} |" in shown
        for pair in document["pairs"]:
            a, b = scores[pair["a"]], scores[pair["b"]]
            differences = [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]
            assert pair["difference"] == pytest.approx(statistics.fmean(differences))
            own_sd, least = statistics.stdev(differences), sd_of(pair)
            of_predictions = document["data"]["test"] ** -0.5  # single ones cannot scatter more
            assert least == pytest.approx(own_sd) or own_sd < least < of_predictions
            assert pair["p"] == pytest.approx(difference_test(differences, least_sd=least).p)
            assert f"- {pair['text']} " in shown
        assert document["data"]["name"] in shown
        assert document["runs"][0]["started"][:10] in shown


def test_a_page_that_fails_says_where(writers: Any) -> None:
    with pytest.raises(RuntimeError, match=r"a\.md(.|\n)*cell_2\.py(.|\n)*ZeroDivisionError"):
        writers("writers.recording").record(["x = 0", "print(1 / x)"], "a.md")


def pages_of(**heads: str) -> dict[str, str]:
    """Return pages with this at the top, and a fence each."""
    return {f"{name}.md": f"{head}\n```python\n{name}\n```\n" for name, head in heads.items()}


def test_pages_are_recorded_side_by_side_into_whole_files(
    writers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recording, record_pages = writers("writers.recording"), writers("build").record_side_by_side
    pages = pages_of(a=EXECUTED, b=EXECUTED, c="", perf_counter=EXECUTED)
    monkeypatch.setattr(recording, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(recording, "_run_elsewhere", lambda *_: json.dumps(RECORDED))
    record_pages(pages)
    kept = list((tmp_path / "kept").iterdir())
    assert [path.suffix for path in kept] == [".json", ".json"]
    assert [json.loads(path.read_text(encoding="utf-8")) for path in kept] == [RECORDED, RECORDED]
    monkeypatch.setattr(recording, "_run_elsewhere", lambda *_: 1 / 0)
    record_pages(pages)  # nothing is run again


def test_of_pages_recorded_side_by_side_the_page_that_fails_is_named(
    writers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(writers("writers.recording"), "KEPT", tmp_path)
    pages = {"a.md": f"{EXECUTED}\n```python\n1 / 0\n```\n"}
    with pytest.raises(RuntimeError, match=r"a\.md: the page failed"):
        writers("build").record_side_by_side(pages)


def test_the_pages_of_the_site_are_plain_markdown(
    writers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No marker is left, and nothing of the program is among the pages."""
    outputs = json.dumps(RECORDED | {"outputs": [{"text": "", "figures": []}] * 99})
    monkeypatch.setattr(writers("writers.recording"), "KEPT", tmp_path / "kept")
    monkeypatch.setattr(writers("writers.recording"), "_run_elsewhere", lambda *_: outputs)
    site = writers("build").build()
    for name, content in site.items():
        if name.endswith(".md"):
            left = re.findall(r"^<!-- (?!not run).*-->$", content.decode(), re.MULTILINE)
            assert left == [], name
    assert not any(name.endswith(".pyc") or "writers" in name for name in site)
    assert {"index.md", "changelog.md", "tutorials/01_the_whole_assignment.ipynb"} <= site.keys()


def test_what_has_not_changed_is_not_written_again(writers: Any, tmp_path: Path) -> None:
    write = writers("build").write
    write({"a.md": b"1", "b/c.md": b"2", "d.md": b"3"}, tmp_path)
    before = (tmp_path / "a.md").stat().st_mtime_ns
    write({"a.md": b"1", "b/c.md": b"4"}, tmp_path)
    assert (tmp_path / "a.md").stat().st_mtime_ns == before
    assert (tmp_path / "b" / "c.md").read_bytes() == b"4"
    assert not (tmp_path / "d.md").exists()


def test_a_recording_keeps_text_and_figures(writers: Any) -> None:
    recording = writers("writers.recording")
    draw = (
        "import matplotlib.pyplot as plt\nfigure, ax = plt.subplots(figsize=(2, 1))\n"
        "figure.suptitle('a line'); ax.set(xlabel='epoch\\nsolid: val')"
    )
    output = recording._run_cell("cell_1.py", f"print('hello')\n{draw}", {})
    assert output.text == "hello\n"
    assert [(figure.shows, figure.inches) for figure in output.figures] == [
        ("a line; x: epoch solid: val", (2.0, 1.0))
    ]
    assert "<svg" in output.figures[0].light != output.figures[0].dark
    assert recording._run_cell("cell_2.py", "", {}).figures == ()


def test_examples_of_docstrings_are_fenced(writers: Any) -> None:
    in_markdown = writers("writers.doctests").in_markdown
    assert in_markdown(">>> 1\n1\n\nAnd:\n") == "```pycon\n>>> 1\n1\n```\n\nAnd:\n"
    assert in_markdown("    >>> 1\n    1") == "    ```pycon\n    >>> 1\n    1\n    ```"
