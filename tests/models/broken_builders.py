"""Builders that are broken, each in its own way, and the check that must find it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

BROKEN: dict[str, tuple[Callable[..., Any], str]] = {}
SHARED = nn.Linear(3072, 8)
SHARED_WEIGHT = nn.Parameter(torch.zeros(8))
SHARED_DROPOUT = nn.Dropout()


def found_by(check: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def keep(builder: Callable[..., Any]) -> Callable[..., Any]:
        BROKEN[builder.__name__] = (builder, check)
        return builder

    return keep


class Small(nn.Module):
    """A well-formed network to be spoilt: two linear layers on averages of 4 by 4 pixels."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.hidden = nn.Linear(192, 16)
        self.last = nn.Linear(16, num_classes)

    def features(self, images: Tensor) -> Tensor:
        return F.relu(self.hidden(F.avg_pool2d(images, 4).flatten(1)))  # batch 16

    def forward(self, images: Tensor) -> Any:
        return self.last(self.features(images))


@found_by("builds")
def gives_none(*, num_classes: int = 10) -> Any:
    Small(num_classes)


@found_by("builds")
def gives_a_class(*, num_classes: int = 10) -> Any:
    return Small


@found_by("builds")
def gives_a_name(*, num_classes: int = 10) -> Any:
    return "resnet20"


@found_by("builds")
def takes_no_classes() -> nn.Module:
    return Small()


@found_by("builds")
def fails(*, num_classes: int = 10) -> nn.Module:
    raise OSError("no weights here")


@found_by("fresh")
def shares_a_layer(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), SHARED, nn.ReLU(), nn.Linear(8, num_classes))


@found_by("fresh")
def shares_dropout(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(Small(16), SHARED_DROPOUT, nn.Linear(16, num_classes))


@found_by("fresh")
def shares_a_weight(*, num_classes: int = 10) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, num_classes))
    model[1].bias = SHARED_WEIGHT
    return model


KEPT: dict[int, nn.Module] = {}


@found_by("fresh")
def gives_the_same_network_again(*, num_classes: int = 10) -> nn.Module:
    return KEPT.setdefault(num_classes, Small(num_classes))


@found_by("num_classes")
def ignores_num_classes(*, num_classes: int = 10) -> nn.Module:
    return Small(10)


@found_by("same seed")
def draws_from_the_clock(*, num_classes: int = 10) -> nn.Module:
    model = Small(num_classes)
    clock = torch.Generator().manual_seed(time.time_ns() % 2**60)
    nn.init.normal_(model.hidden.bias, generator=clock)
    return model


@found_by("global state")
def reseeds_torch(*, num_classes: int = 10) -> nn.Module:
    torch.manual_seed(0)
    return Small(num_classes)


@found_by("global state")
def reseeds_torch_by_chance(*, num_classes: int = 10) -> nn.Module:
    model = Small(num_classes)
    torch.seed()
    return model


@found_by("global state")
def reseeds_numpy(*, num_classes: int = 10) -> nn.Module:
    np.random.seed(0)
    return Small(num_classes)


@found_by("global state")
def reseeds_python(*, num_classes: int = 10) -> nn.Module:
    random.seed(0)
    return Small(num_classes)


@found_by("global state")
def changes_the_default_dtype(*, num_classes: int = 10) -> nn.Module:
    torch.set_default_dtype(torch.float64)
    return Small(num_classes)


@found_by("global state")
def turns_gradients_off(*, num_classes: int = 10) -> nn.Module:
    torch.set_grad_enabled(False)
    return Small(num_classes)


@found_by("global state")
def changes_the_threads(*, num_classes: int = 10) -> nn.Module:
    torch.set_num_threads(torch.get_num_threads() + 1)
    return Small(num_classes)


@found_by("global state")
def changes_determinism(*, num_classes: int = 10) -> nn.Module:
    torch.use_deterministic_algorithms(True)
    return Small(num_classes)


@found_by("global state")
def changes_the_default_device(*, num_classes: int = 10) -> nn.Module:
    model = Small(num_classes)
    torch.set_default_device("meta")
    return model


def spoilt(check: str) -> Callable[[type[Small]], type[Small]]:
    """Register a class, which is a builder too."""

    def keep(kind: type[Small]) -> type[Small]:
        BROKEN[kind.__name__] = (kind, check)
        return kind

    return keep


@spoilt("logits")
class GivesATuple(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images), images


@spoilt("logits")
class GivesMoreInTraining(Small):
    def forward(self, images: Tensor) -> Any:
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


@spoilt("logits")
class GivesNaN(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images) + images.mean((1, 2, 3), keepdim=True).flatten(1).log()


@spoilt("logits")
class GivesWholeNumbers(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).long()


@spoilt("logits")
class IsOneClassShort(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images)[:, 1:]


@spoilt("logits")
class WantsFlatImages(Small):
    def features(self, images: Tensor) -> Tensor:
        return F.relu(self.hidden(images))


@spoilt("batch of one")
class Squeezes(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).squeeze()


@spoilt("batch of one")
class NormalisesByTheDeviationOfTheBatch(Small):
    def features(self, images: Tensor) -> Tensor:
        features = super().features(images)
        if len(images) == 1:
            raise ValueError("more than one value is needed")
        return features / (features.std(0) + 1)


@spoilt("batch mates")
class SubtractsTheMeanOfTheBatch(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images - images.mean())


@spoilt("batch mates")
class NormalisesByTheBatchInEvaluation(Small):
    def features(self, images: Tensor) -> Tensor:
        features = super().features(images)
        return F.batch_norm(features, None, None, training=True) if len(features) > 1 else features


@spoilt("batch mates")
class AttendsOverTheBatch(Small):
    def features(self, images: Tensor) -> Tensor:
        features = super().features(images)
        return (features @ features.T).softmax(1) @ features


@spoilt("batch mates")
class MixesBehindAZeroLayer(Small):
    """The fault shows only after the last layer has learnt something."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def features(self, images: Tensor) -> Tensor:
        features = super().features(images)
        return features - features.mean(0)


@spoilt("repeats")
class DropsInEvaluation(Small):
    def features(self, images: Tensor) -> Tensor:
        return F.dropout(super().features(images))


@spoilt("repeats")
class AddsNoise(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images) + torch.randn(()) / 100


@spoilt("repeats")
class CountsInEvaluation(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor) -> Any:
        self.mean.add_(images.mean())
        return super().forward(images)


@spoilt("input unchanged")
class WritesIntoItsInput(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images.mul_(2).sub_(0.1))


@spoilt("input unchanged")
class WritesIntoItsInputInTraining(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images.clamp_(min=0) if self.training else images)


@spoilt("side effects")
class SeedsInForward(Small):
    def features(self, images: Tensor) -> Tensor:
        torch.manual_seed(0)
        return F.dropout(super().features(images), training=self.training)


@spoilt("side effects")
class ChangesDeterminismInForward(Small):
    def forward(self, images: Tensor) -> Any:
        torch.backends.cudnn.benchmark = True
        return super().forward(images)


@spoilt("plain logits")
class EndsInSoftmax(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).softmax(1)


@spoilt("plain logits")
class EndsInTanh(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).tanh()


@spoilt("plain logits")
class EndsInSigmoidBehindAZeroLayer(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        nn.init.zeros_(self.last.weight)

    def forward(self, images: Tensor) -> Any:
        return super().forward(images).sigmoid()


@spoilt("looks")
class IsDeadBeforeDropout(Small):
    """Dropout gives the pictures other logits, which is not learning."""

    def features(self, images: Tensor) -> Tensor:
        return F.dropout(super().features(images * 0), training=self.training)


@spoilt("plain logits")
class EndsInSigmoid(Small):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).sigmoid()


@spoilt("plain logits")
class EndsInSoftmaxInEvaluation(Small):
    def forward(self, images: Tensor) -> Any:
        logits = super().forward(images)
        return logits if self.training else logits.softmax(1)


@spoilt("looks")
class DoesNotLook(Small):
    def features(self, images: Tensor) -> Tensor:
        return super().features(images * 0)


@spoilt("looks")
class IsDead(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        nn.init.constant_(self.hidden.bias, -100)


@spoilt("gradients")
class DoesNotUseALayer(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.spare = nn.Linear(2, 2)


@spoilt("gradients")
class Detaches(Small):
    def features(self, images: Tensor) -> Tensor:
        return super().features(images).detach()


@spoilt("gradients")
class RunsWithoutGradients(Small):
    def forward(self, images: Tensor) -> Any:
        with torch.no_grad():
            return super().forward(images)


@spoilt("gradients")
class IsFrozen(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.requires_grad_(False)


@spoilt("gradients")
class HasAnInfiniteGradient(Small):
    def forward(self, images: Tensor) -> Any:
        logits = super().forward(images)
        return logits + (self.last.bias - self.last.bias.detach()).abs().sqrt()


class Reversed(torch.autograd.Function):
    """Passes on its input, and the gradient with the other sign."""

    @staticmethod
    def forward(_context: Any, logits: Tensor) -> Tensor:
        return logits.view_as(logits)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return -gradient


@spoilt("loss falls")
class LearnsBackwards(Small):
    def forward(self, images: Tensor) -> Any:
        return Reversed.apply(super().forward(images))


@spoilt("loss falls")
class UndoesItsSteps(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.first = {name: weight.detach().clone() for name, weight in self.named_parameters()}

    def forward(self, images: Tensor) -> Any:
        for name, weight in self.named_parameters():
            if self.training:
                weight.data.copy_(self.first[name])
        return super().forward(images)


@spoilt("state_dict")
class KeepsAWeightOutOfItsState(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.mask = torch.randn(16)

    def features(self, images: Tensor) -> Tensor:
        return super().features(images) * self.mask


@spoilt("state_dict")
class KeepsItsMeanOutOfItsState(Small):
    mean = torch.zeros(192)

    def forward(self, images: Tensor) -> Any:
        if self.training:
            self.mean = self.mean + 0.1 * F.avg_pool2d(images, 4).flatten(1).mean(0)
        return super().forward(images) + self.mean.mean()


@spoilt("state_dict")
class HasALayerInAList(Small):
    """The layers of a plain list are not part of the network."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.more = [nn.Linear(16, 16)]

    def features(self, images: Tensor) -> Tensor:
        return self.more[0](super().features(images))  # type: ignore[no-any-return]


@spoilt("state_dict")
class GrowsInTraining(Small):
    def features(self, images: Tensor) -> Tensor:
        if self.training and not hasattr(self, "more"):
            self.more = nn.Linear(16, 16)
        features = super().features(images)
        return self.more(features) if hasattr(self, "more") else features


@spoilt("resumes")
class CountsItsStepsOutOfItsState(Small):
    steps = 0

    def features(self, images: Tensor) -> Tensor:
        self.steps += self.training
        strength = 1 + self.steps / 10 if self.training else 1.0
        return super().features(images) * strength


@spoilt("resumes")
class HasMomentumOutOfItsState(Small):
    last_features: Tensor | float = 0.0

    def features(self, images: Tensor) -> Tensor:
        features = super().features(images)
        if self.training:
            before, self.last_features = self.last_features, features.detach()
            return features + 0.1 * before
        return features
