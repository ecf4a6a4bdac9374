# %% [markdown]
# # Your own model
#
# cifarkit has some networks with names. On this page you **register** your own network. You write
# it, check it, train it, and change it by one factor at a time. You also see how a package can
# offer it to others. There are two exercises, each with a check that says whether your network is
# right.
#
# On two processor cores everything below takes about half a minute. You need no internet and no
# graphics card. You should have done [the whole assignment](01_the_whole_assignment.md).

# %%
import torch
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, exercise

# %%
N_TRAIN = 1_000  # pictures to learn from
N_VAL = 200  # of these, set aside to choose by
N_TEST = 300  # pictures to be judged on
EPOCHS = 3  # how often to go through the training pictures

data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# ## A builder
#
# A network is an object that changes when you train it. So a name does not belong to a network but
# to a **builder**: a function that makes a new network each time it is called. PyTorch calls every
# network, and every layer, an `nn.Module`.
#
# [`register_model`][cifarkit.register_model] gives the name. It is a **decorator**: a line with `@`
# above a function, which does something with the function. Here it adds the builder to cifarkit's
# **registry**, the list of all names. It also adds the **recipe**, which says how to train this
# network.


# %%
@ck.register_model(
    "small",
    recipe=ck.Recipe(epochs=EPOCHS, batch_size=32, optimizer=ck.Adam(lr=0.005)),
    summary="two convolutions of my own",
)
def small(*, num_classes: int = 10, width: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, width, kernel_size=3, padding=1),  # batch width 32 32
        nn.MaxPool2d(2),  # batch width 16 16
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),  # batch 2*width 16 16
        nn.MaxPool2d(4),  # batch 2*width 4 4
        nn.ReLU(),
        nn.Flatten(),  # batch 2*width*4*4
        nn.Linear(2 * width * 4 * 4, num_classes),
    )


# %% [markdown]
# A builder must do three things:
#
# 1. It can be called with `num_classes` alone, by name. Everything else, here `width`, is an
#    **option** and has a default.
# 2. It returns a new network.
# 3. The network takes pictures `batch 3 32 32`, numbers from -1 to 1, and returns **logits** `batch
#    classes`: one plain score for each class. There is no softmax at the end, because the loss
#    applies it.
#
# Write comments with the shapes, because most mistakes in networks are mistakes in shapes.
# [`summary`][cifarkit.summary] prints the real shapes.

# %%
print(ck.summary("small"))

# %% [markdown]
# From here on, `"small"` is a name like any other.

# %%
print([name for name in ck.list_models() if name in ("linear", "baseline", "small")])
run = ck.train("small", data)
print(run)
print(ck.evaluate(run.model, data.test))

# %%
axes = ck.plots.curves(run, "loss")

# %% [markdown]
# If you run the cell with `def small` again, the new function replaces the old one, without an
# error. But *another* function with the same name is most likely a mistake:

# %%
try:

    @ck.register_model("small")
    def something_else(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

except ck.DuplicateModelError as error:
    print(type(error).__name__)
    print(error)

# %% [markdown]
# ## Is it right?
#
# A network can be wrong and still run. It may even learn, but badly, and you might look for the
# reason for days. [`check_model`][cifarkit.check_model] builds the network many times, trains it a
# little on pictures of noise, and tests one question after the other:

# %%
print(ck.check_model("small"))

# %% [markdown]
# Here is a network with three common mistakes. It runs, and PyTorch gives no error.


# %%
class Doubtful(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(3072, 32)
        self.forgotten = nn.Linear(32, 32)
        self.last = nn.Linear(32, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(images.flatten(1)))
        hidden = nn.functional.dropout(hidden, 0.5)
        return torch.softmax(self.last(hidden), dim=1)


def doubtful(*, num_classes: int = 10) -> nn.Module:
    return Doubtful(num_classes)


print(tuple(doubtful()(torch.zeros(2, 3, 32, 32)).shape))

# %% [markdown]
# A broken network is an error, and its text is the table. It says what was found, and after the
# arrow what to do. We print only the questions that failed.

# %%
try:
    ck.check_model(doubtful)
except ck.ModelContractError as error:
    report = str(error)

is_failed = False
for line in report.splitlines()[1:]:
    if not line.startswith(" "):  # a new question; what belongs to it is indented
        is_failed = " failed " in line
    if is_failed:
        print(line)

# %% [markdown]
# The first mistake: `nn.functional.dropout` switches units off at random in evaluation too, so the
# logits change each time. The second: there is a softmax at the end, and the loss applies another
# one. This makes learning slow. The third: `forgotten` is made, but `forward` never uses it.
#
# Questions that depend on one of these are *not run*, because they would show nothing new.
#
# ### Exercise 1: correct it
#
# Write the `forward` of `Mended` so that the check passes. Change as little as you can.


# %%
class Mended(Doubtful):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images)  # not yet: still the doubtful one


@exercise
def check_mended(network: type[nn.Module]) -> str:
    def builder(*, num_classes: int = 10) -> nn.Module:
        return network(num_classes)

    try:
        ck.check_model(builder)
    except ck.ModelContractError as error:
        raise NotYet(str(error).splitlines()[0].rpartition(") ")[2]) from None
    return "Right: it keeps the contract of a model"


check_mended(Mended)


# %% tags=["solution"]
class Mended(Doubtful):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(images.flatten(1)))
        hidden = torch.relu(self.forgotten(hidden))  # or take it out of __init__
        hidden = nn.functional.dropout(hidden, 0.5, training=self.training)
        return self.last(hidden)  # plain scores, no softmax


check_mended(Mended)

# %% [markdown]
# ## Options: one builder, several names
#
# One builder may have several names, each with other options and another recipe. A name with its
# builder, options and recipe is called a **variant**. Here the builder exists already, so there is
# no `def` below the `@`. But a decorator is also a function. `register_model(...)` returns it, and
# the second pair of parentheses calls it with the builder.

# %%
recipe = ck.get_variant("small").recipe

ck.register_model("small-wide", recipe=recipe, options={"width": 16})(small)
ck.register_model("small-flipped", recipe=recipe.replace(augment=(ck.Flip(),)))(small)
ck.register_model("small-both", recipe=recipe.replace(epochs=9), options={"width": 16})(small)

# %% [markdown]
# `recipe.replace` returns a changed copy of the recipe. And
# [`differs_from`][cifarkit.Variant.differs_from] names every factor in which two variants differ:

# %%
first = ck.get_variant("small")
for name in ("small-wide", "small-flipped", "small-both"):
    print(name, ck.get_variant(name).differs_from(first))

# %% [markdown]
# The first two differ from `small` in one factor each. If one of them does better, you know what
# did it. The third differs in two, so you cannot know which of them made the difference. So print
# `differs_from` *before* you train. It costs nothing.
#
# To find out whether one variant is really better than another, you need several seeds: [compare
# honestly](11_compare_honestly.md).
#
# ### Exercise 2: your own network
#
# Write a builder with at least three convolutions and fewer than 50,000 parameters, and register it
# as `"mine"`. The check looks at its summary and then runs `check_model`.


# %%
@ck.register_model("mine", summary="my own")
def mine(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))  # not yet: no convolutions


@exercise
def check_mine(builder) -> str:
    if "mine" not in ck.list_models() or ck.get_variant("mine").builder is not builder:
        raise NotYet("register the builder as 'mine'")
    table = ck.summary("mine")
    convolutions = sum(layer.kind == "Conv2d" for layer in table.layers)
    parameters = table.parameters
    if convolutions < 3 or parameters >= 50_000:
        raise NotYet(f"{convolutions} convolutions, {parameters:,} parameters")
    try:
        ck.check_model(builder)
    except ck.ModelContractError as error:
        raise NotYet(str(error)) from None
    return f"Right: {convolutions} convolutions, {parameters:,} parameters, all checks passed"


check_mine(mine)


# %% tags=["solution"]
@ck.register_model("mine", summary="my own")
def mine(*, num_classes: int = 10) -> nn.Module:
    layers = []
    channels = 3
    for width in (16, 32, 64):  # batch 16 16 16, then batch 32 8 8, then batch 64 4 4
        layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
        layers += [nn.BatchNorm2d(width), nn.MaxPool2d(2), nn.ReLU()]
        channels = width
    pooled = nn.AdaptiveAvgPool2d(1)  # the mean of each channel: batch 64 1 1
    return nn.Sequential(*layers, pooled, nn.Flatten(), nn.Linear(channels, num_classes))


check_mine(mine)

# %% [markdown]
# ## In a file, for the command line
#
# The command line does not know your network yet. Put the builder with its decorator into a file,
# such as `my_models.py`, and pass the file with `--import`. cifarkit runs it first:
#
# ```sh
# cifarkit check small --import my_models.py
# cifarkit train small --import my_models.py
# cifarkit compare baseline small --seeds 8 --import my_models.py
# ```
#
# The commands that read a run need the file as well. A run folder keeps the weights and the *name*
# of the model, never its code. So a run from somebody else cannot run code on your machine.
#
# ## As a package
#
# If others want to use your network, make a package. Suppose that the package is called
# `my_package`, and the builders with their decorators are in `my_package/models.py`:
#
# ```
# my_package/
#     pyproject.toml
#     my_package/
#         __init__.py
#         models.py
# ```
#
# Python has **entry points** for this. When a package is installed, it may register entry points,
# and other packages may read them. In `pyproject.toml`:
#
# ```toml
# [project]
# name = "my-package"
# version = "0.1"
# dependencies = ["cifarkit"]
#
# [project.entry-points."cifarkit.models"]
# my_package = "my_package.models"
# ```
#
# The last two lines are the entry point. Its group is `cifarkit.models`, and it says which module
# to import. After `pip install`, cifarkit finds it when models are first looked up. It imports the
# module, which runs the decorators. Then you need no `--import`. Such a package is called a
# **plugin**.
#
# This code reads the entry points. If it prints none, you have no plugin installed:

# %%
from importlib.metadata import entry_points

notes = entry_points(group="cifarkit.models")
print("plugins found:", ", ".join(f"{note.name} = {note.value}" for note in notes) or "none")

# %% [markdown]
# If a plugin fails, it is left out with a warning, and nothing else breaks. A test of the package
# needs one line for each network: `ck.check_model("small")`.
#
# ## Where to go from here
#
# - Raise the numbers at the top, then change the one line to `ck.load_cifar10()`.
# - [Compare](11_compare_honestly.md) your network with the baseline, over several seeds.
# - [Use your own model](../how-to/your-own-model.md) is a short version of this page.
#   [Variants](../reference/variants.md) has every variant of cifarkit in one table.
