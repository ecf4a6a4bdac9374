# %% [markdown]
# # Deeper, and residual
#
# More layers see more of the picture and can compute more. Yet a network that is merely made
# deeper may not learn at all. At the end of this page you can say how much of a picture a layer
# sees, what depth costs, why deep networks got stuck, and how one addition freed them.
#
# It takes twenty minutes to read; the code runs for less than a minute on two processor cores. You
# should have gone through the first tutorial; the one on batch norm helps.

# %%
import warnings

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, as_tensor, exercise

# %%
N_TRAIN = 1_200  # pictures to learn from
N_VAL = 200  # of these, set aside to compare on
N_TEST = 200  # pictures for the end; this page leaves them alone
EPOCHS = 4  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)

# %% [markdown]
# ## One more convolution in each stage
#
# The baseline has two **stages**, each a convolution and a pooling that halves rows and columns.
# The variant `deeper` has two convolutions in each stage, and that is the only difference:

# %%
baseline, deeper = ck.get_variant("baseline"), ck.get_variant("deeper")
for factor, (theirs, ours) in deeper.differs_from(baseline).items():
    print(f"{factor}: {ours}, not {theirs}")
print(ck.summary("deeper"))

# %% [markdown]
# ## How much does a layer see?
#
# One number that comes out of a 3 by 3 convolution was computed from 3 by 3 pixels. A second such
# convolution looks at 3 by 3 of *those* numbers, and so, through them, at 5 by 5 pixels. This is
# the layer's **receptive field**: the side of the square in the picture that one of its numbers
# depends on.
#
# Count it layer by layer, with two numbers in your head:
#
# - the **field**, 1 at the start: a pixel sees itself;
# - the **step**, 1 at the start: how far apart in the picture are two neighbours?
#
# A layer with a window of `size` by `size` sees `size - 1` neighbours more, each a step away. So
# *field* grows by `(size - 1) · step`. And a layer with **stride** 2, one that moves its window
# by two places at a time, doubles the step for all that follow. A pooling of 2 by 2 has size 2 and
# stride 2. For the baseline:
#
# | layer | size | stride | field | step afterwards |
# |---|---|---|---|---|
# | start | | | 1 | 1 |
# | convolution | 3 | 1 | 1 + 2 · 1 = 3 | 1 |
# | pooling | 2 | 2 | 3 + 1 · 1 = 4 | 2 |
# | convolution | 3 | 1 | 4 + 2 · 2 = 8 | 2 |
# | pooling | 2 | 2 | 8 + 1 · 2 = 10 | 4 |
#
# ### Exercise 1: the receptive field
#
# Write it as a function of a list of `(size, stride)`. The check does not compute, it *measures*:
# it builds such layers and looks which pixels have an influence on one number of the output.


# %%
def receptive_field(layers: list[tuple[int, int]]) -> int:
    field, step = 1, 1
    for size, stride in layers:
        field += (size - 1) * step
        step = stride  # not yet: this forgets the layers before
    return field


STACKS = {
    "baseline": [(3, 1), (2, 2), (3, 1), (2, 2)],
    "deeper": [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2)],
    "three convolutions with stride 2": [(3, 2), (3, 2), (3, 2)],
}


def measured_field(layers: list[tuple[int, int]]) -> int:
    """Count the rows of the picture that one number of the output depends on."""
    picture = torch.zeros(1, 1, 65, 65, requires_grad=True)
    signal = picture
    for size, stride in layers:  # a window of ones: every pixel in it has an influence
        signal = F.conv2d(signal, torch.ones(1, 1, size, size), stride=stride)
    middle = signal.shape[-1] // 2
    signal[0, 0, middle, middle].backward()  # the gradient is 0 where there is no influence
    return int((picture.grad[0, 0] != 0).any(dim=1).sum())


@exercise
def check_field(formula) -> str:
    fields = []
    for name, layers in STACKS.items():
        found, wanted = as_number(formula(list(layers))), measured_field(layers)
        if found != wanted:
            raise NotYet(f"{name} has a field of {wanted}, yours says {found:g}")
        fields.append(f"{name} {wanted}")
    return f"Right: {', '.join(fields)}"


check_field(receptive_field)


# %% tags=["solution"]
def receptive_field(layers: list[tuple[int, int]]) -> int:
    field, step = 1, 1
    for size, stride in layers:
        field += (size - 1) * step
        step *= stride
    return field


check_field(receptive_field)

# %% [markdown]
# Our pictures are 32 pixels wide, and the shapes in them about half as wide. In the baseline
# no number of the last stage has seen a whole shape; only the linear layers put the parts together.
# In `deeper` each has seen more of it.
#
# ## What it costs
#
# **Parameters** are the numbers that are learnt, and they cost memory. **Multiply-adds** are the
# arithmetic for one picture, and they cost time. The two need not go together. Here they are for
# three networks; `resnet20` has 20 layers, and is explained below.

# %%
print(f"{'':<9} {'parameters':>11} {'multiply-adds':>14}")
for name in ("baseline", "deeper", "resnet20"):
    table = ck.summary(name)
    print(f"{name:<9} {table.parameters:>11,} {table.multiply_adds:>14,}")

# %% [markdown]
# The network with the most layers has by far the fewest parameters, and by far the most
# arithmetic. A convolution uses its few weights at every place of the picture, over and over; a
# linear layer uses each of its many weights once. The baseline has nearly all its parameters in
# its first linear layer, and `resnet20` has no such layer: it averages each channel over all
# places, and is left with 64 numbers.
#
# ## Why depth gets stuck
#
# A network learns by **gradients**: for every weight, in which direction and how strongly the loss
# would change if that weight did. They are computed from the last layer back to the first, and each
# layer on the way multiplies them by something. Multiply twenty times by a half, and a millionth is
# left: the gradient **vanishes**. The first layers then hardly move.
#
# Let us measure it. A tower of `blocks` blocks, each made of two convolutions, that can be built
# in two ways. Plain: the signal goes through the block. **Residual** (He et al. 2016): the signal
# goes through the block *and* around it, and the two are added. There is no other difference, and
# not one parameter more.


# %%
class Block(nn.Module):
    """Two convolutions, and a way around them if it is residual."""

    def __init__(self, width: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.body = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, kernel_size=3, padding=1),
        )

    def forward(self, signal):
        out = self.body(signal)
        if self.residual:
            out = out + signal  # the one addition
        return F.relu(out)


@ck.register_model(
    "residual_tower", options={"residual": True}, summary="20 layers, with ways around"
)
@ck.register_model("plain_tower", summary="20 layers, one after the other")
def tower(*, num_classes: int = 10, blocks: int = 9, width: int = 12, residual: bool = False):
    return nn.Sequential(
        nn.Conv2d(3, width, kernel_size=3, padding=1),  # batch width 32 32
        nn.MaxPool2d(2),  # batch width 16 16
        *(Block(width, residual) for _ in range(blocks)),
        nn.AdaptiveAvgPool2d(4),  # batch width 4 4
        nn.Flatten(),
        nn.Linear(width * 4 * 4, num_classes),
    )


for factor, (theirs, ours) in (
    ck.get_variant("residual_tower").differs_from(ck.get_variant("plain_tower")).items()
):
    print(f"{factor}: {ours}, not {theirs}")
for name in ("plain_tower", "residual_tower"):
    print(f"{name:<14} {ck.summary(name).parameters:,} parameters")

# %% [markdown]
# Now build both from the same seed, so that they begin with the same weights; show each the same
# batch, compute the loss and the gradients, and take no step. For each convolution we note the
# **norm** of the gradient of its weights: the root of the sum of their squares, one number for how
# strongly the layer is pulled.


# %%
def gradient_norms(name: str) -> list[float]:
    with ck.seeded("weights", 0):
        network = ck.create_model(name)
    batch = next(ck.training_batches(data.train, batch_size=64, seed=0, epoch=0))
    loss = F.cross_entropy(network(batch.images), batch.targets)
    loss.backward()
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    return [layer.weight.grad.norm().item() for layer in convolutions]


norms = {name: gradient_norms(name) for name in ("plain_tower", "residual_tower")}
for name, values in norms.items():
    print(f"{name:<14} first layer {values[0]:.1e}, last layer {values[-1]:.1e}")

# %%
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for (name, values), colour in zip(norms.items(), ("#5790fc", "#f89c20"), strict=True):
    ax.semilogy(range(1, len(values) + 1), values, "o-", color=colour, markersize=4)
    ax.annotate(
        name.replace("_", " "), (len(values), values[-1]), (8, 0), textcoords="offset points"
    )
ax.set_title("Gradient of each convolution before the first step", loc="left", fontsize=11)
ax.set(xlabel="convolution, counted from the picture", ylabel="norm of the gradient")
ax.set_xticks(range(1, len(values) + 1, 2))
ax.spines[["right", "top"]].set_visible(False)

# %% [markdown]
# The scale is **logarithmic**: each line upwards is ten times more. In the plain tower the gradient
# shrinks on its way from the last convolution (right) to the first (left), layer after layer. In
# the residual tower it does not: whatever the block multiplies by, the way around multiplies by one
# and is added, so part of the gradient comes through unchanged.
#
# Then let both learn. Mind that the optimiser, Adam, makes steps whose size hardly depends on the
# gradient's; so a small gradient is not lost for that reason alone. But what reaches the first
# layers of the plain tower is small in *both* directions: on the way forward, too, the
# differences between pictures shrink from layer to layer, until all pictures look nearly alike to
# the last one.

# %%
runs = {}
with warnings.catch_warnings(record=True) as caught:  # kept, to be printed below
    warnings.simplefilter("always")
    for name in ("plain_tower", "residual_tower"):
        runs[name] = ck.train(name, data, epochs=EPOCHS, batch_size=32)

for warning in caught:
    print(f"{warning.category.__name__}: {warning.message}")
for name, run in runs.items():
    losses = ", ".join(f"{loss:.3f}" for loss in run.history.column("train_loss"))
    print(f"{name:<14} train loss {losses}")

# %%
loss_axes = ck.plots.curves(runs, "loss")

# %% [markdown]
# cifarkit looks at the first batch of every training, and warns when something is odd about it.
# That is the warning above: the plain tower gave every picture the same logits.
#
# The line at 2.303 is chance, ln 10: what a network pays that believes in all ten classes
# equally. A curve that stays there has learnt nothing yet. Look which of the two has left it, and
# when. With two epochs on a few hundred pictures perhaps neither has; with more, watch how long
# the plain tower takes.
#
# This is one run each, on few pictures. "Residual networks are better" would not follow from it,
# and is not what the measurement was about. The gradients above are another matter: they follow
# from how the two are built, and another seed shows the same picture. Try it. How to compare
# *accuracies* is the matter of the tutorial on comparing honestly.
#
# Ways around are not the only cure. Batch norm helps too, since it brings the signal back to
# spread 1 after each layer, and so do first weights of the right size. `resnet20` has all of
# these.
#
# ## The block of `resnet20`
#
# <!-- diagram: residual-block -->

# %%
for layer in ck.summary("resnet20").layers[:9]:
    print(f"{layer.name:<9} {layer.kind:<12} {layer.output}")
print("…")

# %% [markdown]
# A first convolution, then nine blocks, then a mean over all places and a linear layer. Counting
# layers with weights to multiply by: 1 + 9 · 2 + 1 = 20, hence the name. The blocks come in three
# stages. Where a stage begins, the picture halves and the channels double, and the way around
# cannot be added as it is; it then takes every second pixel, and fills the new channels with
# zeros.
#
# ### Exercise 2: the way through and around
#
# Write `forward` for a block in which the size stays as it is: the sum of what comes *through* the
# `body` and of the signal itself, and then `F.relu` of the sum, not of the parts.


# %%
class YourBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, signal):
        return F.relu(self.body(signal))  # not yet: there is no way around


@exercise
def check_block(kind) -> str:
    theirs = ck.create_model("resnet20")[3]  # its first block
    yours = kind(16)
    yours.load_state_dict(theirs.state_dict())  # the same weights
    signal = torch.randn(4, 16, 8, 8, generator=ck.generator_for("check", 0))
    with torch.no_grad():
        wanted = theirs.eval()(signal)
        found = as_tensor(yours.eval()(signal), like=wanted)
    if not (found - wanted).abs().max() < 1e-5:
        raise NotYet(f"yours is off by up to {(found - wanted).abs().max():.2f}")
    return "Right: the same numbers as the block of resnet20"


check_block(YourBlock)


# %% tags=["solution"]
class YourBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, signal):
        return F.relu(self.body(signal) + signal)


check_block(YourBlock)

# %% [markdown]
# The name says how to think of it. A plain block has to compute the whole of what is to come out.
# This block has only to compute what is *to be changed* about what came in, the **residue**; with
# weights near zero it changes nothing, and does no harm. That is why one can stack many.
#
# ## Where to go from here
#
# - `ck.train("resnet20", data)` trains it by its own recipe, 20 epochs; look at the multiply-adds
#   above before you start it, and take a coffee.
# - Build the towers with `blocks=3` and with `blocks=15`:
#   `ck.create_model("plain_tower", blocks=15)`. How do the gradients change?
# - [Use your own model](../how-to/your-own-model.md): what `register_model` asks of a builder.
