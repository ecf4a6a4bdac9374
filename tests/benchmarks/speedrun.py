"""Train a variant by its own recipe and evaluate it once on test; print how well and how long.

It trains on train and val together, as those do whose numbers it stands beside; the recipe was
chosen on val before. The time is a user's: from loaded pictures to the evaluation of test, with all
views. A GPU and its libraries take seconds to get ready: `--warm-up` trains once before, untimed.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

import cifarkit as ck


def with_val_in_train(data: ck.Splits) -> ck.Splits:
    if data.val is None:
        return data
    images = torch.cat([data.train.images, data.val.images])
    labels = torch.cat([data.train.labels, data.val.labels])
    return ck.Splits(ck.ImageSet(images, labels, data.classes), None, data.test, data.name)


def once(
    variant: str, data: ck.Splits, seed: int, *, compile: str = "auto", epochs: int | None = None
) -> dict[str, float]:
    """Train and evaluate once; return seconds, accuracy, and accuracy with one view.

    Args:
        variant: a registered name.
        data: the pictures, in memory.
        seed: the seed of the training.
        compile: as in `ck.train`.
        epochs: instead of the recipe's own, for a rehearsal.
    """
    fewer = {} if epochs is None else {"epochs": epochs}
    begin = time.perf_counter()
    run = ck.train(variant, data, seed=seed, compile=compile, show_progress=False, **fewer)
    evaluation = ck.evaluate(run.model, data.test, test_time=run.recipe.test_time)
    seconds = time.perf_counter() - begin
    plain = ck.evaluate(run.model, data.test)
    return {
        "seconds": seconds,
        "test accuracy": evaluation.accuracy,
        "test accuracy, one view": plain.accuracy,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    parser.add_argument("--round", type=int, required=True, help="counted from 0; the seed")
    parser.add_argument("--data", default="synthetic", help="as cifarkit's own --data")
    parser.add_argument("--warm-up", action="store_true", help="train once before, untimed")
    parser.add_argument("--compile", default="auto", choices=["auto", "on", "off"])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's own, for a rehearsal")
    given = parser.parse_args()
    data = with_val_in_train(ck.load_data(given.data))
    for _ in range(1 + given.warm_up):
        numbers = once(given.variant, data, given.round, compile=given.compile, epochs=given.epochs)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
