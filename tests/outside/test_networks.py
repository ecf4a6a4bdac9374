"""Networks that cannot learn, or come back from no run: check and training say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import cifarkit as ck
from cifarkit.models.conformance.check import examine


class Small(nn.Module):
    """A convolution and a linear layer."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.filters, self.last = nn.Conv2d(3, 4, 5, stride=4), nn.Linear(196, num_classes)

    def features(self, images: Tensor) -> Tensor:
        return F.relu(self.filters(images)).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.last(self.features(images))
        return scores


def said_by_check(builder: Callable[..., nn.Module]) -> str:
    report = examine(builder)
    return " ".join(
        f"{one.message} {one.hint}" for one in report.findings if one.outcome == "failed"
    )


def trained(builder: Callable[..., nn.Module], data: ck.Splits, **settings: Any) -> ck.Run:
    return ck.train(builder, data, epochs=1, batch_size=40, device="cpu", **settings)


# What cannot be trained.


class WithoutGradients(Small):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class InInference(Small):
    def forward(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            return super().forward(images)


class Detached(Small):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).detach()


class ByNumPy(Small):
    def forward(self, images: Tensor) -> Tensor:
        return torch.from_numpy(super().forward(images).detach().numpy())


class SwitchesOff(Small):
    def forward(self, images: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return super().forward(images)


class Frozen(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.requires_grad_(False)


class SparseWords(nn.Module):
    """A word for each shade."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(9, 2, sparse=True), nn.Linear(6144, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.last(self.words((4 * images + 4).long()).flatten(1))
        return scores


class Recurrent(nn.Module):
    """Goes on from where the batch before it ended."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.rows, self.last = nn.GRU(96, 8, batch_first=True), nn.Linear(8, num_classes)
        self.state: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        if self.state is not None and self.state.shape[1] != len(images):
            self.state = None
        outputs, self.state = self.rows(images.permute(0, 2, 1, 3).flatten(2), self.state)
        scores: Tensor = self.last(outputs[:, -1])
        return scores


class Squeezed(Small):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :, None, None].squeeze()


class Pairs(Small):
    def forward(self, images: Tensor, others: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(images - others)


class WholeNumbers(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(256, 2), nn.Linear(6144, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.last(self.words(images).flatten(1))
        return scores


def on_meta(*, num_classes: int = 10) -> nn.Module:
    with torch.device("meta"):
        return Small(num_classes)


def halved(*, num_classes: int = 10) -> nn.Module:
    return Small(num_classes).half()


def mixed(*, num_classes: int = 10) -> nn.Module:
    model = Small(num_classes)
    model.last.double()
    return model


class WithoutSuper(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        self.layer = nn.Linear(3072, num_classes)


class CallsCuda(Small):
    def forward(self, images: Tensor) -> Tensor:
        # What `.cuda()` says where there is none, and on another device than the weights.
        raise RuntimeError("Expected all tensors to be on the same device, found two: cuda, cpu")


class EndsInArgmax(Small):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).argmax(1)


def too_wide(num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4096, num_classes))


def not_flattened(num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(30, num_classes))


def not_flattened_but_wide(num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(3600, num_classes))


def not_pooled(num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, num_classes, 3))


def other_channels(num_classes: int = 10) -> nn.Module:
    convolutions = nn.Conv2d(3, 4, 3), nn.Conv2d(8, 16, 3)
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(12544, num_classes))


def other_norm(num_classes: int = 10) -> nn.Module:
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(8), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(3600, num_classes))


class ViewsTooMuch(Small):
    def forward(self, images: Tensor) -> Tensor:
        return images.view(-1, 4000)


REFUSED: dict[Callable[..., nn.Module], str] = {
    WithoutGradients: "no gradient reaches any weight; leave torch.no_grad()",
    InInference: "no gradient reaches any weight; leave torch.no_grad(), inference_mode()",
    Detached: "no gradient reaches any weight",
    ByNumPy: "no gradient reaches any weight",
    SwitchesOff: "no gradient reaches any weight",
    Frozen: "has no trainable parameters, so nothing can be learnt; leave requires_grad_(False)",
    SparseWords: "the gradient of 'words.weight' is sparse",
    Recurrent: "keeps a result of the batch before",
    Squeezed: "its squeeze() also removes the batch; write flatten(1) in its place",
    Pairs: "forward gets only the pictures: give its other arguments a default",
    WholeNumbers: "it takes whole numbers: let forward begin with x = ((x + 1) * 127.5)",
    on_meta: "on the meta device, which holds no numbers",
    halved: "weights of type float16, at 'filters.weight', which overflow while they learn",
    mixed: "its weights are of float32 and float64: end the builder with network.float()",
    WithoutSuper: "let its __init__ begin with super().__init__()",
    CallsCuda: "leave .cuda() and .to(device) out",
    EndsInArgmax: "leave argmax out",
    too_wide: "write nn.Linear(3600, 10)",
    not_flattened: "Put nn.Flatten() before its first nn.Linear",
    not_flattened_but_wide: "write nn.Flatten(), nn.Linear(3600, 10)",
    not_pooled: "End it with nn.AdaptiveAvgPool2d(1), nn.Flatten()",
    other_channels: "write nn.Conv2d(4, 16, …)",
    other_norm: "write nn.BatchNorm2d(4)",
    ViewsTooMuch: "write .flatten(1), which gives 3072 numbers for each picture",
}


@pytest.mark.parametrize(
    ("builder", "said"), REFUSED.items(), ids=[one.__name__ for one in REFUSED]
)
def test_what_cannot_be_trained_is_refused_by_check_and_training(
    builder: Callable[..., nn.Module], said: str, tiny: ck.Splits
) -> None:
    assert said in said_by_check(builder)
    with pytest.raises(ck.ModelContractError) as caught:
        trained(builder, tiny)
    assert said in str(caught.value)
    assert torch.is_grad_enabled()


def test_one_picture_to_a_network_that_squeezes_is_refused_by_the_same_sentence(
    tiny: ck.Splits,
) -> None:
    model = Squeezed()
    assert len(ck.predict(model, tiny.test.images[:2])) == 2
    with pytest.raises(ck.ModelContractError, match=r"its squeeze\(\) also removes the batch"):
        ck.predict(model, tiny.test.images[:1])


def test_numbers_that_are_nowhere_are_refused_everywhere(tiny: ck.Splits) -> None:
    model = on_meta()
    for call in (
        lambda: ck.evaluate(model, tiny.test),
        lambda: ck.predict(model, tiny.test),
        lambda: ck.summary(model),
        lambda: ck.Trainer().fit(model, tiny),
    ):
        with pytest.raises(ck.ModelContractError, match="meta device"):
            call()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_computes_gradients_wherever_it_is_called(
    mode: Callable[[], Any], tiny: ck.Splits
) -> None:
    expected = trained(Small, tiny).model.state_dict()
    with mode():
        found = trained(Small, tiny).model.state_dict()
        assert ck.check_model(Small).failed == ()
        assert not torch.is_grad_enabled()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_network_that_was_built_in_inference_mode_is_refused(tiny: ck.Splits) -> None:
    with torch.inference_mode():
        model = Small()
    with pytest.raises(ck.ModelContractError, match="build it outside"):
        ck.Trainer(ck.Recipe(epochs=1)).fit(model, tiny)


def test_an_error_on_a_later_batch_is_typed_and_names_the_batch(tiny: ck.Splits) -> None:
    class WantsFullBatches(Small):
        def forward(self, images: Tensor) -> Tensor:
            if self.training and len(images) == 8:
                raise IndexError("eight")
            return super().forward(images)

    with pytest.raises(ck.ModelContractError, match=r"batch 4 of epoch 1, of 8 images") as caught:
        ck.Trainer(ck.Recipe(epochs=1, batch_size=64), device="cpu").fit(WantsFullBatches(), tiny)
    assert isinstance(caught.value.__cause__, IndexError)


class Lazy(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.filters, self.last = nn.LazyConv2d(4, 5, stride=4), nn.LazyLinear(num_classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.last(F.relu(self.filters(images)).flatten(1))
        return scores


def double(*, num_classes: int = 10) -> nn.Module:
    return Small(num_classes).double()


@pytest.mark.parametrize("kind", [Lazy, double])
def test_lazy_and_double_networks_train(kind: Callable[..., nn.Module], tiny: ck.Splits) -> None:
    assert said_by_check(kind) == ""
    assert trained(kind, tiny).is_over


# What logits depend on beside the picture and state_dict.


class PlainList(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.more = [nn.Linear(196, 196)]

    def features(self, images: Tensor) -> Tensor:
        found: Tensor = self.more[0](super().features(images))
        return found


class PlainTensor(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.projection = torch.randn(196, 196)

    def features(self, images: Tensor) -> Tensor:
        return super().features(images) @ self.projection


class LostBuffer(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.register_buffer("mean", torch.zeros(3, 1, 1), persistent=False)
        self.mean: Tensor

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(images.mean((0, 2, 3)).view(3, 1, 1), 0.3)
        return super().forward(images - self.mean)


class Counts(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.steps = 0

    def forward(self, images: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(images) * (1 + self.steps)


class Queue(Small):
    """Keeps the last logits in a buffer that grows."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.register_buffer("queue", torch.zeros(0, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if self.training:
            self.queue = torch.cat([self.queue, logits.detach()])[-100:]
        return logits


class OwnGenerator(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            images = images + 0.1 * torch.randn(images.shape, generator=self.generator)
        return super().forward(images)


class OwnNumPyGenerator(Small):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.generator = np.random.default_rng(0)

    def forward(self, images: Tensor) -> Tensor:
        factor = self.generator.uniform(0.5, 1.5) if self.training else 1.0
        return super().forward(images * factor)


class DropsAlways(Small):
    def features(self, images: Tensor) -> Tensor:
        return F.dropout(super().features(images))


class OverTheBatch(Small):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(F.batch_norm(images, None, None, training=True))


WARNED: dict[Callable[..., nn.Module], str] = {
    PlainList: "torch does not see the layers and weights in more",
    PlainTensor: "a new network with its state_dict gives different logits",
    LostBuffer: "outside of state_dict",
    Counts: "outside of state_dict",
    Queue: r"changes the names or shapes in state_dict \(queue\)",
    OwnGenerator: "outside of state_dict",
    OwnNumPyGenerator: "outside of state_dict",
    DropsAlways: "two passes in evaluation mode give different logits",
    OverTheBatch: "depend on the others in its batch",
}


@pytest.mark.parametrize(("builder", "said"), WARNED.items(), ids=lambda one: str(one)[:30])
def test_what_no_run_brings_back_is_said_before_the_first_step(
    builder: Callable[..., nn.Module], said: str, tiny: ck.Splits
) -> None:
    assert said_by_check(builder) != ""
    with pytest.warns(ck.CifarkitWarning, match=said):
        trained(builder, tiny)


class Teacher(Small):
    """Constants, counts that nothing depends on, and a frozen layer that torch need not see."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.steps, self.mean, self.layers = 0, torch.full((1, 3, 1, 1), 0.5), [self.last]

    def forward(self, images: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(images - self.mean)


class WritesIntoPictures(Small):
    def forward(self, images: Tensor) -> Tensor:
        images *= 0.5
        return super().forward(images)


class CountsInABuffer(Small):
    """Keeps what changes in training in its state, as a codebook or spectral norm does."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(num_classes)
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(images) * (1 + self.steps / 100)


def with_spectral_norm(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(spectral_norm(nn.Conv2d(3, 4, 3)), nn.ReLU(), nn.AvgPool2d(6), nn.Flatten()),
        spectral_norm(nn.Linear(100, num_classes)),
    )


def with_dropout(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(Small(num_classes), nn.Dropout())


@pytest.mark.parametrize(
    "builder",
    [Small, Teacher, WritesIntoPictures, CountsInABuffer, with_dropout, with_spectral_norm],
)
def test_what_changes_no_logits_is_accused_of_nothing(
    builder: Callable[..., nn.Module], tiny: ck.Splits
) -> None:
    trained(builder, tiny)


def test_a_builder_that_gives_one_network_for_ever_is_told(tiny: ck.Splits) -> None:
    model = Small()

    def shared(*, num_classes: int = 10) -> nn.Module:
        return model

    with pytest.warns(ck.CifarkitWarning, match="the same network at each call"):
        trained(shared, tiny)
