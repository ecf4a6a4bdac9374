"""What arguments are refused, and what becomes of the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.annotations import Range
from cifarkit.arguments import Count, Seed, checked
from cifarkit.errors import CifarkitError, DataError, TrainingError


@given(value=st.integers(-20, 20), least=st.integers(-9, 9), room=st.none() | st.integers(0, 9))
def test_a_whole_number_passes_exactly_between_its_ends(
    value: int, least: int, room: int | None
) -> None:
    most = math.inf if room is None else least + room
    allowed = Annotated[int, Range(least, most)]
    if least <= value <= most:
        assert checked("k", value, allowed, error=DataError) == value
    else:
        with pytest.raises(
            DataError, match=f"^k must be a whole number, .*{least}.*; found {value}$"
        ):
            checked("k", value, allowed, error=DataError)


@pytest.mark.parametrize("value", [True, 2.0, "2", None, float("nan"), [2], 0, -1])
def test_what_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(TrainingError, match=r"^k must be a whole number, value >= 1; found"):
        checked("k", value, Count, error=TrainingError)


@pytest.mark.parametrize("value", [True, "2", None, float("nan"), float("inf"), 0, 10.5, 10**400])
def test_what_is_no_number_of_the_range_is_refused(value: Any) -> None:
    with pytest.raises(TrainingError, match=r"^x must be a number, 0 < value <= 10; found"):
        checked("x", value, Range(0, 10, open="("), error=TrainingError)


def test_numbers_of_numpy_become_plain_ones() -> None:
    assert type(checked("k", np.int64(3), Count, error=DataError)) is int
    assert type(checked("x", np.float32(3), float, error=DataError)) is float


@pytest.mark.parametrize("value", ["no", "False", 0, 1, None, np.bool_(True)])
def test_only_true_and_false_are_flags(value: Any) -> None:
    with pytest.raises(DataError, match=r"^f must be True or False; found"):
        checked("f", value, bool, error=DataError)


def test_a_flag_that_is_one_is_left_as_it_is() -> None:
    assert [checked("f", flag, bool, error=DataError) for flag in (True, False)] == [True, False]


@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.uint8(255)])
def test_the_first_and_the_last_seed_pass(seed: int) -> None:
    assert checked("seed", seed, Seed, error=DataError) == seed


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "0", None])
def test_other_seeds_are_refused(seed: Any) -> None:
    allowed = "0 <= value <= 9223372036854775807"
    with pytest.raises(DataError, match=rf"^seed must be a whole number, {allowed}; found"):
        checked("seed", seed, Seed, error=DataError)


FLAGS: dict[str, tuple[type[CifarkitError], Callable[[Any], object]]] = {
    "track_test": (ck.TrainingError, lambda flag: ck.Trainer(track_test=flag)),
    "restore": (ck.TrainingError, lambda flag: ck.EarlyStopping(restore=flag)),
    "replace of 'new'": (
        ck.ModelContractError,
        lambda flag: ck.register_model("new", replace=flag),
    ),
    "download": (ck.DataError, lambda flag: ck.load_cifar10(download=flag)),
    "by_folder": (ck.DataError, lambda flag: ck.leaderboard([], by_folder=flag)),
}


@pytest.mark.parametrize("name", FLAGS)
def test_no_is_not_taken_for_yes(name: str) -> None:
    error, call = FLAGS[name]
    with pytest.raises(error, match=f"^{name} must be True or False; found 'no'$"):
        call("no")


def test_nor_is_it_where_data_is_needed(tiny: ck.Splits) -> None:
    model = ck.create_model("linear", num_classes=len(tiny.classes))
    with pytest.raises(ck.CheckpointError, match=r"^resume must be True or False; found 'no'$"):
        ck.Trainer(ck.Recipe(epochs=1)).fit(model, tiny, resume="no")  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match=r"^retrain must be True or False; found 'no'$"):
        ck.verify("nowhere", tiny, retrain="no")  # type: ignore[arg-type]
    with pytest.raises(
        ck.ComparisonError, match=r"^show_progress must be True, False or \"auto\", found 'no'"
    ):
        ck.compare(["linear"], tiny, show_progress="no")  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match=r"^counts must be True or False; found 'no'$"):
        ck.plots.confusion(ck.evaluate(model, tiny.test), counts="no")  # type: ignore[arg-type]
