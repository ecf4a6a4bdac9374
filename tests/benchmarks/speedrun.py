"""Train a variant by its own recipe and evaluate it once on test; print how well and how long.

The time is a user's: from loaded pictures to the evaluation of test, val and all views included.
"""

from __future__ import annotations

import argparse
import json
import time

import cifarkit as ck


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    parser.add_argument("--round", type=int, required=True, help="counted from 0; the seed")
    parser.add_argument("--data", default="synthetic", help="as cifarkit's own --data")
    given = parser.parse_args()
    data = ck.load_data(given.data)
    begin = time.perf_counter()
    run = ck.train(given.variant, data, seed=given.round)
    evaluation = ck.evaluate(run.model, data.test, test_time=run.recipe.test_time)
    seconds = time.perf_counter() - begin
    plain = ck.evaluate(run.model, data.test)
    numbers = {
        "seconds": seconds,
        "test accuracy": evaluation.accuracy,
        "test accuracy, one view": plain.accuracy,
        "val accuracy, one view": run.history[-1]["val_accuracy"],
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
