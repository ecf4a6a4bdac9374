from __future__ import annotations

import inspect
import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.models.residual_blocks import ResidualBlock, ResidualLayers
from cifarkit.randomness import generator_for

VARIANTS = ck.list_models()
every_variant = pytest.mark.parametrize("name", VARIANTS)


def some_images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=generator_for("test", seed)) * 2 - 1


@every_variant
def test_each_call_builds_a_fresh_network(name: str) -> None:
    first, second = ck.create_model(name), ck.create_model(name)
    assert first is not second
    theirs = {weight.data_ptr() for weight in second.parameters()}
    assert not theirs & {weight.data_ptr() for weight in first.parameters()}


@every_variant
@pytest.mark.parametrize("num_classes", [2, 10, 100])
def test_there_is_one_finite_logit_for_each_class(name: str, num_classes: int) -> None:
    model = ck.create_model(name, num_classes=num_classes)
    logits = model(some_images(3))
    assert logits.shape == (3, num_classes)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3))  # no softmax at the end


@every_variant
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name: str) -> None:
    def weights(seed: int) -> Tensor:
        with ck.seeded("weights", seed):
            return torch.cat([weight.flatten() for weight in ck.create_model(name).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@every_variant
def test_building_draws_weights_and_nothing_else(name: str) -> None:
    """The check of the logits leaves the generator where the weights left it."""
    torch.manual_seed(5)
    ck.get_variant(name).builder(**ck.get_variant(name).options)
    after_weights = torch.get_rng_state()
    torch.manual_seed(5)
    ck.create_model(name)
    assert torch.equal(torch.get_rng_state(), after_weights)
    with ck.seeded("weights", 0):
        ck.create_model(name)
    assert torch.equal(torch.get_rng_state(), after_weights)


@every_variant
def test_a_new_network_is_in_training_mode(name: str) -> None:
    assert all(module.training for module in ck.create_model(name).modules())


@every_variant
def test_an_image_gets_the_same_logits_alone_and_among_others(name: str) -> None:
    model = ck.create_model(name).eval()
    images = some_images(3)
    with torch.no_grad():
        together = model(images)
        alone = torch.cat([model(image[None]) for image in images])
        backwards = model(images.flip(0)).flip(0)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(backwards, together, rtol=1e-4, atol=1e-5)


def test_a_network_that_mixes_its_batch_would_be_found() -> None:
    model, images = nn.BatchNorm2d(3), some_images(5)
    together = model(images)
    alone = torch.cat([model(image[None]) for image in images])
    assert not torch.allclose(alone, together, rtol=1e-4, atol=1e-5)


@every_variant
def test_every_parameter_gets_a_finite_gradient_that_is_not_zero(name: str) -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model(name)
        F.cross_entropy(model(some_images(8)), torch.arange(8)).backward()
    for label, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        assert weight.grad is not None, label
        assert weight.grad.isfinite().all(), label
        assert weight.grad.count_nonzero() > 0, label


@every_variant
def test_weights_travel_through_a_state_dict(name: str) -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model(name)
    model(some_images(4))  # moves the running means of batch norm
    with ck.seeded("weights", 1):
        twin = ck.create_model(name)
    images = some_images(2)
    with torch.no_grad():
        assert not torch.equal(model.eval()(images), twin.eval()(images))
        twin.load_state_dict(model.state_dict())
        assert torch.equal(model.eval()(images), twin.eval()(images))


@every_variant
def test_the_images_are_not_changed(name: str) -> None:
    images = some_images(2)
    ck.create_model(name)(images)
    assert torch.equal(images, some_images(2))


@every_variant
def test_the_docstring_shows_a_summary(name: str) -> None:
    text = inspect.getdoc(ck.get_variant(name).builder) or ""
    assert ">>> print(summary(" in text
    assert "total" in text


@every_variant
def test_the_listing_has_one_line_and_the_source_a_place(name: str) -> None:
    variant = ck.get_variant(name)
    assert variant.summary
    assert "\n" not in variant.summary
    assert "cifarkit/models/" in variant.source


@every_variant
def test_no_layer_is_adaptive(name: str) -> None:
    """Adaptive pooling has no deterministic backward pass on CUDA."""
    kinds = {type(module).__name__ for module in ck.create_model(name).modules()}
    assert not [kind for kind in kinds if kind.startswith("Adaptive")]


def test_the_baseline_is_the_assignments_network_layer_by_layer() -> None:
    wanted = nn.Sequential(
        nn.Conv2d(3, 32, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 8 * 8, 512),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(512, 10),
    )
    built = ck.create_model("baseline").eval()
    wanted.eval()
    assert repr(built) == repr(wanted)  # every layer with its arguments
    assert sum(weight.numel() for weight in built.parameters()) == 2_122_186


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("batchnorm", {"batch_norm": (False, True)}),
        ("deeper", {"depth": (1, 2)}),
        ("augmented", {"augment": ((), (ck.Flip(), ck.Crop(padding=4)))}),
    ],
)
def test_a_variant_differs_from_the_baseline_by_its_one_factor(
    name: str, factors: dict[str, object]
) -> None:
    assert ck.get_variant(name).differs_from(ck.get_variant("baseline")) == factors


def test_pooling_before_relu_gives_the_assignments_bits_and_gradients() -> None:
    with ck.seeded("weights", 0):
        layer = nn.Conv2d(3, 8, kernel_size=3, padding=1)
    gradients = []
    answers = []
    for order in ((nn.MaxPool2d(2), nn.ReLU()), (nn.ReLU(), nn.MaxPool2d(2))):
        layer.zero_grad()
        answer = nn.Sequential(layer, *order)(some_images(4))
        answer.square().sum().backward()
        assert layer.weight.grad is not None
        answers.append(answer)
        gradients.append(layer.weight.grad.clone())
    assert torch.equal(*answers)
    assert torch.equal(*gradients)


def kinds(name: str) -> list[str]:
    return [type(layer).__name__ for layer in ck.create_model(name).children()]


def test_batchnorm_adds_batch_norm_after_each_convolution_and_nothing_else() -> None:
    layers = kinds("batchnorm")
    assert [kind for kind in layers if kind != "BatchNorm2d"] == kinds("baseline")
    following = [after for kind, after in itertools.pairwise(layers) if kind == "Conv2d"]
    assert following == ["BatchNorm2d"] * 2
    assert layers.count("BatchNorm2d") == 2


def test_deeper_doubles_each_convolution_and_nothing_else() -> None:
    stage = ["Conv2d", "ReLU"]
    plain = kinds("baseline")
    assert kinds("deeper") == [*stage, *plain[:3], *stage, *plain[3:]]
    more = 32 * 32 * 9 + 32 + 64 * 64 * 9 + 64
    assert ck.summary("deeper").parameters == 2_122_186 + more


def test_augmented_is_the_baselines_network() -> None:
    assert repr(ck.create_model("augmented")) == repr(ck.create_model("baseline"))


@pytest.mark.parametrize("name", ["baseline", "batchnorm", "deeper", "linear", "mlp"])
def test_the_assignments_recipe_is_used_where_nothing_else_is_said(name: str) -> None:
    assert ck.get_variant(name).recipe == ck.Recipe()


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_a_residual_network_has_the_parameters_of_the_paper(blocks: int) -> None:
    """Table 6 of He et al. 2016 has 0.27 million for 20 layers, 0.46 for 32."""
    first = 3 * 16 * 9 + 2 * 16
    stages = 0
    channels = 16
    for width in (16, 32, 64):
        for _ in range(blocks):
            stages += channels * width * 9 + width * width * 9 + 2 * 2 * width
            channels = width
    last = 64 * 10 + 10
    model = ck.create_model("resnet20", blocks=blocks)
    assert sum(weight.numel() for weight in model.parameters()) == first + stages + last
    assert blocks != 3 or first + stages + last == 269_722
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6 * blocks + 2


def slow_residual(block: ResidualBlock, signal: Tensor) -> Tensor:
    """Return option A of section 3.3, one number of the way around at a time."""
    first, norm_one, _, second, norm_two = block.body
    inside = F.conv2d(signal, first.weight, stride=block.stride, padding=1)  # type: ignore[arg-type]
    inside = norm_one(inside).clamp(min=0)
    inside = norm_two(F.conv2d(inside, second.weight, padding=1))  # type: ignore[arg-type]
    result = inside.clone()
    before = (inside.shape[1] - signal.shape[1]) // 2
    for image in range(len(signal)):
        for channel in range(signal.shape[1]):
            for row in range(inside.shape[2]):
                for column in range(inside.shape[3]):
                    around = signal[image, channel, row * block.stride, column * block.stride]
                    result[image, before + channel, row, column] += around
    return result.clamp(min=0)


@settings(max_examples=12, deadline=None, database=None)
@given(
    channels=st.integers(1, 4),
    grows=st.integers(0, 5),
    side=st.sampled_from([4, 5, 8]),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_residual_block_is_its_slow_self(
    channels: int, grows: int, side: int, training: bool, seed: int
) -> None:
    with ck.seeded("block", seed), torch.no_grad():
        block = ResidualBlock(channels, channels + grows).train(training)
        signal = torch.randn(2, channels, side, side)
        given_ = signal.clone()
        slow = slow_residual(block, signal)
        torch.testing.assert_close(block(signal), slow, rtol=1e-4, atol=1e-5)
        assert torch.equal(signal, given_)


def test_a_block_whose_way_around_is_cut_would_be_found() -> None:
    with ck.seeded("block", 0), torch.no_grad():
        block, signal = ResidualBlock(2, 4).eval(), torch.randn(1, 2, 4, 4)
        cut = F.relu(block.body(signal))
        assert not torch.allclose(cut, slow_residual(block, signal), rtol=1e-4, atol=1e-5)


def test_layers_that_give_nothing_leave_the_signal_and_others_are_added() -> None:
    layer, signal = nn.Conv2d(3, 3, 3, padding=1), some_images(2)
    assert torch.equal(ResidualLayers(layer)(signal), signal + layer(signal))
    for weight in layer.parameters():
        nn.init.zeros_(weight)
    assert torch.equal(ResidualLayers(layer)(signal), signal)
    assert not torch.equal(nn.Sequential(layer)(signal), signal)


@pytest.mark.parametrize("identity", [True, False])
def test_the_speedruns_convolutions_begin_by_passing_on_what_they_get_unless_left_out(
    identity: bool,
) -> None:
    model = ck.create_model("speedrun", identity=identity).double()
    kernels = [
        bool(layer(signal)[:, : layer.in_channels].allclose(signal, rtol=0, atol=1e-9))
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
        for signal in [torch.randn(2, layer.in_channels, 6, 6, dtype=torch.float64)]
    ]
    assert kernels == [identity] * 7
