"""Train the assignment's network once, in the way of one contender, and print what it took.

All train the same network by the same recipe on the same pictures: cross-entropy, Adam at 1e-3,
batches of 64. `stock` is the loop of the tutorials; each peer is fed as its own documentation
does it fastest from memory, with tensors that are already scaled. skorch has no switch for
bfloat16.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import cifarkit as ck
from cifarkit.training.engine.memory import retained_memory

BATCH, SEED = 64, 0
Train = Callable[[int, int], nn.Module | Callable[[Tensor], Tensor]]


def assignment_network() -> nn.Module:
    """Return the network as the assignment writes it."""
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(4096, 512), nn.ReLU()),
        *(nn.Dropout(0.25), nn.Linear(512, 10)),
    )


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures as torchvision's data sets give them: PIL, through transforms, one by one."""

    def __init__(self, part: ck.ImageSet) -> None:
        from torchvision.transforms import v2

        self.pixels = part.images.permute(0, 2, 3, 1).numpy()
        self.labels = part.labels.tolist()
        scale = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
        self.transform = v2.Compose([*scale, v2.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def loop(model: nn.Module, loader: object, epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        for images, labels in loader:  # type: ignore[attr-defined]
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def floats(part: ck.ImageSet) -> tuple[Tensor, Tensor]:
    return ck.to_floats(part.images), part.labels


def stock(data: ck.Splits, epochs: int) -> tuple[float, nn.Module]:
    model = assignment_network()
    loader = DataLoader(Pictures(data.train), batch_size=BATCH, shuffle=True)
    begin = time.perf_counter()
    loop(model, loader, epochs)
    return time.perf_counter() - begin, model


def first_network() -> nn.Module:
    with ck.seeded("weights", SEED):
        return ck.create_model("baseline")


def bare(data: ck.Splits, epochs: int) -> tuple[float, nn.Module]:
    """Do cifarkit's arithmetic by hand, with nobody listening and nothing recorded.

    First weights, order and dropout are keyed as cifarkit keys them, so both end at the same bits.
    """
    model = first_network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()
    train = data.train
    with retained_memory():
        begin = time.perf_counter()
        for epoch in range(epochs):
            order = torch.randperm(len(train), generator=ck.generator_for("order", SEED, epoch))
            for step, places in enumerate(order.split(BATCH)):
                torch.default_generator.manual_seed(ck.seed_for("dropout", SEED, epoch, step))
                images = train.images[places].contiguous(memory_format=torch.channels_last)
                loss = F.cross_entropy(model(ck.to_floats(images)), train.labels[places])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return time.perf_counter() - begin, model


def cifarkit(data: ck.Splits, epochs: int, precision: str = "float32") -> tuple[float, nn.Module]:
    model = first_network()
    recipe = ck.Recipe(epochs=epochs, batch_size=BATCH, precision=precision)
    trainer = ck.Trainer(recipe, seed=SEED)
    begin = time.perf_counter()
    trainer.fit(model, data)
    return time.perf_counter() - begin, model


def lightning(data: ck.Splits, epochs: int, precision: str = "32-true") -> tuple[float, nn.Module]:
    import logging

    import lightning as lit

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lit.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = assignment_network()

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    module = Module()
    loader = DataLoader(TensorDataset(*floats(data.train)), batch_size=BATCH, shuffle=True)
    trainer = lit.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    begin = time.perf_counter()
    trainer.fit(module, loader)
    return time.perf_counter() - begin, module.model


def skorch(data: ck.Splits, epochs: int) -> tuple[float, nn.Module]:
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        assignment_network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    images, labels = (part.numpy() for part in floats(data.train))
    begin = time.perf_counter()
    net.fit(images, labels)
    return time.perf_counter() - begin, net.module_


def keras(
    data: ck.Splits, epochs: int, policy: str = "float32"
) -> tuple[float, Callable[[Tensor], Tensor]]:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as k
    from keras import layers

    k.config.set_dtype_policy(policy)
    k.config.set_image_data_format("channels_first")  # what its torch backend runs fastest on
    model = k.Sequential(
        [
            k.Input((3, 32, 32)),
            *(layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            *(layers.Conv2D(64, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            *(layers.Dropout(0.25), layers.Flatten(), layers.Dense(512, activation="relu")),
            *(layers.Dropout(0.25), layers.Dense(10)),
        ]
    )
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=k.optimizers.Adam(1e-3), loss=loss)
    images, labels = (part.numpy() for part in floats(data.train))
    begin = time.perf_counter()
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - begin

    def answer(images: Tensor) -> Tensor:  # its own predict cannot turn bfloat16 into NumPy's
        with torch.no_grad():
            return torch.cat([model(part, training=False) for part in images.split(500)])

    return seconds, answer


def accuracy(model: nn.Module | Callable[[Tensor], Tensor], test: ck.ImageSet) -> float:
    if isinstance(model, nn.Module):
        return ck.evaluate(model, test).accuracy
    logits = model(ck.to_floats(test.images))
    return (logits.argmax(1).cpu() == test.labels).double().mean().item()


def spread(images: ck.ImageSet, count: int) -> ck.ImageSet:
    """Return so many images at equal distances: those of a folder lie class by class."""
    return images.subset([number * len(images) // count for number in range(count)])


def main() -> None:
    contenders = {one.__name__: one for one in (stock, bare, cifarkit, lightning, skorch, keras)}
    contenders |= {
        "cifarkit, bfloat16": partial(cifarkit, precision="bfloat16"),
        "lightning, bfloat16": partial(lightning, precision="bf16-mixed"),
        "keras, bfloat16": partial(keras, policy="mixed_bfloat16"),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=contenders)
    parser.add_argument("--round", type=int, help="not used")
    parser.add_argument("--data", default="synthetic", help="as cifarkit's own --data")
    parser.add_argument("--images", type=int, default=6_400)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers' own
    data = ck.load_data(given.data)
    data, few = (
        ck.Splits(spread(data.train, count), None, data.test, data.name)
        for count in (given.images, 10 * BATCH)
    )
    torch.manual_seed(SEED)
    contenders[given.contender](few, 1)  # warms the caches up, of memory and of code
    seconds, model = contenders[given.contender](data, given.epochs)
    numbers = {
        "images/s": given.epochs * given.images / seconds,
        "test accuracy": accuracy(model, data.test),
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
