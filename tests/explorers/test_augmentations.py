"""The explorer of augmentations computes what cifarkit's augmentations compute."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import stats

import cifarkit as ck
from cifarkit.data import colour_changes, warping
from cifarkit.data.colour_changes import to_nearest_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DATA = Path(__file__).parents[2] / "docs" / "explorers" / "data" / "augmentations.js"
N = 12
APPLIED = """({ AUGMENTATIONS }, [name, images, drawn]) =>
  images.map((image, index) => AUGMENTATIONS[name].apply(image, drawn[index]))"""


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Return drawn pictures, and one of every extreme: black, white, grey, one channel."""
    drawn = ck.load_synthetic(n_train=20, n_test=N - 4, val_size=10).test.images
    flat = torch.tensor([[0, 0, 0], [255, 255, 255], [100, 100, 100], [0, 255, 0]])
    extreme = flat.to(torch.uint8)[:, :, None, None].expand(4, 3, 32, 32)
    return torch.cat([drawn, extreme])


def applied(node: Callable[..., Any], name: str, images: Tensor, drawn: list[Any]) -> Tensor:
    given = [name, images.flatten(1).tolist(), drawn]
    return torch.tensor(node("augmentations", APPLIED, given), dtype=torch.float64).view(
        -1, 3, 32, 32
    )


def twin(seed: int) -> tuple[torch.Generator, torch.Generator]:
    """Return two generators that draw the same: for cifarkit, and for the test to look at."""
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def test_flip_is_cifarkits(node: Callable[..., Any], images: Tensor) -> None:
    ours, theirs = twin(1)
    mirror = (torch.rand(N, generator=theirs) < 0.5).tolist()
    assert len(set(mirror)) == 2
    found = applied(node, "Flip", images, [{"mirror": which} for which in mirror])
    assert torch.equal(found.to(torch.uint8), ck.Flip()(images, ours))


@pytest.mark.parametrize("padding", [1, 4, 16])
def test_crop_is_cifarkits(node: Callable[..., Any], images: Tensor, padding: int) -> None:
    ours, theirs = twin(2)
    begin = torch.randint(-padding, padding + 1, (2, N, 1), generator=theirs)[..., 0].T.tolist()
    found = applied(node, "Crop", images, [{"down": d, "right": r} for d, r in begin])
    assert torch.equal(found.to(torch.uint8), ck.Crop(padding=padding)(images, ours))
    swapped = applied(node, "Crop", images, [{"down": r, "right": d} for d, r in begin])
    assert not torch.equal(swapped, found)


@pytest.mark.parametrize("size", [1, 8, 9, 32])
def test_cutout_is_cifarkits(node: Callable[..., Any], images: Tensor, size: int) -> None:
    ours, theirs = twin(3)
    centres = torch.randint(32, (2, N, 1), generator=theirs)[..., 0].T.tolist()
    drawn = [{"row": row, "column": column, "size": size} for row, column in centres]
    found = applied(node, "Cutout", images, drawn)
    assert torch.equal(found.to(torch.uint8), ck.Cutout(size=size)(images, ours))


def test_rotation_is_cifarkits(node: Callable[..., Any], images: Tensor) -> None:
    degrees = torch.tensor(
        [0.0, 15.0, -15.0, 45.0, -77.7, 90.0, 180.0, -180.0, 1e-3, 30.0, 3.0, 7.0]
    )
    found = applied(node, "Rotation", images, [{"degrees": angle} for angle in degrees.tolist()])
    exact = warping.rotate(images.double(), degrees.double())
    assert torch.allclose(found, exact, rtol=0, atol=1e-5)
    wrong = warping.rotate(images.double(), -degrees.double())
    assert not torch.allclose(found, wrong, rtol=0, atol=1)


def test_rotated_bytes_are_those_of_the_augmentation(
    node: Callable[..., Any], images: Tensor
) -> None:
    ours, theirs = twin(4)
    degrees = (40 * (2 * torch.rand(N, generator=theirs) - 1)).tolist()
    found = applied(node, "Rotation", images, [{"degrees": angle} for angle in degrees])
    same_to_a_byte(to_nearest_bytes(found), ck.Rotation(degrees=40)(images, ours))


def same_to_a_byte(found: Tensor, expected: Tensor) -> None:
    """Ours are float32: a value beside a half may go to the other byte, and few do."""
    difference = (found.int() - expected.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).double().mean() < 1e-3


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_each_change_of_colour_is_cifarkits(
    node: Callable[..., Any], images: Tensor, name: str
) -> None:
    amounts = torch.linspace(-0.5, 0.5, N) if name == "hue" else torch.linspace(0, 2, N)
    drawn = [{"changes": [[name, amount]]} for amount in amounts.tolist()]
    found = applied(node, "ColorJitter", images, drawn)
    expected = getattr(colour_changes, f"adjust_{name}")(images.double(), amounts.double())
    assert torch.allclose(found, expected, rtol=0, atol=1e-5)


def test_jittered_bytes_are_those_of_the_augmentation(
    node: Callable[..., Any], images: Tensor
) -> None:
    ours, theirs = twin(5)
    jitter = ck.ColorJitter(brightness=0.4, contrast=0.3, saturation=0.5, hue=0.1)
    order = torch.randperm(4, generator=theirs).tolist()
    draws = (2 * torch.rand(4, N, generator=theirs) - 1).double()
    names, reach = ["brightness", "contrast", "saturation", "hue"], [0.4, 0.3, 0.5, 0.1]
    amounts = [(number < 3) + reach[number] * draws[number] for number in range(4)]
    drawn = [
        {"changes": [[names[number], amounts[number][image].item()] for number in order]}
        for image in range(N)
    ]
    found = to_nearest_bytes(applied(node, "ColorJitter", images, drawn))
    same_to_a_byte(found, jitter(images, ours))


def test_noise_is_cifarkits(node: Callable[..., Any], images: Tensor) -> None:
    ours, theirs = twin(6)
    noise = 8.0 * torch.randn(images.shape, generator=theirs)
    drawn = [{"noise": values} for values in noise.flatten(1).tolist()]
    found = to_nearest_bytes(applied(node, "Noise", images, drawn))
    same_to_a_byte(found, ck.Noise(sd=8)(images, ours))


@pytest.mark.parametrize("mix", [ck.Mixup(alpha=1.0), ck.CutMix(alpha=1.0), ck.CutMix(alpha=0.5)])
def test_mixes_are_cifarkits(
    node: Callable[..., Any], images: Tensor, mix: ck.Mixup | ck.CutMix
) -> None:
    ours, theirs = twin(7)
    floats, targets = ck.to_floats(images), torch.eye(N)
    one, other = torch._standard_gamma(torch.full((2,), mix.alpha), generator=theirs).tolist()
    share = one / (one + other)
    order = torch.randperm(N, generator=theirs)
    row, column = torch.randint(32, (2,), generator=theirs).tolist()  # Mixup does not use them
    given = {
        "name": type(mix).__name__,
        "drawn": {"share": share, "row": row, "column": column},
        "images": images.flatten(1).tolist(),
        "order": order.tolist(),
    }
    found = node(
        "augmentations",
        """({ MIXES, toFloats }, { name, drawn, images, order }) => images.map((image, index) =>
          MIXES[name].apply(toFloats(image), toFloats(images[order[index]]), drawn))""",
        given,
    )
    mixed, shares = mix(floats, targets, ours)
    pictures = torch.tensor([each["image"] for each in found]).view(-1, 3, 32, 32)
    assert torch.allclose(pictures, mixed, rtol=0, atol=1e-5)
    kept = torch.tensor([float(each["kept"]) for each in found])
    expected = shares.diagonal().where(order != torch.arange(N), kept)  # with itself it keeps all
    assert torch.allclose(kept, expected, atol=1e-6)
    assert 0 < kept[0] < 1


def test_floats_become_the_bytes_that_they_were(node: Callable[..., Any]) -> None:
    there_and_back = "({ toBytes, toFloats }, given) => toBytes(toFloats(given))"
    assert node("augmentations", there_and_back, [*range(256)]) == [*range(256)]
    given = torch.tensor([-1.2, -0.5, -1 / 255, 0.0, 1 / 255, 0.7, 1.1], dtype=torch.float64)
    found = node("augmentations", "({ toBytes }, given) => toBytes(given)", given.tolist())
    assert found == ck.to_bytes(given).tolist()  # a half goes to the even byte


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0])
def test_shares_are_drawn_from_the_beta_distribution(
    node: Callable[..., Any], alpha: float
) -> None:
    draws = node(
        "augmentations",
        """({ beta }, alpha) => {
          const random = require("./docs/explorers/explorer.js").uniform(5);
          return Array.from({ length: 4000 }, () => beta(random, alpha));
        }""".replace("./docs/explorers", DATA.parents[1].as_posix()),
        alpha,
    )
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    assert stats.kstest(draws, stats.beta(alpha, 1.5 * alpha).cdf).pvalue < 1e-3


VIEWS = """({ DEFAULTS, views }, [changes, pictures]) =>
  changes.map((change) => views({ ...DEFAULTS, ...change }, pictures))"""


@pytest.fixture(scope="module")
def pictures() -> list[dict[str, Any]]:
    document = json.loads(DATA.read_text(encoding="utf-8").split(" = ")[1].rstrip(";\n"))
    return [
        {"name": each["name"], "image": [*base64.b64decode(each["bytes"])]}
        for each in document["pictures"]
    ]


def test_the_pictures_of_the_page_are_cifarkits_own(pictures: list[dict[str, Any]]) -> None:
    data = ck.load_synthetic(n_train=200, n_test=100, val_size=20)
    drawn = {
        tuple(image.flatten().tolist()): label
        for image, label in zip(data.test.images, data.test.labels.tolist(), strict=True)
    }
    for picture in pictures:
        assert data.classes[drawn[tuple(picture["image"])]] == picture["name"]


def test_a_seed_gives_the_same_views_and_another_seed_others(
    node: Callable[..., Any], pictures: list[dict[str, Any]]
) -> None:
    first, again, other = node("augmentations", VIEWS, [[{}, {}, {"seed": 1}], pictures])
    assert first == again != other
    assert len({tuple(view["image"]) for view in first}) > 5


def test_what_an_augmentation_draws_does_not_depend_on_the_others(
    node: Callable[..., Any], pictures: list[dict[str, Any]]
) -> None:
    changes = [{"Flip": False}, {"Flip": True, "Rotation": True}, {"Flip": False, "padding": 8}]
    without, beside, stronger = node("augmentations", VIEWS, [changes, pictures])
    assert [view["told"][0] for view in without] == [view["told"][1] for view in beside]
    assert [view["told"] for view in without] != [view["told"] for view in stronger]


def test_nothing_drawn_leaves_the_picture_as_it_is(
    node: Callable[..., Any], pictures: list[dict[str, Any]]
) -> None:
    nothing = {"Flip": False, "Crop": False}
    (views,) = node("augmentations", VIEWS, [[nothing], pictures])
    assert all(view["image"] == pictures[0]["image"] for view in views)


def test_offsets_and_angles_stay_in_the_range_that_the_page_names(node: Callable[..., Any]) -> None:
    drawn = node(
        "augmentations",
        """({ AUGMENTATIONS }) => Object.fromEntries(["Crop", "Rotation", "Cutout"].map((name) => {
          const random = require("FOLDER/explorer.js").uniform(2);
          const draw = () => AUGMENTATIONS[name].draw(random, { padding: 4, degrees: 15, size: 8 });
          return [name, Array.from({ length: 2000 }, draw)];
        }))""".replace("FOLDER", DATA.parents[1].as_posix()),
    )
    assert {each["down"] for each in drawn["Crop"]} == set(range(-4, 5))
    assert {each["right"] for each in drawn["Crop"]} == set(range(-4, 5))
    assert {each["row"] for each in drawn["Cutout"]} == set(range(32))
    angles = np.array([each["degrees"] for each in drawn["Rotation"]])
    assert stats.kstest(angles, stats.uniform(-15, 30).cdf).pvalue > 1e-3
    assert stats.kstest(angles, stats.uniform(-20, 40).cdf).pvalue < 1e-3


@pytest.mark.parametrize(
    ("change", "augment", "mix"),
    [
        ({}, (ck.Flip(), ck.Crop(padding=4)), None),
        ({"Flip": False, "padding": 2}, (ck.Crop(padding=2),), None),
        ({"Flip": False, "Crop": False, "mix": "CutMix", "alpha": 0.5}, (), ck.CutMix(alpha=0.5)),
        (
            {"Rotation": True, "ColorJitter": True, "Noise": True, "Cutout": True, "mix": "Mixup"},
            (
                *(ck.Flip(), ck.Crop(padding=4), ck.Rotation(degrees=15), ck.ColorJitter()),
                *(ck.Noise(sd=8), ck.Cutout(size=8)),
            ),
            ck.Mixup(alpha=1),
        ),
    ],
)
def test_the_line_of_python_is_the_recipe_that_is_shown(
    node: Callable[..., Any], change: dict[str, Any], augment: tuple[Any, ...], mix: Any
) -> None:
    line = node(
        "augmentations", "({ DEFAULTS, code }, change) => code({ ...DEFAULTS, ...change })", change
    )
    assert line.startswith('ck.train("baseline", data, ')
    recipe = eval(line.replace('ck.train("baseline", data, ', "ck.Recipe("), {"ck": ck})
    assert (recipe.augment, recipe.mix) == (augment, mix)
