"""A mix among the callbacks: it trains as it did, and says where it belongs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

import cifarkit as ck
from cifarkit.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = ck.Recipe(epochs=2, batch_size=32, augment=(ck.Flip(),), precision="float32")
moves = pytest.warns(DeprecationWarning, match=r"write mix=ck\.Mixup\(alpha=0\.5\); .* 0\.2")


class AsItWas(ck.Callback):
    """The callback `Mixup`, as it was before recipes had a mix."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def on_batch_start(self, run: ck.Run) -> None:
        state = run.state
        generator = generator_for("mixup", run.seed, state.epoch, state.step)
        alphas = torch.full((2,), self.alpha)
        one, other = torch._standard_gamma(alphas, generator=generator).tolist()
        share = one / (one + other) if one + other > 0 else 1.0
        images, labels = state.batch
        order = torch.randperm(len(images), generator=generator)
        targets = F.one_hot(labels, len(run.classes)).to(images.dtype)
        state.batch = ck.Batch(
            images.lerp(images[order], 1 - share), targets.lerp(targets[order], 1 - share)
        )


def trained(tiny: ck.Splits, callbacks: Any = (), **changes: Any) -> list[Any]:
    with ck.seeded("weights", 0):
        model = ck.create_model("baseline")
    trainer = ck.Trainer(RECIPE.replace(**changes), seed=5, device="cpu", callbacks=callbacks)
    run = trainer.fit(model, tiny)
    numbers = [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]
    return [numbers, *(weight.tolist() for weight in run.model.state_dict().values())]


def test_the_value_trains_what_the_callback_trained_bit_for_bit(tiny: ck.Splits) -> None:
    before = trained(tiny, [AsItWas(0.5)])
    assert trained(tiny, mix=ck.Mixup(alpha=0.5)) == before
    with moves:
        assert trained(tiny, [ck.Mixup(0.5)]) == before
    assert trained(tiny, mix=ck.Mixup(alpha=0.4)) != before  # the negative control


def test_it_moves_to_the_recipe_with_one_warning_at_the_users_line(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    mixes = [ck.Mixup(0.5)]
    with moves as told:
        run = ck.train("linear", tiny, epochs=1, callbacks=iter(mixes))
    assert (run.recipe.mix, run.variant.recipe.mix) == (mixes[0], mixes[0])
    assert (run.facts.callbacks, run.facts.intervening) == ([], [])
    with moves as told_too:
        comparison = ck.compare(
            ["linear", "mlp"], tiny, seeds=1, epochs=1, run_dir=tmp_path, callbacks=mixes
        )
    assert [run.recipe.mix for (run,) in comparison.runs.values()] == mixes * 2
    for warnings in (told, told_too):
        assert [warning.filename for warning in warnings] == [__file__]


def test_the_others_stay_callbacks(tiny: ck.Splits) -> None:
    stopper = ck.EarlyStopping(patience=1)
    with moves:
        trainer = ck.Trainer(callbacks=[ck.Mixup(0.5), stopper])
    assert trainer.callbacks == (stopper,)


@pytest.mark.parametrize("given", [{"mix": ck.CutMix()}, {}])
def test_two_mixes_are_refused(given: dict[str, Any], tiny: ck.Splits) -> None:
    callbacks = [ck.Mixup(0.5)] * (1 if given else 2)
    with pytest.raises(TypeError, match=r"one mix, and here are several: write mix=ck\.Mixup\(al"):
        ck.train("linear", tiny, callbacks=callbacks, **given)


def test_the_recipes_own_mix_is_not_replaced(tiny: ck.Splits, tmp_path: Path) -> None:
    cut, mixes = ck.Recipe(epochs=1, mix=ck.CutMix()), [ck.Mixup(0.5)]
    variant = dataclasses.replace(ck.get_variant("linear"), recipe=cut)
    calls: list[Callable[[Any], Any]] = [
        lambda given: ck.Trainer(cut, callbacks=given),
        lambda given: ck.train(variant, tiny, callbacks=given),
        lambda given: ck.compare(["mlp", variant], tiny, run_dir=tmp_path, callbacks=given),
        lambda given: ck.profile(variant, tiny, steps=1, callbacks=given),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="one mix, and here are several"):
            call(mixes)
    assert list(tmp_path.iterdir()) == []
    same = cut.replace(mix=mixes[0])
    with moves:
        assert ck.Trainer(same, callbacks=mixes).recipe == same


def test_a_profile_takes_it_as_well(tiny: ck.Splits) -> None:
    with moves as told:
        ck.profile("linear", tiny, steps=1, callbacks=[ck.Mixup(0.5)])
    assert [warning.filename for warning in told] == [__file__]


def test_a_loss_of_labels_refuses_it_as_ever(tiny: ck.Splits) -> None:
    with moves, pytest.raises(ck.RecipeError, match="takes labels"):
        ck.train("linear", tiny, loss=ck.MultiMargin(), callbacks=[ck.Mixup(0.5)])
