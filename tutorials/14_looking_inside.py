# %% [markdown]
# # Looking inside: feature maps and Grad-CAM
#
# A network gives ten numbers for a picture. What happened in between? At the end of this page you
# can look at the filters and the feature maps of a network, and draw where in a picture its answer
# comes from. You can also test such a **heat map**, because many people believe heat maps too
# easily.
#
# It takes twenty minutes to read, and the code runs for less than a minute on two processor cores.
# You should have done the first tutorial and [where it fails](05_where_it_fails.md).

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_numbers, as_tensor, exercise, is_close

# %%
N_TRAIN = 2_000  # pictures to learn from
N_VAL = 400  # of these, set aside to look at
N_TEST = 200  # pictures for the end; this page leaves them alone
EPOCHS = 8  # how often to go through the training pictures

# %% [markdown]
# For CIFAR-10, change this line to `data = ck.load_cifar10()`. The whole page works there too, but
# it takes longer, and you see other things.

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)

# %% [markdown]
# ## A network to look into
#
# The network has three convolutions, each with batch norm and ReLU. After the first two, a pooling
# halves rows and columns. The names on the left of the summary are the names of the layers.


# %%
def small(*, num_classes: int = 10) -> nn.Module:
    layers = []
    channels = 3
    for width in (16, 32, 64):  # batch width 32 32, then 16 16, then 8 8
        convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    head = [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    return nn.Sequential(*layers[:-1], *head)  # no pooling before the head


settings = {
    "epochs": EPOCHS,
    "batch_size": 32,
    "optimizer": ck.Adam(lr=0.01),
    "schedule": ck.Cosine(),
}
run = ck.train(small, data, **settings)
evaluation = ck.evaluate(run, data.val)
print(evaluation)
print(ck.summary(run.model))

# %% [markdown]
# ## Filters
#
# The first convolution looks at red, green and blue, so each of its **kernels** (also called
# filters) is a small picture itself. [`plots.filters`][cifarkit.plots.filters] draws them. Grey is
# 0. A bright spot adds to the sum where the picture is bright.

# %%
filters_figure = ck.plots.filters(run)

# %% [markdown]
# Can you see what each of them does? Sometimes you can. A kernel that is light on one side and dark
# on the other reacts to an edge. Often you cannot. Nine pixels are few, and a random kernel has
# light and dark sides too. So draw the same network before training, from the same seed, and see
# how much has changed.

# %%
with ck.seeded("weights", 0):  # as training does with seed 0
    untrained = small()
before_figure = ck.plots.filters(untrained)

# %%
learnt = run.model[0].weight.detach().flatten(1)
random = untrained[0].weight.detach().flatten(1)
lengths = learnt.norm(dim=1) / random.norm(dim=1)
alike = F.cosine_similarity(learnt, random, dim=1)
print(f"a kernel is {lengths.mean():.2f} times as long as before training, on average")
print(f"cosine of the angle between before and after: {alike.mean():.2f} on average")

# %% [markdown]
# A cosine of 1 means the same pattern, and 0 means nothing in common. The nearer it is to 1, the
# more of what you see was there before anything was learnt. If you cannot tell which of the two
# figures shows the trained network, do not explain the kernels. Deeper layers have many input
# channels, so you cannot draw their kernels as pictures. For them we look at their *outputs*.
#
# ## Feature maps
#
# The output of one channel of a layer for a picture is a **feature map**, or **activation**: a
# number for each position. [`activations`][cifarkit.activations] returns them for many pictures at
# once.

# %%
picture, label = data.val[0]
after_first = ck.activations(run, data.val, "2")  # n 16 32 32, after the first ReLU
after_last = ck.activations(run, data.val, "10")  # n 64 8 8, after the last ReLU
print("after the first ReLU:", tuple(after_first.shape))
print("after the last ReLU: ", tuple(after_last.shape))

# %%
print("the picture shows:", data.classes[label])
first_figure = ck.plots.activations(run, picture, "2")

# %% [markdown]
# In the first layer you recognise the picture: edges, bright parts, dark parts. In the last layer
# you do not. A position there has seen a large part of the picture, and says only how strongly
# something is present.

# %%
last_figure = ck.plots.activations(run, picture, "10")

# %% [markdown]
# ### Exercise 1: silent channels
#
# A ReLU replaces everything below 0 by 0. If a channel is 0 at every position of a picture, it says
# nothing about this picture. A channel that is 0 for *all* pictures is **dead**: it costs time and
# does nothing. Write a function that takes feature maps `n channels height width` and returns two
# numbers. The first is how many channels are dead. The second is the share of all maps (of a
# picture and a channel) that are 0 everywhere.


# %%
def silent(maps: torch.Tensor) -> tuple[int, float]:
    share = (maps == 0).float().mean()  # not yet: this counts places, and not whole maps
    return 0, float(share)


@exercise
def check_silent(count) -> str:
    made = torch.zeros(4, 3, 2, 2)
    made[0, 0, 1, 1] = made[1, 0] = made[0, 1, 0, 0] = 1.0
    for maps, dead, share in ((made, 1, 9 / 12), (after_last, *silent_by_loop(after_last))):
        found_dead, found_share = as_numbers(count(maps.clone()), 2)
        if found_dead != dead:
            raise NotYet(f"of {maps.shape[1]} channels {dead} are dead, yours says {found_dead:g}")
        if not is_close(found_share, share):
            raise NotYet(f"{share:.3f} of the maps are 0, yours says {found_share:.3f}")
    return (
        f"Right: of {maps.shape[1]} channels {dead} are dead, {100 * share:.1f} % of the maps are 0"
    )


def silent_by_loop(maps: torch.Tensor) -> tuple[int, float]:
    speaks = [[bool(channel.any()) for channel in picture] for picture in maps]
    dead = sum(not any(of_channel) for of_channel in zip(*speaks, strict=True))
    return dead, 1 - sum(map(sum, speaks)) / (maps.shape[0] * maps.shape[1])


check_silent(silent)


# %% tags=["solution"]
def silent(maps: torch.Tensor) -> tuple[int, float]:
    is_zero = (maps == 0).all(dim=3).all(dim=2)  # n channels
    return int(is_zero.all(dim=0).sum()), float(is_zero.float().mean())


check_silent(silent)

# %% [markdown]
# Here batch norm comes before each ReLU and centres every channel on a batch, so a dead channel
# would be a surprise. Without batch norm and with a large learning rate they are common. A zero at
# a single *position* is not unusual:

# %%
print(f"{100 * (after_last == 0).float().mean():.1f} % of all places in these maps are 0")

# %% [markdown]
# ## Where is the score sensitive? Grad-CAM
#
# Take the last feature maps. Some channels raise the **logit** of a class (its score), others lower
# it. **Grad-CAM** (Selvaraju et al. 2017) asks the gradient which is which:
#
# 1. Compute the gradient of the logit with respect to the feature maps.
# 2. Take its mean over the positions: one weight for each channel.
# 3. Add up the maps, each times its weight, and keep what is above 0.
#
# The result is as coarse as the layer. Here are feature maps and gradients of eight pictures.

# %%
body, head = run.model[:11], run.model[11:]  # up to the last ReLU, and what follows
body.eval(), head.eval()
eight = data.val.subset(range(8))
features = body(ck.to_floats(eight.images)).detach().requires_grad_()  # 8 64 8 8
logits = head(features)
(gradients,) = torch.autograd.grad(logits.max(dim=1).values.sum(), features)
print("features: ", tuple(features.shape))
print("gradients:", tuple(gradients.shape))

# %% [markdown]
# ### Exercise 2: the heat map
#
# Correct the function, so that it does steps 2 and 3. Features and gradients are `n channels height
# width`, and the maps must be `n height width`. The check scales your maps and compares them with
# [`grad_cam`][cifarkit.grad_cam].


# %%
def heat_maps(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    return (features * gradients).sum(dim=1)  # not yet: weights for places, not for channels


@exercise
def check_heat(formula) -> str:
    found = as_tensor(formula(features.detach(), gradients), like=features[:, 0])
    if found.min() < 0:
        raise NotYet(f"keep what is above 0; your lowest number is {found.min():.3f}")
    large = F.interpolate(found[:, None], size=(32, 32), mode="bilinear")[:, 0]
    large = large / large.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    worst = (large - ck.grad_cam(run, eight)).abs().amax(dim=(1, 2))
    if not worst.max() < 1e-3:
        raise NotYet(
            f"picture {worst.argmax()} differs by up to {worst.max():.3f}, on a scale to 1"
        )
    return f"Right: the same {len(found)} maps as those of ck.grad_cam"


check_heat(heat_maps)


# %% tags=["solution"]
def heat_maps(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    weights = gradients.mean(dim=(2, 3), keepdim=True)  # n channels 1 1
    return (weights * features).sum(dim=1).relu()


check_heat(heat_maps)

# %% [markdown]
# ### Look at the mistakes
#
# Heat maps are most useful where the network is wrong. [`plots.grad_cam`][cifarkit.plots.grad_cam]
# draws the pictures with the largest losses, and some pictures of the two classes that are confused
# most often. Each map is for the network's *answer*.

# %%
mistakes_figure = ck.plots.grad_cam(run, evaluation, data.val, n=6)

# %% [markdown]
# Ask two questions about each map. Is the heat on the shape, or on what covers it, or next to it?
# And what is the difference between the two classes of the pair? If it is a corner or a hole, see
# whether there is heat on the corner or the hole. This gives you ideas, but no proof.
#
# ## Cover a part: occlusion
#
# A second way needs no gradient (Zeiler and Fergus 2014). Cover a square of the picture with grey,
# and measure how much the probability of the answer falls. Do this at all positions.
# [`occlusion`][cifarkit.occlusion] does this.

# %%
heat, drops = ck.grad_cam(run, eight), ck.occlusion(run, eight)
figure, axes = plt.subplots(3, 8, figsize=(8, 3.5), layout="constrained")
rows = {
    "picture": eight.images.permute(0, 2, 3, 1),
    "Grad-CAM": heat,
    "occlusion": drops,
}
figure.suptitle("The same eight pictures, asked in two ways", x=0.02, ha="left", fontsize=11)
for line, (name, row) in zip(axes, rows.items(), strict=True):
    for ax, shown in zip(line, row, strict=True):
        limits = {"picture": {}, "Grad-CAM": {"vmin": 0, "vmax": 1}}
        ax.imshow(shown.numpy(), cmap="inferno", **limits.get(name, {}))
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)

# %% [markdown]
# The two agree on some pictures and not on others. Which of them is right? We do not
# know the truth for either map. But each makes a claim that can be tested.
#
# ## Test a map
#
# ### Does it point at what matters?
#
# If a map shows what the answer depends on, then covering its *hottest* square should hurt more
# than covering a square anywhere. We cover one square of 8 by 8 pixels in each of a hundred
# pictures: the hottest, a random one, or the coldest.

# %%
hundred = data.val.subset(range(100))
SIDE = 8


def squares_of(maps: torch.Tensor, hottest: bool) -> torch.Tensor:
    """Return row and column of the hottest or coldest square of each map, `n 2`."""
    means = F.avg_pool2d(maps[:, None], SIDE, stride=1).flatten(1)  # n 25·25
    index = means.argmax(dim=1) if hottest else means.argmin(dim=1)
    return torch.stack([index // (33 - SIDE), index % (33 - SIDE)], dim=1)


def covered(image_set: ck.ImageSet, corners: torch.Tensor) -> ck.ImageSet:
    """Cover a square of each picture with grey."""
    images = image_set.images.clone()
    for image, (row, column) in zip(images, corners.tolist(), strict=True):
        image[:, row : row + SIDE, column : column + SIDE] = 128
    return ck.ImageSet(images, image_set.labels, image_set.classes)


uncovered = ck.evaluate(run, hundred)
answers = uncovered.predicted
everyone = range(len(hundred))


def hurt(corners: torch.Tensor) -> str:
    """Say how far the probability of the answers falls, and how many answers change."""
    shown = ck.evaluate(run, covered(hundred, corners))
    fall = uncovered.probabilities[everyone, answers] - shown.probabilities[everyone, answers]
    changed = (shown.predicted != answers).mean()
    return f"probability falls by {fall.mean():+.3f}, {100 * changed:.0f} % of the answers change"


chance = ck.generator_for("random squares", 0)
print("a random square:      ", hurt(torch.randint(33 - SIDE, (100, 2), generator=chance)))
for name, maps in {
    "Grad-CAM": ck.grad_cam(run, hundred),
    "occlusion": ck.occlusion(run, hundred),
}.items():
    print(f"hottest of {name + ':':<11}", hurt(squares_of(maps, hottest=True)))
    print(f"coldest of {name + ':':<11}", hurt(squares_of(maps, hottest=False)))

# %% [markdown]
# Occlusion wins here, and this is no surprise. It *was* made by covering squares, so this test
# repeats its method. For Grad-CAM it is a fair test. Compare its hottest square with a random one.
# The difference shows what the map knows. Note also that the network never saw a grey square in
# training. This alone can change an answer.
#
# ### Does it depend on what was learnt?
#
# Some maps look convincing and have nothing to do with the network: they only trace the edges of
# the picture. Adebayo et al. (2018) found a simple test. Draw all weights again at random, make the
# map again, and compare. A map that hardly changes did not show what was learnt.
# [`randomised_similarity`][cifarkit.randomised_similarity] returns the rank correlation of the maps
# before and after, for each picture. It is 1 for the same order of positions, and about 0 for no
# relation.
#
# As a control we add a map that does not depend on the network: the strength of the edges.


# %%
def edges(_network, images, **_targets):
    """Trace the edges of pictures; the network and the class are not even asked."""
    grey = images.float().mean(dim=1)  # n 32 32
    down, right = grey.diff(dim=1)[:, :, 1:], grey.diff(dim=2)[:, 1:]
    return down.square() + right.square()  # n 31 31


for method in (edges, ck.grad_cam, ck.occlusion):
    similarity = ck.randomised_similarity(method, run, hundred)
    defined = int(similarity.isfinite().sum())
    print(f"{method.__name__:<10} {similarity.nanmean():+.2f} on average over {defined} pictures")

# %% [markdown]
# The edges fail the test, as expected, because they are the same with any weights. A map near 0 has
# passed. To pass is not much. It shows that the map depends on the weights, and not that it is
# right.
#
# ## What a heat map does not say
#
# - **Why.** A map shows *where* a score is sensitive. That a network looked at a shape does not
#   mean that it knows the shape. It may use its colour, or a corner of it.
# - **That the answer is right.** A wrong answer has a map as well, and often it looks as good.
# - **What would happen without that part.** Grad-CAM keeps only what raises the score, and one
#   gradient says little about large changes. To know what happens, change the picture and look.
# - **How the network treats pictures in general.** With a few maps that you choose by hand, you can
#   show anything. Choose at random, as `plots.grad_cam` does with the confused pair, or use all
#   pictures and a number.
# - **Fine detail.** The map of an 8 by 8 layer has 64 numbers. Its smooth look comes from resizing.
#
# ## Another question: is it robust?
#
# A network can be right for the wrong reason. Then it fails when pictures look a little different.
# So test it on such pictures. [`corrupt`][cifarkit.corrupt] changes a set in one of the ways of
# CIFAR-10-C (Hendrycks and Dietterich 2019), a little at severity 1 and strongly at 5.

# %%
KINDS = ["gaussian_noise", "gaussian_blur", "brightness", "contrast", "pixelate"]
one = data.val.subset([0])
figure, axes = plt.subplots(1, len(KINDS) + 1, figsize=(8, 1.8), layout="constrained")
shown = {"as it is": one} | {kind: ck.corrupt(one, kind, severity=4) for kind in KINDS}
figure.suptitle("One picture, corrupted at severity 4", x=0.02, ha="left", fontsize=11)
for ax, (name, image_set) in zip(axes, shown.items(), strict=True):
    ax.imshow(image_set.images[0].permute(1, 2, 0).numpy())
    ax.set_title(name.replace("_", "\n"), fontsize=8)
    ax.axis("off")

# %% [markdown]
# You still recognise the shape. Does the network?
# [`evaluate_corrupted`][cifarkit.evaluate_corrupted] evaluates it at all severities.

# %%
robustness = ck.evaluate_corrupted(run, data.val, KINDS)
print(robustness)
print(robustness.table().as_text())

# %%
robustness_axes = ck.plots.robustness(robustness)

# %% [markdown]
# Read each line from left to right, and compare the lines. Their order is a result about this
# network, not about corruptions in general.
#
# Can training help? [`ColorJitter`][cifarkit.ColorJitter] changes brightness and contrast of the
# training pictures at random. But be careful: two of our corruptions change the same things. So the
# numbers for brightness and contrast show how well the network learnt what it was shown. Only the
# other three say something about *new* corruptions.

# %%
jittered = ck.ColorJitter(brightness=0.5, contrast=0.5)
jitter = ck.train(small, data, augment=jittered, **settings)
with_jitter = ck.evaluate_corrupted(jitter, data.val, KINDS)
for kind in KINDS:
    before = 100 * robustness.accuracies(kind)  # at severities 0 to 5, in per cent
    after = 100 * with_jitter.accuracies(kind)
    print(f"{kind:<15} severity 5: {before[5]:5.1f} % before, {after[5]:5.1f} % with jitter")
print(f"{'as they are':<28} {before[0]:5.1f} % before, {after[0]:5.1f} % with jitter")

# %%
both_axes = ck.plots.robustness({"as before": robustness, "with jitter": with_jitter})

# %% [markdown]
# Begin with the clean pictures. Jitter makes learning harder, and this training is short. A network
# that is worse on clean pictures is probably worse on corrupted pictures too. So compare how much
# each line *falls* from severity 0, and not only where it ends. Then look at each corruption. Did
# jitter help where it is similar to the corruption, and did it help anywhere else?
#
# This is one training each. Before you claim that jitter helps, train several seeds, as [compare
# honestly](11_compare_honestly.md) explains.
#
# ## Where to go from here
#
# - The [live network](../explorers/live-network.md) shows the maps of each layer for a picture of
#   your own, in the browser.
# - Ask for another class: `ck.grad_cam(run, eight, targets=0)` shows where the score of class 0 is
#   sensitive, although it was not the answer.
# - Ask another layer: `layer="6"` has twice as many rows and columns, and is further from the
#   answer.
# - Use all corruptions of `ck.list_corruptions()`, and a network that was trained longer.
# - [Losses and imbalance](13_losses_and_imbalance.md) is about what the network was asked to learn.
