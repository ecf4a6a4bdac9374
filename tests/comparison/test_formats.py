"""A comparison as a document: it fits, it is whole, and programs can read it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.comparison.wording import changes, limitations

NAMES = ("linear", "mlp", "baseline", "batchnorm", "augmented", "deeper", "resnet20", "speedrun")


@pytest.fixture
def four(make_comparison: Any) -> ck.Comparison:
    comparison: ck.Comparison = make_comparison(
        {
            name: [0.5 + 0.05 * i + 0.01 * seed for seed in range(8)]
            for i, name in enumerate(NAMES[:4])
        }
    )
    return comparison


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("seeds", [1, 2, 20])
def test_the_text_fits_80_columns(count: int, seeds: int, make_comparison: Any) -> None:
    text = str(make_comparison({name: [0.5] * seeds for name in NAMES[:count]}))
    assert max(map(len, text.splitlines())) <= 80


def test_a_long_name_leaves_out_columns_and_no_result(make_comparison: Any) -> None:
    name = "a-network-whose-name-goes-on-and-on"
    ck.register_model(name)(ck.get_variant("linear").builder)
    text = str(make_comparison({"linear": [0.4, 0.5], name: [0.5, 0.6]}))
    assert max(map(len, text.splitlines())) <= 80
    assert "55.0 %" in text
    assert "mult-adds" not in text


def test_the_text_says_all_there_is_to_say(four: ck.Comparison) -> None:
    text = " ".join(str(four).split())
    assert "4 variants, 8 seeds, on made up: 900 train, 100 val, 1,000 test images" in text
    assert "Test: once at the end." in text
    assert "Trained on " in text
    for verdict in four.verdicts:
        assert " ".join(verdict.text.split()) in text
    for sentence in limitations(four):
        assert sentence in text


def test_looks_at_test_that_differ_are_told_apart(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": [0.4], "mlp": [0.5]})
    first, second = comparison.outcomes
    watched = dataclasses.replace(second, looks=ck.TestAccess(3, True, True))
    text = str(dataclasses.replace(comparison, outcomes=(first, watched)))
    assert "- Test of linear: once at the end." in text
    assert "- Test of mlp: may be selected on: flagged." in text


def test_synthetic_pictures_are_said_to_be_none(make_comparison: Any) -> None:
    assert "Anything about CIFAR-10" in str(make_comparison({"linear": [0.4]}, data="synthetic"))
    assert "Anything about CIFAR-10" not in str(make_comparison({"linear": [0.4]}))


def test_markdown_has_the_tables_and_the_verdicts(four: ck.Comparison) -> None:
    text = four.to_markdown()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 4 + 2 + 6
    assert len({row.count("|") for row in rows[:6]}) == 1
    assert all(verdict.text in text for verdict in four.verdicts)


def test_latex_is_a_booktabs_table_with_escapes(four: ck.Comparison) -> None:
    text = four.to_latex()
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1
    table = text.split(r"\toprule")[1]
    assert table.count(r"\\") == 5
    assert table.replace(r"\%", "").count("%") == 0


def test_json_has_everything_and_no_nan(four: ck.Comparison, make_comparison: Any) -> None:
    document = json.loads(four.to_json())
    assert [one["name"] for one in document["variants"]] == list(NAMES[:4])
    assert len(document["runs"]) == 32
    assert [one["verdict"] for one in document["pairs"]] == [one.kind for one in four.verdicts]
    assert document["recipes"]["augmented" if "augmented" in document["recipes"] else "linear"]

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    single = make_comparison({"linear": [0.4], "mlp": []}, failures=("mlp seed 0: failed",))
    alone = json.loads(single.to_json(), parse_constant=refuse)
    assert alone["variants"][0]["sd"] is None
    assert alone["failures"] == ["mlp seed 0: failed"]


def test_the_field_that_changed_is_named_and_not_the_whole_value(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": [0.4], "twin": [0.5]})
    plain, twin = comparison.variants
    recipe = plain.recipe.replace(optimizer=ck.Adam(weight_decay=0.1))
    twin = dataclasses.replace(twin, builder=plain.builder, options=plain.options, recipe=recipe)
    plain = dataclasses.replace(plain, recipe=recipe.replace(optimizer=ck.Adam()))
    (pair,) = dataclasses.replace(comparison, variants=(plain, twin)).pairs
    assert changes(pair) == "optimizer.weight_decay 0.0 -> 0.1"


def test_of_augmentations_those_that_differ_are_named(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": [0.4], "twin": [0.5]})
    plain = comparison.variants[0]

    def changed(theirs: tuple[ck.Augmentation, ...], ours: tuple[ck.Augmentation, ...]) -> str:
        one, other = (
            dataclasses.replace(plain, name=name, recipe=plain.recipe.replace(augment=augment))
            for name, augment in (("linear", theirs), ("twin", ours))
        )
        (pair,) = dataclasses.replace(comparison, variants=(one, other)).pairs
        return changes(pair)

    long = (ck.AlternatingFlip(), ck.GrowingCrop(first=20, last=28, step=4))
    assert changed((*long, ck.Cutout(4)), (*long, ck.Cutout(8))) == "augment.Cutout.size 4 -> 8"
    assert changed((*long, ck.Cutout(4)), (*long, ck.Noise())) == (
        "augment ck.Cutout(size=4) -> ck.Noise()"
    )
    jitter = ck.ColorJitter(hue=0.0), ck.ColorJitter(hue=0.1)  # both are long to print
    assert changed(jitter[:1], jitter[1:]) == "augment.ColorJitter.hue 0.0 -> 0.1"
    assert changed(long[:1], long[:1] * 2) == (
        "augment ck.AlternatingFlip() -> ck.AlternatingFlip(), ck.AlternatingFlip()"
    )
    widths = [dataclasses.replace(plain, options={"widths": both}) for both in ((32, 64), (64, 64))]
    (pair,) = dataclasses.replace(
        comparison, variants=(widths[0], dataclasses.replace(widths[1], name="twin"))
    ).pairs
    assert changes(pair) == "widths (32, 64) -> (64, 64)"
    assert changed((ck.Flip(), ck.Cutout(4)), (ck.Cutout(4), ck.Flip())).startswith(
        "augment ck.Flip(), ck.Cutout(size=4) -> ck.Cutout("
    )


def test_seeds_and_drawn_p_are_told(make_comparison: Any) -> None:
    few = " ".join(str(make_comparison({"linear": {7: 0.4, 3: 0.5}})).split())
    assert "Seeds: 3, 7." in few
    many = [0.4 + 0.001 * seed for seed in range(17)]
    text = " ".join(str(make_comparison({"linear": many, "mlp": [0.5] * 17})).split())
    assert "p is estimated" in text
    assert "Seeds:" not in text


def test_an_interval_of_accuracies_stays_within_0_and_100(make_comparison: Any) -> None:
    assert "0.0 to 100.0 %" in str(make_comparison({"linear": [0.1, 0.9]}))
