"""What teachers take along: the marking script, the slides, the sheet, the rubric, the sample."""

from __future__ import annotations

import csv
import importlib
import json
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.cli import main as program

FOLDER = Path(__file__).parents[1] / "docs" / "teachers"
SLIDES = FOLDER / "slides"
LECTURES = sorted(SLIDES.glob("lecture-*.html"))
SMALL = "synthetic:n_train=240,n_test=60,val_size=40"


def page(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


# The marking script


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    """Return hand-ins: two that are honest, and others that are not, or are no run."""
    folder, data = tmp_path / "handed-in", ck.load_data(SMALL)
    for seed, name in enumerate(["ada/runs/linear-seed0", "ben"]):
        ck.score_on_test(ck.train("linear", data, epochs=1, seed=seed, run_dir=folder / name), data)
    for name in ("cleo", "dora"):
        shutil.copytree(folder / "ben", folder / name)
    change(folder / "cleo", lambda about: about["facts"]["test"].update(accuracy=0.93))
    change(folder / "dora", lambda about: about["variant"].update(name='=HYPERLINK("evil")'))
    shutil.copytree(folder / "ada" / "runs" / "linear-seed0", folder / "eve" / "run")
    change(folder / "eve" / "run", lambda about: about.update(seed=7))
    (folder / "fay.zip").write_bytes(b"not unpacked")
    return folder


def change(folder: Path, how: Any) -> None:
    record = folder / "run.json"
    about = json.loads(record.read_text(encoding="utf-8"))
    how(about)
    record.write_text(json.dumps(about), encoding="utf-8")


def marked(handed_in: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    monkeypatch.setattr(sys, "argv", ["mark.py", str(handed_in), "marks.csv", SMALL])
    runpy.run_path(str(FOLDER / "mark.py"), run_name="__main__")
    with Path("marks.csv").open(encoding="utf-8", newline="") as file:
        return {row["author"]: row for row in csv.DictReader(file)}


def test_the_marking_script_tells_honest_from_forged_hand_ins(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = marked(handed_in, monkeypatch)
    verified = {author: row["verified"] for author, row in rows.items()}
    assert verified == {
        **{"ada": "yes", "ben": "yes", "cleo": "no", "dora": "yes", "eve": "yes", "fay.zip": "no"}
    }
    data = ck.load_data(SMALL)
    found = ck.verify(handed_in / "ben", data)
    assert float(rows["ben"]["accuracy"]) == pytest.approx(found.accuracy, abs=1e-4)
    assert float(rows["ben"]["low"]) < float(rows["ben"]["accuracy"]) < float(rows["ben"]["high"])
    assert (rows["ben"]["variant"], rows["ben"]["seed"]) == ("linear", "1")
    assert rows["ben"]["notes"] == f"like {handed_in / 'dora'}"  # a copy under another name
    assert rows["cleo"]["notes"].startswith("score: ")
    assert rows["eve"]["notes"] == f"like {handed_in / 'ada/runs/linear-seed0'}"
    assert rows["ada"]["notes"] == f"like {handed_in / 'eve/run'}"
    assert rows["fay.zip"]["notes"] == "no run; unpacked?"
    assert "cleo: 0 of 1 runs verified" in capsys.readouterr().out


def test_no_cell_of_the_table_is_a_formula(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = marked(handed_in, monkeypatch)
    cells = [cell for row in rows.values() for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert rows["dora"]["variant"] == '\'=HYPERLINK("evil")'


def test_a_table_is_not_overwritten(handed_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("marks.csv").write_text("points that I gave", encoding="utf-8")
    with pytest.raises(FileExistsError):
        marked(handed_in, monkeypatch)
    assert Path("marks.csv").read_text(encoding="utf-8") == "points that I gave"


def test_data_that_cannot_be_loaded_leave_no_table(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "SMALL", "nowhere")
        with pytest.raises(ck.DataError, match="no data source 'nowhere'"):
            marked(handed_in, patch)
    assert not Path("marks.csv").exists()
    assert marked(handed_in, monkeypatch)["ben"]["verified"] == "yes"


def test_a_broken_run_has_empty_cells_and_a_hostile_name_is_printed_as_codes(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = handed_in / "gil\x1b[2J"
    broken.mkdir()
    (broken / "run.json").write_text("{", encoding="utf-8")
    row = marked(handed_in, monkeypatch)["gil\\x1b[2J"]
    assert (row["variant"], row["seed"], row["verified"]) == ("", "", "no")
    assert "\x1b" not in (said := capsys.readouterr().out)
    assert "gil\\x1b[2J: 0 of 1 runs verified" in said


def test_without_its_three_words_the_marking_script_says_how_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["mark.py", "handed-in"])
    with pytest.raises(SystemExit, match=r"python mark\.py handed-in marks\.csv cifar10"):
        runpy.run_path(str(FOLDER / "mark.py"), run_name="__main__")


def test_the_marking_script_is_short() -> None:
    assert len(page("mark.py").splitlines()) <= 60


# The slides


def local(text: str) -> list[str]:
    """Return what a page or a style would fetch, and fail on what is not beside it."""
    return re.findall(r"(?:src|href)=\"([^\"]+)\"|url\(([^)]*)\)|@import (\S+)", text)


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_slides_load_only_the_two_files_beside_them(lecture: Path) -> None:
    fetched = {"".join(found) for found in local(lecture.read_text(encoding="utf-8"))}
    named = {name for name in fetched if not name.startswith("data:image/png;base64,")}
    assert named == {"slides.css", "slides.js"}
    assert local((SLIDES / "slides.css").read_text(encoding="utf-8")) == []
    assert not re.search(r"fetch|import|http|XMLHttp", (SLIDES / "slides.js").read_text("utf-8"))


@pytest.mark.parametrize(
    "text", ['<img src="//host/a.png">', "a { background: url(b.png) }", '@import "c.css"']
)
def test_a_file_from_elsewhere_would_be_found(text: str) -> None:
    assert local(text)


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_each_slide_has_a_heading_notes_and_minutes_that_add_up(lecture: Path) -> None:
    text = lecture.read_text(encoding="utf-8")
    slides = re.findall(r"<section>(.*?)</section>", text, re.DOTALL)
    assert 15 <= len(slides) <= 20
    assert all(re.match(r"\n<h[12]>[^<]+</h", slide) for slide in slides)
    minutes = [re.findall(r"\((\d+)\s+min\)</aside>", slide) for slide in slides]
    assert all(len(found) == 1 for found in minutes)
    assert 45 <= sum(int(found[0]) for found in minutes) <= 55
    assert all("aria-label" in svg for svg in re.findall(r"<svg[^>]*>", text))


def without_pixels(text: str) -> str:
    """Leave out the bytes of pictures: another version of a library packs them otherwise."""
    return re.sub(r"base64,[^\"]+", "base64,", text)


def test_figures_and_numbers_of_the_slides_are_those_that_are_drawn_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SLIDES))
    fill, figures = (importlib.import_module(name) for name in ("fill", "figures"))
    used = set()
    for lecture in LECTURES:
        text = lecture.read_text(encoding="utf-8")
        used |= {found[1] for found in fill.MARKED.findall(text)}
        again = fill.filled(text)
        assert without_pixels(again) == without_pixels(text), (
            "the records changed: run python docs/teachers/slides/fill.py"
        )
        assert fill.filled(text.replace(">train<", ">other<")) == again
    assert used == set(figures.FIGURES)


def test_what_the_slides_show_of_runs_is_taken_from_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SLIDES))
    data = ck.load_data(SMALL)
    run = ck.train("linear", data, epochs=2, run_dir=tmp_path / "run")
    evaluation = ck.score_on_test(run, data)
    found = importlib.import_module("measure").measure([tmp_path / "run"])
    assert found["confusion"]["counts"] == evaluation.confusion.tolist()
    assert found["runs"]["linear"]["history"][1]["val_loss"] == run.history[1]["val_loss"]
    assert f"{100 * evaluation.accuracy:.1f} % (n = 60)" in found["runs"]["linear"]["origin"]


# The sheet, the rubric, the sample


def commands(text: str) -> list[str]:
    """Return the lines of the fences of shell."""
    return [
        line
        for fence in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in fence.splitlines()
    ]


def test_the_commands_of_the_sheet_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Smaller, and without those that fetch; the runs lie where the sheet says.
    Path("notes.txt").write_text("I expect nothing.", encoding="utf-8")
    statuses = {}
    for line in commands(page("assignment.md")):
        name, command, *words = shlex.split(line.replace("--data cifar10", f"--data {SMALL}"))
        assert name == "cifarkit"
        words = [word.replace("augmented", "mlp").replace("baseline", "linear") for word in words]
        if "*" in line:
            words = [*sorted(map(str, Path("runs").glob("[!.]*"))), *words[1:]]
        if command in ("plan", "compare"):
            words += ["--data", SMALL, "--epochs", "1"]
        if command not in ("doctor", "data"):
            monkeypatch.setattr(sys, "argv", ["cifarkit", command, *words])
            with pytest.raises(SystemExit) as ended:
                program.main()
            statuses.setdefault(command, []).append(ended.value.code or 0)
    assert statuses == {
        **{"practise": [1, 1], "plan": [0], "compare": [0]},
        "report": [0],
        "verify": [0],
    }
    assert "12 of 12 verified" in capsys.readouterr().out
    assert "Your Name" in Path("runs/mlp-seed0/report.html").read_text(encoding="utf-8")
    assert Path("comparison/report.html").exists()


def test_runs_are_verified_without_the_files_that_the_sheet_leaves_out(tmp_path: Path) -> None:
    data = ck.load_data(SMALL)
    run = ck.train("linear", data, epochs=1, run_dir=tmp_path, callbacks=[ck.Checkpoint()])
    ck.score_on_test(run, data)
    (tmp_path / "best.safetensors").unlink()
    assert ck.verify(tmp_path, data).passed


def test_the_minutes_of_the_sheet_are_those_of_the_record() -> None:
    record = json.loads((FOLDER.parent / "records" / "training.json").read_text("utf-8"))
    rate = record["rows"]["cifarkit"]["images/s"]["median"]
    minutes = 10 * 45_000 / rate / 60
    sheet = page("assignment.md")
    assert f"{rate:,.0f} pictures a\nsecond" in sheet
    assert f"| one training of `baseline`, 10 epochs | {minutes:.1f} min |" in sheet
    assert f"| `compare baseline augmented`, 12 trainings | {12 * minutes:.0f} min |" in sheet
    assert ck.get_variant("baseline").recipe.epochs == 10
    costs = [ck.summary(name).multiply_adds for name in ("deeper", "baseline")]
    assert f"`deeper` has {costs[0] / costs[1]:.1f} times the\nmultiply-adds" in sheet


def test_the_points_of_the_rubric_add_up() -> None:
    text = page("rubric.md")
    points = [int(row) for row in re.findall(r"^\| \w+ \| (\d+) \|", text, re.MULTILINE)]
    assert len(points) == 6
    assert f"{sum(points)} points." in text


def test_the_sample_is_small_and_made_by_its_program(tmp_path: Path) -> None:
    sample = FOLDER / "sample-hand-in.html"
    assert sample.stat().st_size < 400_000
    text = sample.read_text(encoding="utf-8")
    notes = page("sample-notes.txt").split("\n\n")
    made = tmp_path / "made.html"
    make = runpy.run_path(str(FOLDER / "sample.py"))["make"]
    make(made, tmp_path / "runs", seeds=2, epochs=1)
    for written in (text, made.read_text(encoding="utf-8")):
        assert "Ada Example" in written
        assert " ".join(notes[0].split()) in " ".join(written.split())
    assert "baseline" in text
    assert "batchnorm" in text
