# %% [markdown]
# # Batch norm (batch normalization)
#
# Batch norm is one line in a network, and it surprises people. It behaves in one way while the
# network learns and in another way when the network is used. On this page you do its arithmetic
# yourself, learn why there are two modes, and train a network with it and a network without it.
#
# It takes a quarter of an hour to read, and the code runs for less than a minute on two processor
# cores. You should have done the first tutorial.

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_tensor, exercise

# %%
N_TRAIN = 1_200  # pictures to learn from
N_VAL = 200  # of these, set aside to compare on
N_TEST = 200  # pictures for the end; this page leaves them alone
EPOCHS = 4  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)

# %% [markdown]
# ## What comes out of a convolution
#
# Take one batch of 32 training pictures and send it through one convolution with new weights. For
# each picture, the result has eight **channels** of 32 rows and 32 columns. These are eight grey
# pictures, called **feature maps**, one for each pattern that the convolution looks for.
# `torch.no_grad()` says that nothing is learnt here.

# %%
images = next(ck.training_batches(data.train, batch_size=32, seed=0, epoch=0)).images
with ck.seeded("batch norm", 0):  # first weights are random: from a seed, to be the same each time
    convolution = nn.Conv2d(3, 8, kernel_size=3, padding=1)

with torch.no_grad():
    signal = convolution(images)
print("in: ", tuple(images.shape))
print("out:", tuple(signal.shape))

# %% [markdown]
# Look at one channel at a time. In this batch it has 32 times 32 times 32 numbers: pictures, rows,
# columns. Their **mean** is their centre, and their **standard deviation** says how far they are
# spread.


# %%
def describe(signal) -> None:
    for channel in range(signal.shape[1]):
        numbers = signal[:, channel]  # batch 32 32
        spread = numbers.std(correction=0)
        print(f"channel {channel}: mean {numbers.mean():6.3f}, standard deviation {spread:.3f}")


describe(signal)

# %% [markdown]
# Each channel has another mean and another standard deviation. Both depend only on chance and on
# the pictures. This makes learning harder for the next layer. While this layer learns, its means
# and standard deviations also change, and the next layer has to follow.
#
# ## Normalise by hand
#
# **Batch norm** removes these differences (Ioffe and Szegedy 2015). For each channel it subtracts
# the channel's mean over the batch, and divides by the channel's standard deviation. Then it
# multiplies by a scale and adds a shift, which the network learns.
#
# <!-- diagram: batch-norm -->
#
# For channel 0, without scale and shift:

# %%
numbers = signal[:, 0]
normalised = (numbers - numbers.mean()) / numbers.std(correction=0)
print(f"before: mean {numbers.mean():.3f}, standard deviation {numbers.std(correction=0):.3f}")
print(f"after:  mean {abs(normalised.mean()):.3f}, standard deviation {normalised.std():.3f}")

# %% [markdown]
# `correction=0` divides by the count of the numbers, as batch norm does. By default torch divides
# by the count minus one. And one thing is still missing. If all numbers of a channel are equal, its
# standard deviation is 0, and you cannot divide by 0. So a small number, called `eps` and mostly
# 0.00001, is added to the **variance** (the square of the standard deviation) before the root is
# taken:
#
# *normalised = (signal - mean) / square root of (variance + eps)*
#
# ### Exercise 1: all channels at once
#
# Write the function for a whole signal, `batch channels rows columns`. Each channel must have its
# own mean and variance, over batch, rows and columns. Tip: `signal.mean(dim=(…), keepdim=True)`
# takes the mean over these dimensions and keeps them in the shape with size 1, so that you can
# subtract it. `signal.var` also needs `correction=0`.


# %%
def normalise(signal, eps=1e-5):
    mean = signal.mean()  # not yet: one mean for all channels together
    variance = signal.var(correction=0)
    return (signal - mean) / (variance + eps).sqrt()


@exercise
def check_normalise(function) -> str:
    found = as_tensor(function(signal.clone()), like=signal)
    with torch.no_grad():
        gaps = (found - nn.BatchNorm2d(8)(signal)).abs().amax(dim=(0, 2, 3))
    if not gaps.max() < 1e-4:  # written so that "not a number" fails too
        raise NotYet(f"channel {gaps.argmax()} is off by up to {gaps.max():.3f}")
    alike = torch.ones(4, 2, 3, 3)
    if not as_tensor(function(alike.clone()), like=alike).abs().max() < 1e-4:
        raise NotYet("think of a channel whose numbers are all alike")
    return "Right: the same numbers as nn.BatchNorm2d"


check_normalise(normalise)


# %% tags=["solution"]
def normalise(signal, eps=1e-5):
    mean = signal.mean(dim=(0, 2, 3), keepdim=True)  # 1 channels 1 1
    variance = signal.var(dim=(0, 2, 3), keepdim=True, correction=0)
    return (signal - mean) / (variance + eps).sqrt()


check_normalise(normalise)

# %% [markdown]
# The check compares with torch's layer, `nn.BatchNorm2d(8)`, where 8 is the number of channels.
# Here is what the layer does to the eight channels. A dot is the mean of a channel, and the bar is
# as long as its standard deviation.

# %%
layer = nn.BatchNorm2d(8)
with torch.no_grad():
    after = layer(signal)

figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.0), sharey=True, layout="constrained")
figure.suptitle("Eight channels before and after batch norm: mean and spread", fontsize=11)
for ax, values, words in zip(axes, (signal, after), ("before", "after"), strict=True):
    mean, spread = values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3), correction=0)
    ax.errorbar(mean, range(8), xerr=spread, fmt="o", color="#5790fc", ecolor="#9c9ca1")
    ax.set(xlabel=f"{words}: mean, and one spread each way", xlim=(-1.2, 1.2))
    ax.spines[["right", "top"]].set_visible(False)
axes[0].set(ylabel="channel", yticks=range(8))
axes[0].invert_yaxis()

# %% [markdown]
# Does the network lose something? The next layer may need a mean that is not 0. So the layer has
# two **parameters** for each channel, numbers that are learnt. They are a factor, which torch calls
# `weight`, and a number to add, `bias`. They begin as 1 and 0, which changes nothing.

# %%
for name, parameter in layer.named_parameters():
    print(f"{name:<6} {parameter.tolist()}")

# %% [markdown]
# ## Two modes
#
# In training, mean and variance come from the batch. So the network's answer for a picture depends
# on *which other pictures are in the batch*. Here is the same picture twice, once among the first
# sixteen of our batch and once among sixteen others:

# %%
one, others, more = images[:1], images[1:16], images[16:31]

with ck.seeded("batch norm", 1):
    network = nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU())

network.train()  # training mode
with torch.no_grad():
    among_these = network(torch.cat([one, others]))[0]
    among_those = network(torch.cat([one, more]))[0]
print(f"training mode: they differ by up to {(among_these - among_those).abs().max():.3f}")

# %% [markdown]
# When the network is used, this must not happen. The answer for your picture must not depend on
# other pictures in the same batch. So there is a second mode. `network.train()` puts every layer
# into **training mode**, and `network.eval()` into **evaluation mode**. For most layers the two are
# the same, but not for batch norm and dropout.

# %%
network.eval()  # evaluation mode
with torch.no_grad():
    among_these = network(torch.cat([one, others]))[0]
    among_those = network(torch.cat([one, more]))[0]
print(f"evaluation mode: they differ by up to {(among_these - among_those).abs().max():.6f}")

# %% [markdown]
# To forget `eval()` is one of the most common mistakes with batch norm, and there is no error
# message. The network runs, but its answers are worse, or change with the batch. In cifarkit,
# [`train`][cifarkit.train] and [`evaluate`][cifarkit.evaluate] set the mode. In your own loop you
# must set it.
#
# ## Running statistics
#
# Where does evaluation mode take mean and variance from? In training mode the layer keeps a
# **running mean** and a **running variance** for each channel. They begin as 0 and 1. Each batch
# moves them a tenth of the way towards its own mean and variance:
#
# *new running mean = 0.9 · old running mean + 0.1 · mean of the batch*

# %%
layer = nn.BatchNorm2d(8)
layer.train()
by_hand = torch.zeros(8)
with torch.no_grad():
    for batch in ck.training_batches(data.train, batch_size=32, seed=0, epoch=0):
        signal_now = convolution(batch.images)
        layer(signal_now)
        by_hand = 0.9 * by_hand + 0.1 * signal_now.mean(dim=(0, 2, 3))
    everything = convolution(ck.to_floats(data.train.images)).mean(dim=(0, 2, 3))

print("channel  running mean  by hand  mean over all training pictures")
for channel in range(8):
    print(
        f"{channel:>7}  {layer.running_mean[channel]:12.3f}  {by_hand[channel]:7.3f}"
        f"  {everything[channel]:10.3f}"
    )

# %% [markdown]
# The running mean moves from 0 to the mean over all training pictures. After each batch, nine
# tenths of the distance remain. After 10 batches a third remains, and after 30 less than a
# twentieth. These numbers are not parameters, because no gradient changes them. But they belong to
# the network, and are saved with its weights. torch calls such numbers **buffers**:

# %%
for name, buffer in layer.named_buffers():
    print(f"{name:<20} {tuple(buffer.shape)}")

# %% [markdown]
# ## A batch of one
#
# What if the batch has a single picture? After a convolution the channel still has many numbers,
# one for each pixel. But all are from the same picture, so mean and standard deviation depend on
# this picture alone. And if there is only a single number for each channel, batch norm is
# impossible:

# %%
try:
    nn.BatchNorm1d(8)(torch.zeros(1, 8))
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# This can happen at the end of an epoch: 33 pictures in batches of 32 leave a last batch of one.
# Most loops drop the last batch, and with it some pictures of each epoch. cifarkit's
# [`training_batches`][cifarkit.training_batches] adds a single last picture to the batch before it:

# %%
for n in (31, 33, 34, 65):
    few = data.train.subset(range(n))
    batches = ck.training_batches(few, batch_size=32, seed=0, epoch=0)
    print(f"{n} pictures:", [len(batch.images) for batch in batches])

# %% [markdown]
# ## A network with it and one without
#
# The variant `batchnorm` is the baseline with a batch norm after each convolution. Check that
# nothing else is different:

# %%
baseline, batchnorm = ck.get_variant("baseline"), ck.get_variant("batchnorm")
for factor, (theirs, ours) in batchnorm.differs_from(baseline).items():
    print(f"{factor}: {ours}, not {theirs}")

# %% [markdown]
# This costs two parameters for each channel, and almost no multiply-adds:

# %%
for name in ("baseline", "batchnorm"):
    table = ck.summary(name)
    print(f"{name:<9} {table.parameters:>9,} parameters, {table.multiply_adds:,} multiply-adds")
for layer in ck.summary("batchnorm").layers:
    if layer.kind == "BatchNorm2d":
        print(f"layer {layer.name}: {layer.output[0]} channels, {layer.parameters} parameters")

# %% [markdown]
# Now train both from the same seed, with the same pictures in the same order.

# %%
runs = {
    name: ck.train(name, data, epochs=EPOCHS, batch_size=32) for name in ("baseline", "batchnorm")
}
for name, run in runs.items():
    losses = ", ".join(f"{loss:.3f}" for loss in run.history.column("train_loss"))
    print(f"{name:<9} train loss {losses}; val accuracy {run.history[-1]['val_accuracy']:.3f}")

# %%
loss_axes = ck.plots.curves(runs, "loss")

# %%
accuracy_axes = ck.plots.curves(runs, "accuracy")

# %% [markdown]
# What do these curves show? They are the curves of *this* run, with this one seed. You can see
# which fell faster, in which epoch, and which was ahead at the end. They do not show that one
# variant *is better*. Another seed gives other curves, and with a few epochs on few pictures the
# order may change.
#
# Remember also that the recipe was made for the baseline. People often choose batch norm because it
# allows a larger learning rate, but here both have the same rate. The tutorial on comparing
# honestly shows how many seeds you need to say more.
#
# One more thing is important for such curves. Val is measured in evaluation mode, with the running
# statistics. These are a little old while the weights change fast. So in the first epochs of a
# network with batch norm, val can be noisy, or look worse than what has been learnt.
#
# ## The running statistics after training
#
# In the trained network the running statistics are no longer 0 and 1.

# %%
trained = runs["batchnorm"].model
first = next(module for module in trained.modules() if isinstance(module, nn.BatchNorm2d))
print("running mean:    ", [round(number, 2) for number in first.running_mean[:6].tolist()], "…")
print("running variance:", [round(number, 2) for number in first.running_var[:6].tolist()], "…")
print("batches seen:    ", int(first.num_batches_tracked))

# %% [markdown]
# ## Where to go from here
#
# - Train `batchnorm` with another learning rate:
#   `ck.train("batchnorm", data, optimizer=ck.Adam(lr=0.003))`. Then the baseline with the same.
# - Set `batch_size=4`. Mean and variance of so few pictures are noisy. See what the curve does.
# - Look at [every other variant](../reference/variants.md) that comes with cifarkit.
