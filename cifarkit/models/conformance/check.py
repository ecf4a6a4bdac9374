"""The conformance check: all checks of a variant, in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cifarkit.display import is_terminal
from cifarkit.errors import ModelContractError
from cifarkit.findings import Finding
from cifarkit.guidance import explains_arguments
from cifarkit.models.builders import plain_name
from cifarkit.models.conformance import answering, building, learning
from cifarkit.models.conformance.global_state import settings_kept
from cifarkit.models.conformance.report import ConformanceReport
from cifarkit.models.conformance.subject import Subject
from cifarkit.models.contract import text_of
from cifarkit.models.registry import get_variant, registry
from cifarkit.models.variant import Variant
from cifarkit.modes import gradients_enabled
from cifarkit.randomness import fork_rng

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["CHECKS", "check_model", "examine"]

LINE = 79  # characters; a shorter line is filled up, to cover the one before it


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: what it is called in the report.
        ask: returns what it found, or raises an error.
        hint: what to do when it fails.
        needs: the checks that must pass before this one.
    """

    name: str
    ask: Callable[[Subject], str]
    hint: str
    needs: tuple[str, ...] = ()


CHECKS = (
    Check(
        "builds",
        building.check_builds,
        "write it as def my_model(*, num_classes=10) and return an nn.Module",
    ),
    Check(
        "global state",
        building.check_global_state,
        "take it out of the builder: seeds belong to ck.train(seed=…), settings to the script",
        needs=("builds",),
    ),
    Check(
        "logits",
        answering.check_gives_logits,
        "take images batch 3 32 32 and return the scores of the last layer, in both modes",
        needs=("builds",),
    ),
    Check(
        "num_classes",
        building.check_num_classes,
        "make the last layer nn.Linear(…, num_classes)",
        needs=("logits",),
    ),
    Check(
        "fresh",
        building.check_freshness,
        "make every layer and weight inside the builder, new at each call",
        needs=("logits",),
    ),
    Check(
        "same seed",
        building.check_seed,
        "draw first weights from the global generators, as torch.nn.init does, not from the clock "
        "or from a generator of its own without a seed",
        needs=("logits",),
    ),
    Check(
        "batch of one",
        answering.check_batch_of_one,
        "use flatten(1) in place of squeeze(), and no statistics of the batch in evaluation",
        needs=("logits",),
    ),
    Check(
        "repeats",
        answering.check_repeats,
        "use nn.Dropout, or F.dropout(…, training=self.training), and change buffers only in "
        "training",
        needs=("logits",),
    ),
    Check(
        "batch mates",
        answering.check_batch_mates,
        "let no statistic run over the batch in evaluation; reshape with flatten(1), not "
        "view(-1, …)",
        needs=("batch of one", "repeats"),
    ),
    Check(
        "input unchanged",
        answering.check_input,
        "write images = images * 2, not images *= 2, and no inplace=True in the first layer",
        needs=("logits",),
    ),
    Check(
        "side effects",
        answering.check_side_effects,
        "take it out of forward: a seed set there gives the same dropout at every step",
        needs=("logits",),
    ),
    Check(
        "plain logits",
        answering.check_plain,
        "leave out the softmax, sigmoid or tanh at the end: the loss applies softmax itself",
        needs=("logits",),
    ),
    Check(
        "looks",
        answering.check_looks,
        "use the images in forward, and check where their differences get lost",
        needs=("logits",),
    ),
    Check(
        "gradients",
        learning.check_gradients,
        "use every layer in forward, detach nothing, and freeze weights that must not learn with "
        "requires_grad_(False)",
        needs=("logits",),
    ),
    Check(
        "loss falls",
        learning.check_learning,
        "look for a layer that passes no gradient on, or the wrong one",
        needs=("gradients",),
    ),
    Check(
        "state_dict",
        learning.check_state,
        "make what the network needs an nn.Parameter or register_buffer it, and every layer in "
        "__init__, in nn.ModuleList in place of a list",
        needs=("gradients",),
    ),
    Check(
        "resumes",
        learning.check_resuming,
        "keep what changes in training in buffers (register_buffer), not in plain attributes",
        needs=("state_dict",),
    ),
)


@explains_arguments("ck.check_model")
def check_model(model: str | Variant | Builder) -> ConformanceReport:
    """Check everything that a variant must do, and raise an error where it fails.

    It builds the network some twenty times and trains a few of them on ten pictures of noise, on
    the device and in the type of the first weights. The global generators and torch's settings
    are left as they were. In a terminal it shows the current check.

    Args:
        model: a registered name, a variant, or a builder without a name.

    Returns:
        The results of the checks; `print` shows them.

    Raises:
        UnknownModelError: no variant has that name.
        ModelContractError: something is broken; the text is the report, with cause and remedy.

    >>> report = check_model("linear")
    >>> report.failed
    ()
    >>> print(report)
    'linear' (cifarkit/models/perceptrons.py:...) keeps the contract of a model
    builds           passed   the builder gives a network: Sequential
    ...
    resumes          passed   training that was stopped and resumed ends with the same bits
    """
    report = examine(model)
    if report.failed:
        raise ModelContractError(str(report))
    return report


def examine(model: str | Variant | Builder) -> ConformanceReport:
    """Return the results of the checks like `check_model`, but raise no error."""
    variant = _variant_of(model)
    subject = Subject(variant)
    findings: dict[str, Finding] = {}
    with gradients_enabled(), fork_rng(), _announced() as announce:
        for number, check in enumerate(CHECKS, 1):
            announce(f"{variant.name}: check {number} of {len(CHECKS)}, {check.name}")
            missing = [name for name in check.needs if findings[name].outcome != "passed"]
            if missing:
                message = f"it needs {missing[0]!r}, which did not pass"
                findings[check.name] = Finding(check.name, "not run", message)
            else:
                findings[check.name] = _asked(check, subject)
    return ConformanceReport(variant.name, variant.source, tuple(findings.values()))


@contextmanager
def _announced() -> Iterator[Callable[[str], None]]:
    """Show the current check on one line of stderr, and clear the line at the end.

    Large networks take long. Without a terminal it shows nothing: a notebook would keep every line.
    """
    stream = sys.stderr
    is_watched = is_terminal(stream)

    def announce(line: str) -> None:
        if is_watched:
            stream.write(f"\r{line:<{LINE}}\r")
            stream.flush()

    try:
        yield announce
    finally:
        announce("")


def _asked(check: Check, subject: Subject) -> Finding:
    try:
        with settings_kept():
            return Finding(check.name, "passed", check.ask(subject))
    except ModelContractError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - any error of user code
        message = text_of(error)
    return Finding(check.name, "failed", message, check.hint)


def _variant_of(model: str | Variant | Builder) -> Variant:
    if isinstance(model, str):
        return get_variant(model)
    if isinstance(model, Variant):
        return model
    names = [name for name, known in registry.items() if known.builder is model]
    return get_variant(names[0]) if len(names) == 1 else Variant(plain_name(model), model)
