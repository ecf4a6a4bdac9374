"""Train a run again and compare the results: the strongest check of a run."""

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
from cifarkit.training.engine.device import choose_precision
from cifarkit.training.train import train
from cifarkit.verification.evidence import Evidence, judged, percent
from cifarkit.verification.machines import machine_of
from cifarkit.verification.siblings import sibling_accuracies

__all__ = ["Likeness", "repeat"]

Likeness = Literal["bitwise equal", "within seed noise", "different", "not repeatable"]

FEWEST_SIBLINGS = 3
# Callbacks that change a training and can be made again from the settings in the record.
KNOWN = (EarlyStopping(), GradientClip(), LRFinder())
REMADE: dict[str, type[Callback]] = {qualified_name(known): type(known) for known in KNOWN}


def repeat(evidence: Evidence, device: torch.device) -> tuple[Likeness, list[Finding]]:
    """Train the same variant by the same recipe from the same seed, and compare.

    Args:
        evidence: the evidence of a run whose data has been checked.
        device: the device to train on.

    Returns:
        How similar the two runs are, and the findings.
    """
    obstacle = _obstacle(evidence.facts)
    if obstacle:
        hint = "judge it by its code; without --retrain only the other checks count"
        return "not repeatable", [judged("repeated", False, f"not repeatable: {obstacle}", hint)]
    run = evidence.run
    again = _train_again(evidence, device)
    seconds = _compare_seconds(evidence.facts, again.facts)
    ours, theirs = again.model.state_dict(), run.model.state_dict()
    if all(torch.equal(ours[name].cpu(), theirs[name].cpu()) for name in theirs):
        equal = judged("repeated", True, "bitwise equal: trained again, it has the same weights")
        findings = [equal, _compare_histories(run, again), _compare_predictions(evidence, again)]
        return "bitwise equal", [*findings, seconds]
    likeness, findings = _compare_scores(evidence, again)
    return likeness, [*findings, seconds]


def _obstacle(facts: Facts) -> str:
    """Return why a run cannot be repeated from its record; empty when it can."""
    if facts.processes != 1:
        return f"{facts['processes']} processes trained it together"
    unknown = [kind for kind in facts.intervening if kind not in REMADE]
    if unknown:
        names = ", ".join(kind.rpartition(".")[2] for kind in unknown)
        return f"{names} may have changed its batches or gradients, and is unknown here"
    if changed := facts.changed_by_callbacks:
        return f"callbacks changed settings that are not in the recipe ({'; '.join(changed)})"
    if facts.status == "stopped" and not _callbacks(facts):
        return f"a callback unknown here stopped it ({facts.stopped})"
    return ""


def _train_again(evidence: Evidence, device: torch.device) -> Run:
    run, facts = evidence.run, evidence.facts
    recipe = run.recipe
    precision = str(choose_precision(recipe, device)).removeprefix("torch.")
    if facts.precision not in (precision, "float64"):  # a network in float64 stays in float64
        recipe = recipe.replace(precision=facts.precision)
    variant = run.variant
    if not isinstance(variant, Variant):  # `verify` has checked
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
            if not cannot_compile:  # it diverged, or memory ran out
                raise
            return again(callbacks=_callbacks(facts))


def _callbacks(facts: Facts) -> list[Callback]:
    """Make the callbacks of cifarkit again that changed or ended the run."""
    listeners = [each for each in facts.callbacks_as_values() if each.kind in REMADE]
    return [REMADE[listener.kind](**(listener.fields or {})) for listener in listeners]


@contextmanager
def _threads(recorded: int) -> Iterator[None]:
    """Use as many threads as the run; on the CPU the last bits depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(recorded if recorded <= (os.cpu_count() or 1) else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compare_seconds(kept: Facts, made: Facts) -> Finding:
    """Name the seconds of both trainings, which also depend on the other work of a machine."""
    message = (
        f"trained again, it took {made.seconds:.3f} s ({machine_of(made)}); the record says "
        f"{kept.seconds:.3f} s ({machine_of(kept)})"
    )
    return judged("seconds", True, message)


def _compare_histories(run: Run, again: Run) -> Finding:
    """Compare every number of every epoch, except seconds, when the weights are the same."""
    for kept, made in zip(run.history, again.history, strict=False):
        for name in made.keys() - {"seconds"}:
            if not math.isclose(kept.get(name, math.nan), made[name], rel_tol=1e-6, abs_tol=1e-9):
                message = f"epoch {made['epoch']} has {name} {kept.get(name)}; it is {made[name]}"
                hint = "history.csv was changed after the run"
                return judged("each epoch", False, f"history.csv, {message}", hint)
    return judged("each epoch", True, f"all {len(again.history)} epochs have the same numbers")


def _compare_predictions(evidence: Evidence, again: Run) -> Finding:
    """Compare the predictions of the same weights with the recorded test predictions.

    Training gave the same bits, so evaluation must give the same bits too, without rounding.
    """
    test = evidence.splits.test
    made, kept = (
        TestPredictions.of(measure(again.model, test, test_time=again.recipe.test_time)),
        evidence.test_predictions,
    )
    flips = int((made.predicted != kept.predicted).sum())
    moved = int((made.logits != kept.logits).any(axis=1).sum())
    message = f"trained again, it has the same logits for all {len(made.labels):,} test images"
    if flips or moved:
        message = (
            f"trained again, it gives {flips:,} test images another class than the recorded one, "
            f"and {moved:,} other logits. It scores {percent(made.accuracy)}, not "
            f"{percent(kept.accuracy)}"
        )
    hint = "the test predictions were changed, or made on another device"
    return judged("predictions", not (flips or moved), message, hint)


def _compare_scores(evidence: Evidence, again: Run) -> tuple[Likeness, list[Finding]]:
    """Compare the two test accuracies with what another seed would change."""
    n, kept = len(evidence.test_predictions.labels), evidence.test_predictions.accuracy
    made = measure(again.model, evidence.splits.test, test_time=again.recipe.test_time).accuracy
    others = sibling_accuracies(evidence.folder, evidence.about)
    if len(others) >= FEWEST_SIBLINGS:
        sd, origin = statistics.stdev(others), f"over {len(others)} runs next to it"
    else:
        sd = math.sqrt(kept * (1 - kept) / n)
        origin = f"by sqrt(p(1-p)/n), because fewer than {FEWEST_SIBLINGS} seeds lie next to it"
    reach = 3 * math.sqrt(2) * sd
    likeness: Likeness = "within seed noise" if abs(kept - made) <= reach else "different"
    message = (
        f"{likeness}: trained again, it scores {percent(made)}, not {percent(kept)}. Two seeds may "
        f"differ by {percent(reach)} (3 sqrt(2) sd). The sd is {percent(sd)}, {origin}"
    )
    if (evidence.facts.compile == "on") != (again.facts.compile == "on"):
        message += ". It was compiled, which could not be done here"
    elif evidence.facts.environment == again.facts.environment:
        message += (
            ". Versions, processor, device and threads are the same, so equal bits were expected"
        )
    hint = "this score came from other weights, or another recipe, seed or code"
    return likeness, [judged("repeated", likeness != "different", message, hint)]
