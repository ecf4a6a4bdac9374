"""Checks of a network's logits: plain numbers, and independent for each picture."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from cifarkit.errors import ModelContractError
from cifarkit.models.conformance.global_state import changes_of, settings_kept
from cifarkit.models.conformance.subject import (
    CLASSES,
    Subject,
    differing_tensors,
    pictures,
)
from cifarkit.models.contract import check_logits, logits_of
from cifarkit.models.symptoms import are_probabilities, as_found, bounds_of, ignores, listed
from cifarkit.randomness import seeded

__all__ = [
    "check_batch_mates",
    "check_batch_of_one",
    "check_gives_logits",
    "check_input",
    "check_looks",
    "check_plain",
    "check_repeats",
    "check_side_effects",
]

Mode = Literal["evaluation", "training"]


def check_gives_logits(subject: Subject) -> str:
    """Check the logits and their number in both modes."""
    check_logits(subject.construct(), CLASSES, "the network")
    model = subject.build()
    for mode in _modes():
        with as_found(model):
            logits = _answer(model, pictures(model), mode, who=f"in {mode} mode the network")
        if not logits.isfinite().all():
            raise ModelContractError(f"in {mode} mode some logits are NaN or infinite")
    return "batch 3 32 32 gives float logits batch classes, all finite"


def check_batch_of_one(subject: Subject) -> str:
    """Check that a single picture gives logits."""
    model = subject.networks[0]
    _answer(model, pictures(model)[:1], who="in evaluation mode the network")
    return "a single picture gives logits 1 classes"


def check_batch_mates(subject: Subject) -> str:
    """Compare a picture's logits alone with its logits in a batch."""
    for model in subject.networks:
        images = pictures(model)
        together = _answer(model, images)
        alone = torch.cat([_answer(model, image[None]) for image in images])
        allowed = torch.finfo(together.dtype).eps ** 0.5 * (1 + float(together.abs().max()))
        difference = float((alone - together).abs().max())
        if not difference <= allowed:
            raise ModelContractError(
                f"in evaluation mode a picture's logits differ by {difference:.2g} when others are "
                "in its batch"
            )
    return "a picture's logits do not depend on what else is in its batch"


def check_repeats(subject: Subject) -> str:
    """Evaluate twice, and check that this does not change the network."""
    for model in subject.networks:
        images = pictures(model)
        before = copy.deepcopy(model.state_dict())
        first, second = (_answer(model, images, draw=draw) for draw in (0, 1))
        if not torch.equal(first, second):
            raise ModelContractError("in evaluation mode two passes give different logits")
        if moved := differing_tensors(before, model.state_dict()):
            raise ModelContractError(f"evaluating changes {listed(moved)}")
    return "two passes in evaluation mode give the same bits and change nothing"


def check_input(subject: Subject) -> str:
    """Check that the network does not change its pictures."""
    model = subject.build()
    for mode in _modes():
        images = pictures(model)
        with as_found(model), torch.no_grad():
            model.train(mode == "training")(images)
        if not torch.equal(images, pictures(model)):
            raise ModelContractError(f"in {mode} mode the network writes into its pictures")
    return "the pictures are as they were"


def check_side_effects(subject: Subject) -> str:
    """Check torch's settings and the generators after a pass."""
    for mode in _modes():
        model = subject.build().train(mode == "training")
        one_pass = partial(model, pictures(model))
        with settings_kept():
            one_pass()  # the first pass may draw weights for lazy layers
        if changes := changes_of(one_pass):
            raise ModelContractError(f"a pass in {mode} mode {'; '.join(changes)}")
    return "a pass leaves torch's settings alone and reseeds no generator"


def check_plain(subject: Subject) -> str:
    """Look for a softmax, a sigmoid or a tanh at the end."""
    model = subject.networks[0]
    if bounds := bounds_of(model, pictures(model)):
        raise ModelContractError(f"the network gives {bounds} not logits")
    if all(are_probabilities(_answer(model, pictures(model)).exp()) for model in subject.networks):
        return (
            "the logits are logarithms of probabilities, as after a log-softmax: the loss is the "
            "same without it, so it does no harm, and can be left out"
        )
    return "the logits are not bound to a range, and are not probabilities"


def check_looks(subject: Subject) -> str:
    """Look for logits that are the same for all pictures."""
    for model in subject.networks:
        with as_found(model):
            if not ignores(model, pictures(model)):
                return "different pictures get different logits"
    raise ModelContractError("every picture gets the same logits, at first and after some steps")


def _answer(
    model: nn.Module,
    images: Tensor,
    mode: Mode = "evaluation",
    draw: int = 0,
    who: str = "the network",
) -> Tensor:
    """Return the logits for a copy of the images; random numbers depend only on `draw`."""
    in_training = mode == "training"
    with torch.no_grad(), seeded("answer", draw):
        model.train(in_training)
        return logits_of(model, images.clone(), who, num_classes=CLASSES, in_training=in_training)


def _modes() -> Iterator[Mode]:
    yield "evaluation"
    yield "training"
