# %% [markdown]
# # Compare honestly
#
# Two networks are trained. One is right on 21 % of the pictures and the other on 23 %. Is the
# second one better? A single number for each cannot say. On this page you learn what can: the same
# **seeds** for both, the differences pair by pair, and one simple test that you will program
# yourself. At the end you have a page to hand in, and you know what you may conclude.
#
# On two processor cores everything below takes about half a minute. You need no internet and no
# graphics card. You should have done [the whole assignment](01_the_whole_assignment.md).

# %%
import itertools
import tempfile
import textwrap
from pathlib import Path

import torch
from torch import nn

import cifarkit as ck
from cifarkit.comparison.statistics import sign_flip_test
from cifarkit.exercises import NotYet, as_number, exercise, is_close

# %%
N_TRAIN = 900  # pictures to learn from
N_VAL = 200  # of these, set aside to choose by
N_TEST = 500  # pictures to be judged on
EPOCHS = 3  # how often to go through the training pictures

data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# The networks must be small, because we will train many. `tiny` has three convolutions with few
# channels. We give it a name with [`register_model`][cifarkit.register_model]. [Your own
# model](09_your_own_model.md) explains how that works.

# %%
recipe = ck.Recipe(epochs=EPOCHS, batch_size=32, optimizer=ck.Adam(lr=0.01))


@ck.register_model("tiny", recipe=recipe, summary="three convolutions, few channels")
def tiny(*, num_classes: int = 10) -> nn.Module:
    layers = []
    channels = 3
    for width in (8, 16, 32):  # batch width 16 16, then 8 8, then 4 4
        convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        layers += [convolution, nn.BatchNorm2d(width), nn.MaxPool2d(2), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, num_classes))


# %% [markdown]
# ## One run says little
#
# A training is random: the first weights of the network, and the order of the pictures. All random
# numbers are drawn from one number, the seed. Here is the same network, trained in the same way on
# the same pictures, from three seeds.

# %%
for seed in range(3):
    last = ck.train("tiny", data, seed=seed).history[-1]
    print(f"seed {seed}: val loss {last['val_loss']:.4f}, val accuracy {last['val_accuracy']:.1%}")

# %% [markdown]
# Only the seed was changed, and the loss is different each time. If you train two *different*
# networks once each, you see a difference too. You cannot know whether it is only due to the seed.
# If you choose your seeds, you can even make a network look better than itself.
#
# ## The same seeds for all: pairs
#
# So train each network from several seeds. And use the *same* seeds for all networks, because then
# a part of the randomness is the same. With the same seed, two networks see the same pictures in
# the same order:

# %%
for name in ("for one network ", "for the other   "):
    batch = next(ck.training_batches(data.train, batch_size=8, seed=3, epoch=0))
    print(name, batch.targets.tolist())

# %% [markdown]
# Two runs with the same seed are a **pair**. We look at the difference *within* each pair. In the
# same way you would test two kinds of shoes by giving each runner one shoe of each kind.
#
# ## Compare
#
# We take three variants. `linear` is the simplest network, a single layer. `tiny` is ours. And
# `twin` is `tiny` again. It only draws one random number before it is built, so that it begins with
# other weights. **We know that `tiny` and `twin` are equally good**, because they are the same
# network. A comparison of something with itself is called an **A/A test**. It is the best way to
# find out whether a method of comparing finds differences that do not exist.


# %%
@ck.register_model("twin", recipe=recipe, summary="tiny, from other first weights")
def twin(*, num_classes: int = 10) -> nn.Module:
    torch.rand(1)  # thrown away; whatever is drawn after it is different
    return tiny(num_classes=num_classes)


# %% [markdown]
# [`compare`][cifarkit.compare] trains each variant from seeds 0 to 9, as many runs at a time as the
# machine has cores. The other arguments change the recipe of all variants, so that `linear` is
# trained like ours. Each run is kept in a folder in `runs`. If you call `compare` again, only new
# runs are trained.

# %%
comparison = ck.compare(
    ["linear", "tiny", "twin"],
    data,
    seeds=10,
    epochs=EPOCHS,
    batch_size=32,
    optimizer=recipe.optimizer,
    show_progress=False,
)
print(comparison)

# %% [markdown]
# ### How to read it
#
# The first table has a row for each variant:
#
# - **n** is the number of runs, one for each seed;
# - **test accuracy** is their mean;
# - **sd**, the standard deviation, says how much single runs vary around the mean, in percentage
#   points (from 21 % to 23 % is 2 points);
# - **95 % interval**, the confidence interval, is where the mean of very many seeds may lie. Of a
#   hundred such intervals, about 95 contain the true value.
#
# The second table has a row for each pair of variants:
#
# - **points** is the mean of the differences, seed by seed;
# - its **95 % interval** is where the true difference may lie, if you draw other seeds;
# - **and over images** is the same, if you also draw other test images;
# - **p** says how often chance alone would give a mean difference so far from 0. The next section
#   is about it. **p, Holm** is corrected for testing several pairs.
#
# Below the tables are sentences. They say what you may conclude about each pair, and at the end
# what you may not.
#
# ### As a figure
#
# Each dot is one run. Lines join the runs with the same seed.

# %%
axes = ck.plots.comparison(comparison)

# %% [markdown]
# Do not ask whether two intervals overlap, because that ignores the pairs. Ask whether the
# differences are on one side of 0. That is the next figure, with a row for each pair of variants.

# %%
axes = ck.plots.differences(comparison)

# %% [markdown]
# ## The sign-flip test, by hand
#
# Here are the accuracies behind the row `tiny - linear`, seed by seed.
# [`of`][cifarkit.Comparison.of] returns the runs of one variant, by seed.


# %%
def differences_of(a: str, b: str) -> list[float]:
    pairs = zip(comparison.of(a), comparison.of(b), strict=True)
    return [ours.accuracy - theirs.accuracy for ours, theirs in pairs]


differences = differences_of("tiny", "linear")
print("in points:", [f"{100 * difference:+.1f}" for difference in differences])
print(f"mean: {100 * sum(differences) / len(differences):+.2f}")

# %% [markdown]
# Could that be chance? Suppose that the two networks were equally good. Then only chance decides
# which of the two is ahead in a pair. A difference of +2 could equally well be -2. So flip the
# signs in every possible way, and count how often the mean is at least as far from 0 as the
# observed mean. This share is **p**. The idea is from Fisher, 1935.
#
# With the first three seeds there are 2 · 2 · 2 = 8 ways:

# %%
three = differences[:3]
seen = abs(sum(three) / 3)
as_far = 0
for signs in itertools.product([1, -1], repeat=3):
    flipped = [sign * difference for sign, difference in zip(signs, three, strict=True)]
    mean = sum(flipped) / 3
    is_as_far = abs(mean) >= seen - 1e-9  # a hair less: sums of fractions are rounded
    as_far += is_as_far
    numbers = "  ".join(f"{100 * number:+5.1f}" for number in flipped)
    print(f"{numbers}   mean {100 * mean:+6.2f}   {'as far' if is_as_far else ''}")
print(f"p = {as_far} / 8 = {as_far / 8}")

# %% [markdown]
# In the first line nothing is flipped, and in the last line everything is flipped. Their means are
# equally far from 0, whatever the differences are. So with three seeds p is never below 2 / 8.
#
# ### Exercise 1: p, from all flips
#
# Write the test for any number of differences. The check compares your p with that of cifarkit, for
# every pair of the comparison.


# %%
def sign_flip_p(differences: list[float]) -> float:
    return 1 / len(differences)  # not yet: flip the signs in all ways, and count


@exercise
def check_p(test) -> str:
    for pair in comparison.pairs:
        differences = differences_of(pair.a, pair.b)
        found, wanted = as_number(test(differences)), sign_flip_test(differences).p
        if not is_close(found, wanted):
            raise NotYet(f"{pair.a} - {pair.b} has p = {wanted:.4f}, yours says {found:.4f}")
    return f"Right: the same p as cifarkit's, for all {len(comparison.pairs)} pairs"


check_p(sign_flip_p)


# %% tags=["solution"]
def sign_flip_p(differences: list[float]) -> float:
    seen = abs(sum(differences))  # the sum does as well as the mean
    as_far = 0
    for signs in itertools.product([1, -1], repeat=len(differences)):
        flipped = sum(sign * one for sign, one in zip(signs, differences, strict=True))
        as_far += abs(flipped) >= seen - 1e-9
    return as_far / 2 ** len(differences)


check_p(sign_flip_p)

# %% [markdown]
# ### The p of a comparison
#
# Flips assume that two equal networks vary in the same way. If one of them sometimes fails, flips
# say "better" too often. So cifarkit also uses a second test, a t-test with a stricter limit, and
# **its p is the larger of the two**. It can be larger than yours, but never smaller:

# %%
for pair in comparison.pairs:
    flips = sign_flip_test(differences_of(pair.a, pair.b)).p
    print(f"{pair.a:>4} - {pair.b:<6}  by flips {flips:.4f}  in the comparison {pair.p:.4f}")

# %% [markdown]
# ## Why five seeds cannot tell
#
# By convention, a difference counts if p is below .05. Then chance alone gives such a clear
# difference less than once in twenty times. But two of the 2ⁿ ways are always as far from 0 as the
# observed mean. So p is at least 2 / 2ⁿ, however clear the difference is.

# %%
for n in range(2, 9):
    print(f"{n} seeds: p is at least {2 / 2**n:.4f}")

# %% [markdown]
# With five seeds the smallest p is .0625, above .05. Five seeds cannot show anything, even if one
# network is ahead in all five. You need at least six. With fewer, cifarkit says *too few seeds*,
# which is not the same as *no difference*:

# %%
five = ck.compare(
    ["linear", "tiny"],
    data,
    seeds=5,
    epochs=EPOCHS,
    batch_size=32,
    optimizer=recipe.optimizer,
    show_progress=False,
)
print(five.verdicts[0].kind)
print(textwrap.fill(five.verdicts[0].text, 80))

# %% [markdown]
# That took no time, because all ten runs were in the folder already.
#
# **But do not add seeds until p is small.** If you look again and again, and stop when you like the
# result, you find a "difference" sooner or later, also between twins. Decide the number of seeds
# before you begin.
#
# ## Several pairs: Holm's correction
#
# Three variants make three pairs, and four make six. For each pair of equal networks, the chance of
# a wrong "better" is up to one in twenty. If you test many pairs, one will be wrong. Holm's
# correction of 1979 prevents this. Sort the p-values. Multiply the smallest by the number of pairs,
# the next by one less, and so on. No p-value may be smaller than the one before it, and none larger
# than 1. If a p-value is then still below .05, you may say "better". The chance of *any* wrong
# "better" in the whole comparison stays at 5 %.

# %%
largest = 0.0
for rank, pair in enumerate(sorted(comparison.pairs, key=lambda pair: pair.p)):
    factor = len(comparison.pairs) - rank
    largest = max(largest, min(1.0, factor * pair.p))
    print(f"{pair.a:>4} - {pair.b:<6}  p {pair.p:.4f}  times {factor} gives {largest:.4f}", end="")
    print(f"  cifarkit says {pair.p_holm:.4f}")

# %% [markdown]
# ### Exercise 2: how many seeds?
#
# You want to compare several variants. With Holm's correction, the smallest p is multiplied by the
# number of pairs, and must still be below .05. How many seeds do you need at least to find
# *anything*? Correct the function.


# %%
def seeds_for(variants: int) -> int:
    return variants + 3  # not yet: what do so many variants need?


@exercise
def check_seeds(count) -> str:
    for variants, wanted in {2: 6, 3: 7, 4: 8, 5: 9, 7: 10}.items():
        found = as_number(count(variants))
        if found != wanted:
            raise NotYet(f"for {variants} variants, {found:g} seeds is not the answer")
    return "Right, from 2 variants to 7"


check_seeds(seeds_for)


# %% tags=["solution"]
def seeds_for(variants: int) -> int:
    pairs = variants * (variants - 1) // 2
    seeds = 1
    while pairs * 2 / 2**seeds >= 0.05:
        seeds += 1
    return seeds


check_seeds(seeds_for)

# %% [markdown]
# ## What the comparison says about the twins
#
# Now the A/A test. This is the pair of the twins:

# %%
for pair, verdict in zip(comparison.pairs, comparison.verdicts, strict=True):
    if {pair.a, pair.b} == {"tiny", "twin"}:
        print(f"{pair.a} is ahead in {pair.wins} of {pair.n} pairs, {pair.b} in {pair.losses}")
        print(f"verdict: {verdict.kind}")
        print(textwrap.fill(verdict.text, 80))

# %% [markdown]
# There is a difference, as always. What counts is the verdict. *Not distinguishable* is the right
# answer here, and the method gives it at least nineteen times in twenty. In the twentieth case,
# twins too are called different. Note that the sentence does not say that the two are equal,
# although we know it. It says that so many seeds cannot distinguish them, and how large a
# difference could have been missed.
#
# The other verdicts here are *better* and *too few seeds*. [Significance on one
# page](../explanation/significance.md) has all verdicts in one table.
#
# ## Choose by val, report test
#
# A comparison ends with a choice. [`best`][cifarkit.Comparison.best] makes it on the validation
# pictures, by the mean over the seeds:

# %%
print(comparison.best())
for name in ("linear", "tiny", "twin"):
    scores = [outcome.val_accuracy for outcome in comparison.of(name)]
    print(f"{name:<6} {sum(scores) / len(scores):.1%} of {len(data.val)} val pictures")

# %% [markdown]
# It refuses to choose by test. The variant that comes first on the test pictures was also a little
# lucky on them, and on new pictures it will not be. The test accuracy is honest only if nothing was
# chosen by it.

# %%
try:
    comparison.best("test_accuracy")
except ck.SelectionError as error:
    print(error)

# %% [markdown]
# ## The page to hand in
#
# [`write_report`][cifarkit.write_report] writes everything into one page, which opens in any
# browser and needs no other file. [`to_csv`][cifarkit.Comparison.to_csv] writes one row for each
# run, for your own calculations. Neither overwrites an existing file, so the code uses a new
# folder.

# %%
folder = Path(tempfile.mkdtemp())
page = ck.write_report(comparison, path=folder / "comparison.html")
comparison.to_csv(folder / "runs.csv")
print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB")
print((folder / "runs.csv").read_text(encoding="utf-8").splitlines()[0])

# %% [markdown]
# ## What it does not show
#
# The last lines of the comparison belong in your text too. Here are the most important ones in
# other words:
#
# - These are few synthetic pictures, and short trainings. With CIFAR-10 and longer training the
#   order may be different.
# - All variants were trained with one recipe. A learning rate that is good for one may be bad for
#   another.
# - `tiny` differs from `linear` in everything, because the builder is different. So you cannot say
#   which part made the difference. For that, change one thing at a time.
# - *Not distinguishable* is not *equal*.
#
# ## Where to go from here
#
# - The [seed machine](../explorers/seed-machine.md) draws seeds of two variants, and you watch the
#   test and its verdict change.
# - Compare `baseline`, `batchnorm`, `augmented` and `deeper` with `seeds=10` overnight. [Compare
#   variants](../how-to/compare-variants.md) shows how, on the command line too.
# - [Register your own network](09_your_own_model.md), which differs from the baseline in one
#   factor, and compare the two.
# - [Significance on one page](../explanation/significance.md) has the sources, and measurements of
#   how often the method is wrong.
