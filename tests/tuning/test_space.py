"""What may vary in a search, and what is refused before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from torch import nn

import cifarkit as ck
from cifarkit.tuning.space import axes_of, varied

SHARES = (np.arange(2000) + 0.5) / 2000


def values(path: str, dimension: Any, variant: str = "mlp") -> list[Any]:
    (axis,) = axes_of({path: dimension}, ck.get_variant(variant))
    return [axis.at(share) for share in SHARES]


def test_a_log_range_is_scipys_log_uniform() -> None:
    law = scipy.stats.loguniform(1e-4, 1e-1)
    assert values("optimizer.lr", ck.LogRange(1e-4, 1e-1)) == pytest.approx(
        law.ppf(SHARES), rel=1e-3
    )


def test_a_linear_range_is_scipys_uniform() -> None:
    law = scipy.stats.uniform(0.2, 0.5)
    assert values("ema_decay", ck.LinearRange(0.2, 0.7)) == pytest.approx(law.ppf(SHARES), rel=1e-3)


def test_a_setting_that_is_a_whole_number_gets_whole_numbers_equally_often() -> None:
    found = values("epochs", ck.LinearRange(1, 5))
    assert set(map(type, found)) == {int}
    assert np.bincount(found).tolist() == [0, 400, 400, 400, 400, 400]
    assert set(values("batch_size", ck.LogRange(15.5, 17.2))) == {16, 17}


def test_a_choice_takes_each_value_equally_often() -> None:
    crop = (ck.Flip(), ck.Crop())
    found = values("augment", ck.Choice([(), crop]))
    assert found.count(()) == found.count(crop) == 1000


def test_random_shares_never_leave_the_ends() -> None:
    (axis,) = axes_of({"optimizer.lr": ck.LogRange(0.12345678, 0.7654321)}, ck.get_variant("mlp"))
    assert axis.at(0.0) >= 0.12345678
    assert axis.at(np.nextafter(1, 0)) <= 0.7654321


def test_a_variant_gets_settings_of_recipe_and_builder() -> None:
    mlp = ck.get_variant("mlp")
    other = varied(mlp, {"optimizer.lr": 0.1, "batch_size": 32, "width": 64}, "other")
    assert other.differs_from(mlp) == {
        "batch_size": (mlp.recipe.batch_size, 32),
        "optimizer": (mlp.recipe.optimizer, mlp.recipe.optimizer.replace(lr=0.1)),
        "width": (512, 64),
    }
    assert values("width", ck.LogRange(16, 64))[1000] == 32


def test_an_option_that_may_be_none_is_a_number_all_the_same() -> None:
    assert isinstance(values("clip_norm", ck.LogRange(0.1, 10))[0], float)


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "nothing": ({}, ck.RecipeError, "optimizer.lr"),
    "a list": (["lr"], ck.RecipeError, "must say what varies"),
    "a name without its path": (
        {"lr": ck.LogRange(1e-4, 1)},
        ck.UnknownFieldError,
        r"'mlp' has no setting 'lr'; did you mean 'optimizer\.lr'\? It has epochs, batch_size",
    ),
    "a name of other libraries": (
        {"learning_rate": ck.LogRange(1e-4, 1)},
        ck.UnknownFieldError,
        r"did you mean 'optimizer\.lr'",
    ),
    "a misspelt path": (
        {"optimiser.lr": ck.LogRange(1e-4, 1)},
        ck.UnknownFieldError,
        r"did you mean 'optimizer\.lr'",
    ),
    "a rate that is too high": (
        {"optimizer.lr": ck.LogRange(1e-4, 1e4)},
        ck.RecipeError,
        r"(?s)space\['optimizer\.lr'\] goes as far as 10000\.0: .* 0 < value <= 1000",
    ),
    "a count below one": ({"epochs": ck.LinearRange(0, 5)}, ck.RecipeError, "epochs=0: allowed"),
    "a range between two counts": (
        {"epochs": ck.LinearRange(1.2, 1.8)},
        ck.RecipeError,
        "holds no whole number",
    ),
    "one bad value": ({"batch_size": ck.Choice([32, 0])}, ck.RecipeError, "batch_size=0: allowed"),
    "a range of something else": (
        {"optimizer": ck.LinearRange(0, 1)},
        ck.RecipeError,
        "a value of type Optimizer",
    ),
    "a pair": (
        {"optimizer.lr": (1e-4, 0.1)},
        ck.RecipeError,
        r"write ck\.LogRange\(0\.0001, 0\.1\) or ck\.LinearRange",
    ),
    "a plain list": ({"batch_size": [32, 64]}, ck.RecipeError, r"write ck\.Choice\(\[32, 64\]\)"),
    "a part and its whole": (
        {"optimizer": ck.Choice([ck.Adam()]), "optimizer.lr": ck.LogRange(1e-4, 1)},
        ck.RecipeError,
        "'optimizer' and 'optimizer.lr', which is a part of it",
    ),
    "an option that cannot be built": (
        {"width": ck.LinearRange(-5, 5)},
        ck.ModelContractError,
        r"space\['width'\] goes as far as -5",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_nonsense_is_refused_with_what_to_write(what: str) -> None:
    space, error, text = REFUSED[what]
    with pytest.raises(error, match=text):
        axes_of(space, ck.get_variant("mlp"))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ck.LogRange(0, 1), "low=0: allowed is a number, 0 < value"),
        (lambda: ck.LogRange(1, 0.1), r"ck\.LogRange\(0\.1, 1\.0\)"),
        (lambda: ck.LinearRange(1, 1), "holds no range"),
        (lambda: ck.LinearRange(0, float("inf")), "high="),
        (lambda: ck.Choice([]), "needs values"),
        (lambda: ck.Choice(3), "allowed is a tuple"),
    ],
)
def test_an_impossible_range_is_refused_where_it_is_written(make: Any, text: str) -> None:
    with pytest.raises(ck.RecipeError, match=text):
        make()


def test_a_builder_of_the_users_own_has_its_options_too() -> None:
    def tiny(*, num_classes: int = 10, hidden: int = 8) -> nn.Module:
        layers = nn.Linear(3072, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)
        return nn.Sequential(nn.Flatten(), *layers)

    (axis,) = axes_of({"hidden": ck.LogRange(4, 16)}, ck.Variant("tiny", tiny))
    assert axis.at(0.5) == 8
