# %% [markdown]
# # Deeper, and residual (skip connections)
#
# More layers see more of the picture and can compute more. But a network that is only made deeper
# may not learn at all. At the end of this page you know how much of a picture a layer sees, and
# what depth costs. You also know why deep networks did not learn, and how one addition solved this.
#
# It takes twenty minutes to read, and the code runs for less than a minute on two processor cores.
# You should have done the first tutorial. The tutorial on batch norm helps.

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
# Each output of a 3 by 3 convolution is computed from 3 by 3 pixels. A second such convolution
# looks at 3 by 3 of *these* outputs, and so at 5 by 5 pixels. This is the layer's **receptive
# field**: the side of the square in the picture that one of its outputs depends on.
#
# Count it layer by layer, with two numbers:
#
# - the **field**, 1 at the start: a pixel sees itself;
# - the **step**, 1 at the start: how far apart in the picture two neighbouring outputs are.
#
# A layer with a window of `size` by `size` sees `size - 1` more neighbours, each a step away. So
# *field* grows by `(size - 1) · step`. A layer with **stride** 2 moves its window by two positions
# at a time, so it doubles the step for all later layers. A pooling of 2 by 2 has size 2 and stride
# 2. For the baseline:
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
# Write it as a function of a list of `(size, stride)`. The check does not compute, it *measures*.
# It builds such layers and finds which pixels have an influence on one output.


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
# Our pictures are 32 pixels wide, and the shapes in them about half as wide. In the baseline no
# output of the last stage has seen a whole shape. Only the linear layers combine the parts. In
# `deeper` each output has seen more of the shape.
#
# ## What it costs
#
# **Parameters** are the numbers that are learnt, and they cost memory. **Multiply-adds** are the
# arithmetic for one picture, and they cost time. A network can have many of one and few of the
# other. Here they are for three networks. `resnet20` has 20 layers, and is explained below.

# %%
print(f"{'':<9} {'parameters':>11} {'multiply-adds':>14}")
for name in ("baseline", "deeper", "resnet20"):
    table = ck.summary(name)
    print(f"{name:<9} {table.parameters:>11,} {table.multiply_adds:>14,}")

# %% [markdown]
# The network with the most layers has by far the fewest parameters, and by far the most arithmetic.
# A convolution uses its few weights again at every position of the picture. A linear layer uses
# each of its many weights once. The baseline has nearly all its parameters in its first linear
# layer. `resnet20` has no such layer. It averages each channel over all positions, which leaves 64
# numbers.
#
# ## Why deep networks do not learn: vanishing gradients
#
# A network learns by **gradients**. For every weight, the gradient says in which direction and how
# strongly the loss changes with this weight. Gradients are computed from the last layer back to the
# first (**backpropagation**), and each layer multiplies them by something. Twenty times a half
# leaves a millionth: the gradient **vanishes**. Then the first layers hardly change.
#
# Let us measure it. Here is a tower of `blocks` blocks, each with two convolutions. It can be built
# in two ways. In the plain tower the signal goes through the block. In the **residual** tower (He
# et al. 2016) the signal goes through the block *and* around it, and the two are added. There is no
# other difference, and no additional parameter.


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
# Now build both from the same seed, so that they begin with the same weights. Show each the same
# batch, compute the loss and the gradients, and make no step. For each convolution we print the
# **norm** of the gradient of its weights. The norm is the root of the sum of their squares. It says
# how strongly the layer would change.


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
# becomes smaller from the last convolution (right) to the first (left), layer after layer. In the
# residual tower it does not. The path through the block multiplies the gradient by something, but
# the path around it multiplies by one. The two are added, so a part of the gradient is not changed.
#
# Then let both learn. The steps of the optimiser, Adam, hardly depend on the size of the gradient,
# so a small gradient alone would not be a problem. But the plain tower has a second problem in the
# forward direction. The differences between pictures become smaller from layer to layer, until all
# pictures look nearly the same to the last layer.

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
# cifarkit checks the first batch of every training, and warns if something is wrong with it. That
# is the warning above: the plain tower gave every picture the same logits.
#
# The line at 2.303, ln 10, is the loss of guessing: all ten classes have the same probability. A
# curve that stays there has learnt nothing yet. See which of the two curves leaves it, and when.
# With two epochs on a few hundred pictures perhaps neither does. With more epochs, see how long the
# plain tower takes.
#
# This is one run each, on few pictures. It does not show that residual networks are better, and
# that was not the question. The gradients above are different. They follow from how the two
# networks are built, and another seed gives a similar figure. Try it. The tutorial on comparing
# honestly shows how to compare *accuracies*.
#
# Residual connections are not the only solution. Batch norm helps too, since it scales the signal
# to a standard deviation of 1 after each layer. First weights of the right size help as well.
# `resnet20` has all of these.
#
# ## The block of `resnet20`
#
# <!-- diagram: residual-block -->

# %%
for layer in ck.summary("resnet20").layers[:9]:
    print(f"{layer.name:<9} {layer.kind:<12} {layer.output}")
print("…")

# %% [markdown]
# It has a first convolution, then nine blocks, then a mean over all positions and a linear layer.
# The number of layers with weights is 1 + 9 · 2 + 1 = 20, which explains the name. The blocks are
# in three stages. At the beginning of a stage the picture halves and the channels double. There the
# signal cannot be added as it is. The path around the block takes every second pixel, and fills the
# new channels with zeros.
#
# ### Exercise 2: through the block and around it
#
# Write `forward` for a block that keeps the size. It is the sum of two parts: the output of the
# `body`, and the signal itself. Then apply `F.relu` to the sum, not to the parts.


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
# The name explains the idea. A plain block has to compute the whole output. A residual block only
# has to compute the *difference* between output and input, the **residue**. With weights near zero
# it changes nothing, and does no harm. So you can stack many of them.
#
# ## Where to go from here
#
# - `ck.train("resnet20", data)` trains it with its recipe, 20 epochs. Look at the multiply-adds
#   above before you start it, and have a coffee.
# - Build the towers with `blocks=3` and with `blocks=15`:
#   `ck.create_model("plain_tower", blocks=15)`. How do the gradients change?
# - [Use your own model](../how-to/your-own-model.md) explains what a builder must do.
