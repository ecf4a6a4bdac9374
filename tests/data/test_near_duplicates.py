"""Near-duplicates, against NumPy's correlations pair by pair, and planted pictures."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import cifarkit as ck
from cifarkit.data.near_duplicates import known_near_duplicates
from cifarkit.storage.folders import data_folder
from cifarkit.tables import percent

CLASSES = ("cat", "dog")


def set_of(images: Tensor) -> ck.ImageSet:
    return ck.ImageSet(images, torch.arange(len(images)) % 2, CLASSES)


def noise(n: int, seed: int, side: int = 8) -> Tensor:
    """Draw pictures of coarse noise, which no two pictures share."""
    drawn = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return (255 * F.interpolate(drawn, 32)).to(torch.uint8)


TRAIN, VAL, TEST = noise(30, 1), noise(8, 2), noise(12, 3)


def splits_of(test: Tensor) -> ck.Splits:
    return ck.Splits(set_of(TRAIN), set_of(VAL), set_of(test), "noise")


def test_different_pictures_are_no_pairs() -> None:
    near = ck.near_duplicates(splits_of(TEST))
    assert near.pairs == ()
    assert near.kept.tolist() == list(range(12))
    assert str(near).startswith("0 of 12 test pictures have a near-duplicate")


def test_planted_pictures_are_found_with_their_place() -> None:
    test = TEST.clone()
    jitter = torch.randint(-9, 10, TRAIN[0].shape, generator=torch.Generator().manual_seed(4))
    test[2] = (TRAIN[17].int() + jitter).clamp(0, 255).to(torch.uint8)  # noisy
    test[5] = VAL[3].flip(2)  # mirrored
    test[7] = TRAIN[4] // 2 + 30  # darker, with less contrast
    near = ck.near_duplicates(splits_of(test))
    found = {pair.test_index: (pair.other, pair.index, pair.mirrored) for pair in near.pairs}
    assert found == {2: ("train", 17, False), 5: ("val", 3, True), 7: ("train", 4, False)}
    assert [pair.same_label for pair in sorted(near.pairs, key=lambda pair: pair.test_index)] == [
        *(False, True, False)
    ]
    assert near.kept.tolist() == [0, 1, 3, 4, 6, 8, 9, 10, 11]
    assert "test 5" in str(near)


def test_a_correlation_is_numpys() -> None:
    train, test = noise(40, 5, side=2), noise(9, 6, side=2)  # so coarse that some are alike
    data = ck.Splits(set_of(train), None, set_of(test), "coarse")
    near = ck.near_duplicates(data, threshold=0.5)
    small = [F.avg_pool2d(images.double(), 2).flatten(1).numpy() for images in (test, train)]
    mirrored = F.avg_pool2d(train.flip(3).double(), 2).flatten(1).numpy()
    assert len(near) > 3
    assert len({pair.mirrored for pair in near.pairs}) == 2
    for pair in near.pairs:
        row = small[0][pair.test_index]
        others = np.stack(
            [[np.corrcoef(row, each)[0, 1] for each in all_] for all_ in (small[1], mirrored)]
        )
        assert pair.correlation == pytest.approx(others.max(), abs=1e-5)
        assert others[int(pair.mirrored), pair.index] == pytest.approx(others.max(), abs=1e-5)
    assert [pair.correlation for pair in near.pairs] == sorted(
        (pair.correlation for pair in near.pairs), reverse=True
    )


def test_where_all_pictures_are_pairs_none_is_kept() -> None:
    data = ck.Splits(set_of(TRAIN), None, set_of(TRAIN[:4]), "noise")
    near = ck.near_duplicates(data)
    assert len(near) == 4
    assert len(data.test.subset(near.kept)) == 0


def test_a_picture_of_one_colour_is_like_none() -> None:
    grey = torch.full((2, 3, 32, 32), 128, dtype=torch.uint8)
    assert len(ck.near_duplicates(ck.Splits(set_of(grey), None, set_of(grey), "grey"))) == 0


def test_it_does_not_depend_on_the_size_of_a_block(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = ck.Splits(set_of(TRAIN), set_of(VAL), set_of(torch.cat([TEST, TRAIN[3:9]])), "noise")
    whole = ck.near_duplicates(data)
    monkeypatch.setattr("cifarkit.data.near_duplicates.AT_ONCE", 4)
    monkeypatch.setenv("CIFARKIT_DATA", str(tmp_path / "other"))  # where none are kept
    assert [pair.index for pair in ck.near_duplicates(data).pairs] == [
        pair.index for pair in whole.pairs
    ]
    assert len(whole) == 6


@pytest.mark.parametrize("threshold", [0, 1.5, "high", None])
def test_a_threshold_out_of_range_is_refused(threshold: object) -> None:
    with pytest.raises(ck.DataError, match="threshold"):
        ck.near_duplicates(splits_of(TEST), threshold=threshold)  # type: ignore[arg-type]


PLANTED = torch.cat([TEST, TRAIN[3:7]])


def test_a_search_is_kept_and_read_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data, none = splits_of(PLANTED), splits_of(TEST)
    assert known_near_duplicates(data.fingerprint) is None
    found, nothing = ck.near_duplicates(data), ck.near_duplicates(none)
    monkeypatch.setattr("cifarkit.data.near_duplicates._searched", None)  # no other search
    assert known_near_duplicates(data.fingerprint) == ck.near_duplicates(data) == found
    assert known_near_duplicates(none.fingerprint) == ck.near_duplicates(none) == nothing
    assert (len(found), len(nothing)) == (4, 0)


def test_another_threshold_is_searched_and_not_kept() -> None:
    data = splits_of(PLANTED)
    assert len(ck.near_duplicates(data, threshold=0.5)) >= 4
    assert known_near_duplicates(data.fingerprint) is None


@pytest.mark.parametrize("damage", ["", "[", "[]", '{"format": 0, "pairs": [], "test_images": 1}'])
def test_a_kept_file_that_is_damaged_is_made_again(damage: str) -> None:
    data = splits_of(PLANTED)
    found = ck.near_duplicates(data)
    [file] = (data_folder() / "near-duplicates").iterdir()
    file.write_text(damage)
    assert known_near_duplicates(data.fingerprint) is None
    assert ck.near_duplicates(data) == found == known_near_duplicates(data.fingerprint)


def test_where_nothing_can_be_written_the_search_is_not_lost(tmp_path: Path) -> None:
    data_folder().write_text("a file in the way")
    assert len(ck.near_duplicates(splits_of(PLANTED))) == 4


def test_a_run_says_how_many_there_are_if_that_was_searched() -> None:
    data = splits_of(PLANTED)
    recipe = {"epochs": 1, "batch_size": 10}
    assert "near_duplicates" not in ck.train("linear", data, **recipe).facts.data
    ck.near_duplicates(data)
    told = ck.train("linear", data, **recipe).facts.data["near_duplicates"]
    assert told == {"test": 4, "threshold": 0.97}


def test_a_comparison_gives_the_accuracies_without_them(tmp_path: Path) -> None:
    data = splits_of(PLANTED)

    def compare() -> ck.Comparison:
        with ThreadPoolExecutor(1) as here:
            return ck.compare(
                *(["linear", "mlp"], data),
                **{"seeds": 2, "epochs": 1, "batch_size": 10, "run_dir": tmp_path},
                **{"executor": here, "show_progress": False},
            )

    assert "ck.near_duplicates(data), or cifarkit data SOURCE" in " ".join(str(compare()).split())
    near = ck.near_duplicates(data)
    comparison = compare()  # reads the runs again
    text = " ".join(str(comparison).split())
    assert "4 of 16 test pictures look like one of train or val. This means a correlation" in text
    assert json.loads(comparison.to_json())["data"]["near_duplicates"]["test"] == [12, 13, 14, 15]
    for name, runs in comparison.runs.items():
        new = [ck.evaluate(run, data.test.subset(near.kept)).accuracy for run in runs]
        whole = [ck.evaluate(run, data.test).accuracy for run in runs]
        told = f"{name} has {percent(np.mean(new))} (with them {percent(np.mean(whole))})."
        assert told in text


def test_the_report_of_a_run_gives_the_accuracy_without_them(tmp_path: Path) -> None:
    data = splits_of(PLANTED)
    run = ck.train("linear", data, epochs=1, batch_size=10)
    page = ck.write_report(run, data, tmp_path / "before.html").read_text("utf-8")
    assert "Near-duplicates of test images in train were not searched" in page
    near = ck.near_duplicates(data)
    page = ck.write_report(run, data, tmp_path / "after.html").read_text("utf-8")
    without = ck.evaluate(run, data.test.subset(near.kept)).accuracy
    assert "4 test images have a near-duplicate in train or val" in " ".join(page.split())
    assert f"Without these, test accuracy is {percent(without)}." in " ".join(page.split())
