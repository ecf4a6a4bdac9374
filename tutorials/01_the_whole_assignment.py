# %% [markdown]
# # The whole assignment
#
# Your assignment is to teach a network to tell ten kinds of small pictures apart, and to show how
# well it does. This page goes through all of it once: data, network, training, curves, mistakes,
# and three changes that might help. There are three exercises, each with a check that tells you
# whether your answer is right.
#
# You need Python, and a little patience: on two processor cores everything below takes about a
# minute. You need no network and no graphics card.

# %%
import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, exercise, is_close

# %% [markdown]
# Four numbers decide how long everything takes. They are small, so that you see something soon.
# Raise them when the rest works.

# %%
N_TRAIN = 1_200  # pictures to learn from
N_VAL = 200  # of these, set aside to choose by
N_TEST = 500  # pictures to be judged on
EPOCHS = 4  # how often to go through the training pictures

# %% [markdown]
# ## The data
#
# The assignment is about CIFAR-10: 60,000 colour photographs, 32 by 32 pixels, in ten classes such
# as cat, ship and truck. Downloading it can take a while, so we start with pictures that cifarkit
# draws itself: ten classes of shapes, in the same format. They are called the **synthetic** set.
# When everything works, change this one line to `data = ck.load_cifar10()` and run it all again.

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)
print(", ".join(data.classes))

# %% [markdown]
# There are three sets, and no picture is in two of them:
#
# - **train**: what the network learns from;
# - **val**, for validation: what *you* may look at, to choose between networks or to decide when to
#   stop;
# - **test**: what the final number is reported on, once everything has been chosen.
#
# <!-- diagram: splits -->
#
# Results on the synthetic set say nothing about CIFAR-10. It is for practice.
#
# ### What a network sees
#
# A picture is stored as bytes, whole numbers from 0 to 255: three channels (red, green, blue) of
# 32 rows and 32 columns. Networks learn better from small numbers around zero, so a picture is
# scaled to [-1, 1] on its way in: byte 0 becomes -1, byte 255 becomes 1.

# %%
image, label = data.train[0]
print("stored:", data.train.images.dtype, tuple(data.train.images.shape))
print("seen:  ", image.dtype, tuple(image.shape))
print(f"values: {image.min():.2f} to {image.max():.2f}")
print("label: ", label, "which is", data.classes[label])

# %% [markdown]
# A network does not see one picture at a time but a **batch** of them. Each batch gives one small
# step of learning. [`training_batches`][cifarkit.training_batches] divides the training pictures
# into batches, in another order each epoch. An **epoch** is one pass through all of them.

# %%
batch = next(ck.training_batches(data.train, batch_size=8, seed=0, epoch=0))
print("images: ", tuple(batch.images.shape))
print("targets:", batch.targets.tolist())
print("that is:", ", ".join(data.classes[target] for target in batch.targets))

# %% [markdown]
# Always look at your data before you train on it. To show a picture, you have to scale it back to
# bytes. If you forget this, it looks too dark. [`plots.samples`][cifarkit.plots.samples] does it
# for you. It also chooses its pictures at random, so that nobody can pick the pretty ones. In a
# notebook the figure appears below the cell. In a script, end with `matplotlib.pyplot.show()`.

# %%
figure = ck.plots.samples(data.train, n=16)

# %% [markdown]
# ## The network
#
# The baseline is the network of the assignment: two **convolutions**, each followed by a pooling
# that halves rows and columns, then two linear layers. A convolution slides a small window over the
# picture and computes the same weighted sum everywhere. The last layer gives ten **logits**, one
# score for each class. The class with the highest score is the network's answer.
#
# <!-- diagram: convolution -->
#
# Pooling keeps the largest number of each square of 2 by 2.
#
# <!-- diagram: pooling -->

# %%
print(ck.summary("baseline"))

# %% [markdown]
# `batch 32 16 16` means: for each picture of the batch, 32 channels of 16 rows and 16 columns.
# **Parameters** are the numbers that learning changes. **Multiply-adds** count the arithmetic for
# one picture.
#
# ### Exercise 1: count the parameters of a convolution
#
# The first convolution has 896 parameters. It turns 3 channels into 32, with windows of 3 by 3
# pixels, and adds one number, its bias, to each output channel. Correct the formula.


# %%
def count_parameters(channels_in: int, channels_out: int, side: int) -> int:
    return channels_in * channels_out * side  # not yet: mend this


@exercise
def check_count(formula) -> str:
    layers = {layer.name: layer for layer in ck.summary("baseline").layers}
    for name, arguments in {"0": (3, 32, 3), "3": (32, 64, 3)}.items():
        found, wanted = as_number(formula(*arguments)), layers[name].parameters
        if found != wanted:
            raise NotYet(f"{arguments} needs {wanted:,}, yours says {found:,g}")
    return "Right, for both convolutions"


check_count(count_parameters)


# %% tags=["solution"]
def count_parameters(channels_in: int, channels_out: int, side: int) -> int:
    weights = channels_in * side * side * channels_out  # one window for each pair of channels
    return weights + channels_out  # and one bias for each output channel


check_count(count_parameters)

# %% [markdown]
# Note where most of the two million parameters are: not in the convolutions, but in the first
# linear layer.
#
# ## Training
#
# The **recipe** says how a network is trained: with which optimiser, at which learning rate, for
# how many epochs, in batches of which size. These settings are also called **hyperparameters**.

# %%
recipe = ck.get_variant("baseline").recipe
print(recipe.optimizer, recipe.schedule, sep="\n")
print(f"{recipe.epochs} epochs in batches of {recipe.batch_size}")

# %% [markdown]
# Training shows the network a batch and measures how wrong it is. This measure is the **loss**,
# here cross-entropy, which is 0 if the network is right and certain. Then training moves every
# parameter a little in the direction that makes the loss smaller. `show_progress=True` prints a
# line for each epoch. (A notebook or a terminal shows it anyway.) Our training set is small, so we
# take smaller batches than the recipe. This gives more steps in the same time.
#
# `track_test=True` also measures the test set after each epoch, because the assignment asks for
# that curve. **Look at it, but do not choose by it.** Suppose that you pick the epoch with the best
# test accuracy. Then the test set no longer tells you how the network does on new pictures, because
# you chose the epoch for these. cifarkit refuses to choose by a test column. [Val selects, test
# reports](../explanation/val-selects-test-reports.md) explains why.

# %%
run = ck.train(
    "baseline",
    data,
    epochs=EPOCHS,
    batch_size=32,
    track_test=True,
    show_progress=True,
)
print(run)

# %% [markdown]
# The first line is a simple check. A network that knows nothing gives each of ten classes the same
# probability, and its loss is ln 10 = 2.303. If the first loss is far from it, something is wrong.
#
# ## The curves

# %%
loss_axes = ck.plots.curves(run, "loss")
accuracy_axes = ck.plots.curves(run, "accuracy")

# %% [markdown]
# How do you read them? Both losses fall, so the network learns. If the train loss keeps falling
# while the val loss rises, the network has begun to learn its training pictures by heart. This is
# called **overfitting**. Train longer and you will see it.
#
# In the first epochs val can look *better* than train, and this is not a mistake. Train numbers are
# measured while the network is still changing. Also, **dropout** switches off a random part of the
# network during training, which makes the task harder. Val is measured at the end of the epoch with
# the whole network.
#
# The numbers behind the curves are in [`run.history`][cifarkit.History]:

# %%
print(run.history.columns)
for column in ("train_loss", "val_loss", "test_accuracy"):
    print(f"{column:<13}", [round(number, 3) for number in run.history.column(column)])

# %% [markdown]
# ## How good is it?
#
# Now we use the test set, once, to report. The accuracy has a **95 % confidence interval**, because
# another few hundred test pictures would give another number. The interval says how different that
# number could be.

# %%
evaluation = ck.evaluate(run.model, data.test)
print(evaluation)

# %% [markdown]
# One number hides much. The **classification report** has a line for each class. *Precision*: when
# the network says "ring", how often is that right? *Recall*: of all rings, how many did it find?
# *F1* is a mean of the two, and *support* is the number of pictures.

# %%
print(evaluation.report())

# %% [markdown]
# The **confusion matrix** shows which classes the network confuses. It has a row for each true
# class and a column for each answer. The grey diagonal has the right answers.

# %%
confusion_axes = ck.plots.confusion(evaluation)

# %% [markdown]
# ### Exercise 2: recall from the confusion matrix
#
# `evaluation.confusion` is that matrix, as counts. Compute the recall of one class from it.


# %%
def recall_of(confusion, label: int) -> float:
    return confusion[label, label]  # not yet: this is a count, not a share


@exercise
def check_recall(formula) -> str:
    for label, wanted in enumerate(evaluation.per_class["recall"]):
        found = as_number(formula(evaluation.confusion, label))
        if not is_close(found, wanted):
            name = data.classes[label]
            raise NotYet(f"{name} has recall {wanted:.3f}, yours says {found:.3f}")
    return f"Right, for all {len(data.classes)} classes"


check_recall(recall_of)


# %% tags=["solution"]
def recall_of(confusion, label: int) -> float:
    return confusion[label, label] / confusion[label].sum()  # the right ones, out of the row


check_recall(recall_of)

# %% [markdown]
# And these are pictures with the network's answers, again chosen at random. Wrong answers have a
# frame and a cross.

# %%
figure = ck.plots.predictions(evaluation, data.test, n=16)

# %% [markdown]
# ## Three changes that might help
#
# - **data augmentation**: each epoch shows the training pictures mirrored and shifted at random, so
#   that the network cannot learn them by heart;
# - **batch norm**: after each convolution the numbers are scaled to mean 0 and standard deviation
#   1, which often lets a network learn faster;
# - **deeper**: two convolutions in each stage, where the baseline has one.
#
# Each has a name, and differs from the baseline in exactly one factor. If you change two things at
# once, you cannot know which of them made the difference.

# %%
baseline = ck.get_variant("baseline")
for name in ("augmented", "batchnorm", "deeper"):
    for factor, (theirs, ours) in ck.get_variant(name).differs_from(baseline).items():
        print(f"{name}: {factor} is {ours}, not {theirs}")

# %%
runs = {"baseline": run}
for name in ("augmented", "batchnorm", "deeper"):
    runs[name] = ck.train(name, data, epochs=EPOCHS, batch_size=32)
    val = runs[name].history[-1]["val_accuracy"]
    print(f"{name:<10} {100 * val:.1f} % of {len(data.val)} val pictures right")

# %%
comparison_axes = ck.plots.curves(runs, "val_accuracy")

# %% [markdown]
# We compare on val, not on test: comparing is choosing.
#
# **Do not believe this figure yet.** These are short runs, on few pictures, each from a single
# **seed** (the number from which all random numbers of a run are drawn). Train the baseline again
# with `seed=1`, and it too has another accuracy. One run each proves nothing. A claim needs several
# seeds, and as many epochs as the recipe asks for.
#
# Each change needs time, so it may be behind the baseline here. Augmentation makes the training
# pictures harder, and helps late, when the baseline overfits. Batch norm normalises val pictures
# with running means. These follow the weights with a delay. A deeper network has more layers to
# train, and a few epochs may be too few for them.
#
# ### Exercise 3: your own variant
#
# Register a variant `"both"`: the network of `batchnorm`, trained on mirrored and shifted
# pictures. It should differ from `batchnorm` in `augment` and in nothing else.
# [`register_model`][cifarkit.register_model] gives a name to a builder (a function that returns a
# network), its options and a recipe; [use your own model](../how-to/your-own-model.md) shows how.


# %%
@exercise
def check_both() -> str:
    if "both" not in ck.list_models():
        raise NotYet("no variant is called 'both'")
    factors = sorted(ck.get_variant("both").differs_from(ck.get_variant("batchnorm")))
    if factors != ["augment"]:
        raise NotYet(f"it differs from 'batchnorm' in {', '.join(factors) or 'nothing'}")
    return "Right: one factor, augment"


check_both()

# %% tags=["solution"]
batchnorm = ck.get_variant("batchnorm")
register = ck.register_model(
    "both",
    recipe=ck.Recipe(augment=(ck.Flip(), ck.Crop(padding=4))),
    options=batchnorm.options,
    summary="batch norm, trained on mirrored and shifted pictures",
)
register(batchnorm.builder)

check_both()

# %% [markdown]
# ## Where to go from here
#
# - Raise the four numbers at the top. Or change the one line to CIFAR-10. It has 45,000 pictures to
#   train on, and each training takes minutes.
# - Keep a run: `ck.train(..., run_dir="runs/first")` writes [a folder](../reference/run-folder.md)
#   with weights, history and a record of everything that was done.
# - Hand it in: [`write_report`][cifarkit.write_report], or `cifarkit report RUN` on the command
#   line, writes one page with all of this.
# - Try [every other variant](../reference/variants.md), and then
#   [a model of your own](../how-to/your-own-model.md), and
#   [compare it with the baseline](../how-to/compare-variants.md).
