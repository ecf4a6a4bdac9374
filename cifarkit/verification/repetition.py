"""Train a run again and compare: the strong check of a receipt."""

from __future__ import annotations

import dataclasses
import math
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch

from cifarkit.errors import TrainingError
from cifarkit.evaluation.evaluation import measure
from cifarkit.findings import Finding
from cifarkit.models.variant import Variant
from cifarkit.runs.facts import Facts
from cifarkit.runs.run import Run
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.training.callback import Callback, qualified_name
from cifarkit.training.callbacks.early_stopping import EarlyStopping
from cifarkit.training.callbacks.gradient_clip import GradientClip
from cifarkit.training.callbacks.lr_finder import LRFinder
from cifarkit.training.callbacks.mixup import Mixup
from cifarkit.training.engine.device import choose_precision
from cifarkit.training.train import train
from cifarkit.verification.evidence import Evidence, judged, percent
from cifarkit.verification.siblings import sibling_accuracies

__all__ = ["Likeness", "repeat"]

Likeness = Literal["bitwise equal", "within seed noise", "different", "not repeatable"]

FEWEST_SIBLINGS = 3
# Those that can be made again from what the record says of their settings, and matter.
REMADE: dict[str, type[Callback]] = {
    qualified_name(one): type(one) for one in (EarlyStopping(), GradientClip(), LRFinder(), Mixup())
}


def repeat(evidence: Evidence, device: torch.device) -> tuple[Likeness, list[Finding]]:
    """Train the same variant by the same recipe from the same seed, and compare.

    Args:
        evidence: of a run whose data is known to be right.
        device: to train on.

    Returns:
        How alike the two are, and the findings that say so.
    """
    obstacle = _obstacle(evidence.facts)
    if obstacle:
        hint = "judge it by its code; without --retrain its other checks stand alone"
        return "not repeatable", [judged("repeated", False, f"not repeatable: {obstacle}", hint)]
    run = evidence.run
    again = _train_again(evidence, device)
    ours, theirs = again.model.state_dict(), run.model.state_dict()
    if all(torch.equal(ours[name].cpu(), theirs[name].cpu()) for name in theirs):
        equal = judged("repeated", True, "bitwise equal: trained again, it has the same weights")
        findings = [equal, _compare_histories(run, again), _compare_predictions(evidence, again)]
        return "bitwise equal", findings
    return _compare_scores(evidence, again)


def _obstacle(facts: Facts) -> str:
    """Say why a run cannot be repeated from its record; nothing when it can."""
    if facts.processes != 1:
        return f"{facts['processes']} processes trained it together"
    unknown = [kind for kind in facts.intervening if kind not in REMADE]
    if unknown:
        names = ", ".join(kind.rpartition(".")[2] for kind in unknown)
        return f"{names} may have changed its batches or gradients, and is not known here"
    if changed := facts.changed_by_callbacks:
        return f"callbacks changed what no recipe says ({'; '.join(changed)})"
    if facts.status == "stopped" and not _callbacks(facts):
        return f"a callback unknown here stopped it ({facts.stopped})"
    return ""


def _train_again(evidence: Evidence, device: torch.device) -> Run:
    run, facts = evidence.run, evidence.facts
    recipe = run.recipe
    due = str(choose_precision(recipe, device)).removeprefix("torch.")
    if facts.precision not in (due, "float64"):  # a network of float64 stays one
        recipe = recipe.replace(precision=facts.precision)
    variant = run.variant
    if not isinstance(variant, Variant):  # `verify` has looked
        raise TypeError(f"a run is repeated by its variant, found {variant!r}")
    again = partial(
        train,
        dataclasses.replace(variant, recipe=recipe),
        evidence.splits,
        seed=run.seed,
        device=device,
        track_test=facts.track_test,
    )
    with _threads(facts.environment["threads"]):
        try:
            compiled = facts.compile
            return again(compile=compiled, callbacks=_callbacks(facts))
        except TrainingError as error:
            cannot_compile = compiled == "on" and type(error) is TrainingError
            if not cannot_compile:  # but lost its numbers, or found no memory
                raise
            return again(callbacks=_callbacks(facts))


def _callbacks(facts: Facts) -> list[Callback]:
    """Make those of cifarkit's callbacks again that changed or ended the run."""
    listeners = facts.callbacks_as_values()
    return [REMADE[one.kind](**(one.fields or {})) for one in listeners if one.kind in REMADE]


@contextmanager
def _threads(recorded: int) -> Iterator[None]:
    """Add up with as many threads as the run did: on the CPU the last bits depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(recorded if recorded <= (os.cpu_count() or 1) else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compare_histories(run: Run, again: Run) -> Finding:
    """Compare every number of every epoch, apart from seconds, when the weights are the same."""
    for kept, made in zip(run.history, again.history, strict=False):
        for name in made.keys() - {"seconds"}:
            if not math.isclose(kept.get(name, math.nan), made[name], rel_tol=1e-6, abs_tol=1e-9):
                found = f"epoch {made['epoch']} has {name} {kept.get(name)}; it is {made[name]}"
                hint = "history.csv was changed after the run"
                return judged("each epoch", False, f"history.csv, {found}", hint)
    return judged("each epoch", True, f"all {len(again.history)} epochs have the same numbers")


def _compare_predictions(evidence: Evidence, again: Run) -> Finding:
    """Compare what the same weights say of each test image with the recorded test predictions.

    Where training gave the same bits, so does evaluation: nothing is left for rounding.
    """
    test = evidence.splits.test
    made, kept = (
        TestPredictions.of(measure(again.model, test, test_time=again.recipe.test_time)),
        evidence.test_predictions,
    )
    other = int((made.predicted != kept.predicted).sum())
    moved = int((made.logits != kept.logits).any(axis=1).sum())
    found = f"trained again it has the receipt's logits for all {len(made.labels):,} test images"
    if other or moved:
        found = (
            f"trained again it gives {other:,} test images another class than the recorded one, "
            f"and {moved:,} other logits; it scores {percent(made.accuracy)}, not "
            f"{percent(kept.accuracy)}"
        )
    hint = "the receipt was changed, or scored on another device"
    return judged("predictions", not (other or moved), found, hint)


def _compare_scores(evidence: Evidence, again: Run) -> tuple[Likeness, list[Finding]]:
    """Compare the two test accuracies with what another seed would change."""
    n, kept = len(evidence.test_predictions.labels), evidence.test_predictions.accuracy
    made = measure(again.model, evidence.splits.test, test_time=again.recipe.test_time).accuracy
    others = sibling_accuracies(evidence.folder, evidence.about)
    if len(others) >= FEWEST_SIBLINGS:
        sd, origin = statistics.stdev(others), f"the sd over {len(others)} runs beside it"
    else:
        sd = math.sqrt(kept * (1 - kept) / n)
        origin = f"sqrt(p(1-p)/n), a stand-in, for fewer than {FEWEST_SIBLINGS} seeds lie beside it"
    reach = 3 * math.sqrt(2) * sd
    likeness: Likeness = "within seed noise" if abs(kept - made) <= reach else "different"
    found = (
        f"{likeness}: trained again it scores {percent(made)}, not {percent(kept)}; between two "
        f"seeds {percent(reach)} could be (3 sqrt(2) sd, sd {percent(sd)}: {origin})"
    )
    if (evidence.facts.compile == "on") != (again.facts.compile == "on"):
        found += "; it was compiled, which could not be done here"
    elif evidence.facts.environment == again.facts.environment:
        found += (
            "; same versions, processor, device and threads, so the same bits were to be expected"
        )
    hint = "weights, recipe, seed or code are not those that gave this score"
    return likeness, [judged("repeated", likeness != "different", found, hint)]
