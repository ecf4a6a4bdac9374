from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from cifarkit.errors import DataError
from cifarkit.plots import profile
from cifarkit.training.profiling import Profile

PARTS = {"data": 0.001, "forward": 0.003, "backward": 0.006}
LAYERS = {"0 Conv2d": 0.0025, "1 ReLU": 0.00004, "between layers": 0.00046}


@pytest.fixture
def measured() -> Profile:
    return Profile("mine", PARTS, LAYERS, steps=20, batch_size=32, device="cpu")


def test_bars_are_parts_in_the_order_of_a_step_with_layers_below_forward(
    ax: Axes, measured: Profile
) -> None:
    assert profile(measured, ax=ax) is ax
    names = [label.get_text() for label in ax.get_yticklabels()]
    bars = [bar for bar in ax.patches if isinstance(bar, Rectangle)]
    assert dict(zip(names, (bar.get_width() for bar in bars), strict=True)) == pytest.approx(
        {
            **{"data": 1.0, "forward": 3.0, "0 Conv2d": 2.5, "1 ReLU": 0.04},
            **{"between layers": 0.46, "backward": 6.0},
        }
    )
    assert ax.yaxis_inverted()
    is_pale = [bar.get_facecolor()[3] < 1 for bar in bars]
    assert is_pale == [False, False, True, True, True, False]


def test_of_many_layers_the_slowest_have_a_row_each(measured: Profile) -> None:
    layers = {f"{n} Conv2d": 0.0001 * (1 + n % 5) for n in range(11)}
    rows = Profile("deep", PARTS, layers, steps=20, batch_size=32, device="cpu").rows()
    names = [name for name, _, is_layer in rows if is_layer]
    assert names == [*(f"{n} Conv2d" for n in (1, 2, 3, 4, 6, 7, 8, 9)), "others (3 layers)"]
    assert sum(part for _, part, is_layer in rows if is_layer) == pytest.approx(
        sum(layers.values())
    )


def test_the_title_names_the_longest_part(ax: Axes, measured: Profile) -> None:
    profile(measured, ax=ax)
    assert ax.get_title(loc="left") == "backward takes 60 % of a step of 10.0 ms"
    assert "mine on cpu, 32 images a step; mean of 20 steps" in " ".join(ax.get_xlabel().split())


def test_shares_stand_beside_the_bars(ax: Axes, measured: Profile) -> None:
    profile(measured, ax=ax)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["per cent", "10.0", "30.0", "25.0", "0.4", "4.6", "60.0"]


def test_something_else_is_refused() -> None:
    with pytest.raises(DataError, match=r"write ck\.plots\.profile\(ck\.profile\('baseline'"):
        profile("baseline")  # type: ignore[arg-type]
