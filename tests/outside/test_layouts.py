"""Networks that torch trains, in whichever layout they go: each as a bare loop trains it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.models.conformance.check import examine
from cifarkit.models.layout import choose_layout

STRICT = ck.Recipe(epochs=2, batch_size=48, precision="float32")
LAYOUTS = {"channels_last": torch.channels_last, "contiguous_format": torch.contiguous_format}


class LeNet(nn.Module):
    """LeCun et al. 1998, as courses write it: `view` after the last pooling."""

    def __init__(self, flat: tuple[int, ...] = (-1, 400)) -> None:
        super().__init__()
        self.flat = flat
        self.first, self.second = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.head = nn.Sequential(nn.Linear(400, 84), nn.ReLU(), nn.Linear(84, 10))

    def forward(self, images: Tensor) -> Tensor:
        maps = F.max_pool2d(F.relu(self.first(images)), 2)
        maps = F.max_pool2d(F.relu(self.second(maps)), 2)
        head: Tensor = self.head(maps.view(*self.flat) if self.flat else self._by_batch(maps))
        return head

    def _by_batch(self, maps: Tensor) -> Tensor:
        return maps.view(maps.size(0), -1)


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3072, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layer(images.view(images.size(0), -1))
        return scores


class Volumes(nn.Module):
    """A weight of five dimensions: the three colours are a depth."""

    def __init__(self) -> None:
        super().__init__()
        self.colours, self.head = nn.Conv3d(1, 4, 3, padding=(0, 1, 1)), nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(F.relu(self.colours(images.unsqueeze(1))).mean((2, 3, 4)))
        return scores


class Stacked(nn.Module):
    """One parameter holds the filters of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(0.1 * torch.randn(2, 3, 3, 3, 3))
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        for filters in self.filters:
            images = F.relu(F.conv2d(images, filters, padding=1))
        scores: Tensor = self.head(images.mean((2, 3)))
        return scores


class ViewOnTheWayBack(torch.autograd.Function):
    """A function whose way forward takes any layout, and whose way back does not."""

    @staticmethod
    def forward(context: object, maps: Tensor) -> Tensor:
        return maps.clone()

    @staticmethod
    def backward(context: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.view(-1).view(gradient.shape)


class OneWay(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filters, self.pool = nn.Conv2d(3, 8, 3), nn.MaxPool2d(30)
        self.head = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = ViewOnTheWayBack.apply(self.filters(images))
        scores: Tensor = self.head(self.pool(maps).flatten(1))
        return scores


class Strided(nn.Module):
    """Reads the memory itself: in another layout it runs, and says something else."""

    def __init__(self) -> None:
        super().__init__()
        self.filters, self.head = nn.Conv2d(3, 4, 3), nn.Linear(3600, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.filters(images)
        scores: Tensor = self.head(maps.as_strided((len(maps), 3600), (3600, 1)))
        return scores


class Shortcut(nn.Module):
    """A residual block on the pictures: few channels through strided filters of 1 by 1.

    In channels-last, torch's gradient of these can hang or end the process:
    https://github.com/uxlfoundation/oneDNN/issues/6035.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filters, self.around = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(3, 8, 1, 2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(F.relu(self.filters(images) + self.around(images)))
        return scores


def wide_shortcut() -> nn.Module:
    layers = nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 1, 2), nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 10))


def plain() -> nn.Module:
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 10))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "flatten": (plain, "channels_last"),
    "view(-1, 400)": (LeNet, "contiguous_format"),
    "view(n, -1)": (lambda: LeNet(()), "contiguous_format"),
    "a perceptron": (Perceptron, "contiguous_format"),
    "five dimensions": (Volumes, "contiguous_format"),
    "stacked filters": (Stacked, "contiguous_format"),
    "backward alone": (OneWay, "contiguous_format"),
    "memory read": (Strided, "contiguous_format"),
    "few channels, 1 by 1, strided": (Shortcut, "contiguous_format"),
    "enough channels, 1 by 1, strided": (wide_shortcut, "channels_last"),
}


def built(make: Callable[[], nn.Module]) -> nn.Module:
    with ck.seeded("weights", 0):
        return make()


def bare_loop(model: nn.Module, splits: ck.Splits, layout: torch.memory_format) -> None:
    optimizer = STRICT.optimizer.build(list(model.parameters()))
    model.train()
    for epoch in range(STRICT.epochs):
        batches = ck.training_batches(
            splits.train, STRICT.batch_size, seed=0, epoch=epoch, layout=layout
        )
        for images, labels in batches:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_trained_as_a_bare_loop_trains_it(name: str, tiny: ck.Splits) -> None:
    make, layout = NETWORKS[name]
    ours, theirs = built(make), built(make)
    run = ck.Trainer(STRICT, device="cpu").fit(ours, tiny)
    bare_loop(theirs, tiny, LAYOUTS[layout])
    assert run.facts["layout"] == layout
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_evaluated_as_it_was_trained(name: str, tiny: ck.Splits) -> None:
    model = built(NETWORKS[name][0])
    by_hand = model.eval()(ck.to_floats(tiny.test.images)).detach().numpy()
    for _ in range(2):
        logits = ck.evaluate(model, tiny.test).logits
        assert np.allclose(logits, by_hand, atol=1e-5)
        predicted = ck.predict(model, tiny.test).probabilities
        assert np.allclose(predicted, ck.evaluate(model, tiny.test).probabilities)
        choose_layout(model)  # as training does


@pytest.mark.parametrize("name", NETWORKS)
def test_choosing_a_layout_leaves_all_else_as_it_was(name: str) -> None:
    model = built(NETWORKS[name][0])
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    states = random.getstate(), torch.get_rng_state()
    assert choose_layout(model) == choose_layout(model)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())
    assert states[0] == random.getstate()
    assert torch.equal(states[1], torch.get_rng_state())


def test_cut_windows_reach_a_network_that_views_them(tiny: ck.Splits) -> None:
    views = ck.TestTimeAugmentation(flip=True, shift=1)
    recipe = STRICT.replace(epochs=1, augment=(ck.Flip(), ck.Crop()), test_time=views)
    run = ck.Trainer(recipe, device="cpu").fit(LeNet(), tiny)
    assert len(ck.evaluate(run.model, tiny.test, test_time=views)) == len(tiny.test)


def test_a_network_that_asks_for_its_version_comes_back_bit_for_bit(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    """torchvision's MNASNet takes no tensors without it."""

    @ck.register_model("asks")
    def asks(*, num_classes: int = 10) -> nn.Module:
        network = torchvision.models.mnasnet0_5(num_classes=num_classes)
        nn.init.normal_(network.classifier[1].weight, std=0.01)  # else the first loss is 10
        return network

    small = ck.Splits(tiny.train.subset(range(64)), tiny.val, tiny.test, "few", "made")
    stops = ck.EarlyStopping("val_loss", patience=1)
    settings = {"epochs": 2, "batch_size": 32, "ema_decay": 0.5, "run_dir": tmp_path / "run"}
    run = ck.train("asks", small, callbacks=[stops], **settings)
    read = ck.load_run(tmp_path / "run")
    assert read.facts["layout"] == "channels_last"
    for one, other in zip(
        run.model.state_dict().values(), read.model.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    again = ck.train("asks", small, callbacks=[stops], resume=True, **settings)
    assert again.is_over


class SometimesSkips(nn.Module):
    """Stochastic depth by Python's and NumPy's generators, as many write it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images)
        if not self.training or random.random() < 0.5:
            maps = maps + self.second(maps)
        if self.training and np.random.rand() < 0.5:
            maps = 1.5 * maps
        scores: Tensor = self.head(F.relu(maps).mean((2, 3)))
        return scores


def skips(tiny: ck.Splits, seed: int, chance: int) -> nn.Module:
    random.seed(chance)
    np.random.seed(chance)
    model = built(SometimesSkips)
    ck.Trainer(STRICT, seed=seed, device="cpu").fit(model, tiny)
    return model


def test_the_same_seed_is_the_same_run_whatever_generators_the_network_draws_from(
    tiny: ck.Splits,
) -> None:
    one, same, other = skips(tiny, 0, 1), skips(tiny, 0, 2), skips(tiny, 1, 1)
    assert torch.equal(one.head.weight, same.head.weight)  # type: ignore[union-attr, arg-type]
    assert not torch.equal(one.head.weight, other.head.weight)  # type: ignore[union-attr, arg-type]


def test_a_network_that_draws_goes_on_bit_for_bit(tiny: ck.Splits, tmp_path: Path) -> None:
    class Cut(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            run.checkpoint()
            if run.now.epoch == 1 and run.now.step == 1:
                raise RuntimeError

    whole = built(SometimesSkips)
    ck.Trainer(STRICT, device="cpu").fit(whole, tiny)
    trainer = ck.Trainer(STRICT, device="cpu", run_dir=tmp_path / "run", callbacks=[Cut()])
    with pytest.raises(ck.CallbackError):
        trainer.fit(built(SometimesSkips), tiny)
    rest = built(SometimesSkips)
    run = ck.Trainer(STRICT, device="cpu", run_dir=tmp_path / "run").fit(rest, tiny, resume=True)
    assert run.facts["resumed"] == ["epoch 2, step 2"]
    for one, other in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_check_says_of_every_network_what_training_says(name: str) -> None:
    make = NETWORKS[name][0]

    def builder(*, num_classes: int = 10) -> nn.Module:
        return make()

    report = examine(builder)
    failed = [finding.check for finding in report.findings if finding.outcome == "failed"]
    assert failed == ["num_classes"]  # theirs are ten for ever
