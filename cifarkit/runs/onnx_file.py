"""Write a network as an ONNX file for other programs, and prove that it computes the same.

ONNX is a file format that other runtimes read, without torch or Python: https://onnx.ai.
"""

from __future__ import annotations

import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cifarkit.data.image_set import ImageSet, to_floats
from cifarkit.data.labels import checked_names
from cifarkit.data.sources import load_data
from cifarkit.errors import DataError, ExportError, RunFolderError
from cifarkit.evaluation.evaluation import Floats, check_finite
from cifarkit.evaluation.inference import compute_logits
from cifarkit.evaluation.predictions import as_images
from cifarkit.evaluation.trained import check_not_splits
from cifarkit.extras import check_extra
from cifarkit.guidance import explains_arguments
from cifarkit.models.contract import check_network, grey_images
from cifarkit.runs.run import Run
from cifarkit.storage.atomic import atomic_path, check_new
from cifarkit.storage.folders import expanded
from cifarkit.tables import percent

__all__ = ["OnnxParity", "export_onnx"]

OPSET = 18  # the version of ONNX's operations that torch translates to
# The largest difference of a logit. Above 100 it is a share, because float32 has 7 digits.
LARGEST, LARGEST_SHARE = 1e-4, 1e-6
PICTURES, BATCH = 1_000, 100  # of the comparison
FEWEST = 3  # to compare a batch of one, and a larger batch
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class OnnxParity:
    """How closely an ONNX file agrees with the network that it was written from.

    Args:
        path: the path of the file.
        images: how many pictures were compared.
        largest_difference: the largest difference of two logits.
        agreement: the share of pictures for which both predict the same class, in [0, 1].
        opset: the version of ONNX's operations in the file.

    >>> print(OnnxParity(Path("model.onnx"), 1000, 2.4e-6, 1.0))
    model.onnx: on 1,000 pictures the logits differ by at most 2.4e-06, 100.0 % same class
    """

    path: Path
    images: int
    largest_difference: float
    agreement: float
    opset: int = OPSET

    def __str__(self) -> str:
        return (
            f"{self.path}: on {self.images:,} pictures the logits differ by at most "
            f"{self.largest_difference:.1e}, {percent(self.agreement)} same class"
        )


@explains_arguments("ck.export_onnx")
def export_onnx(
    model: nn.Module | Run,
    path: str | Path,
    images: Any = None,
    *,
    classes: Sequence[str] | None = None,
) -> OnnxParity:
    """Write a network as one ONNX file, if onnxruntime computes the same logits from it.

    The file takes `images`, float32 `batch 3 32 32` in [-1, 1], red first, for any batch, and gives
    `logits`, float32 `batch classes`. Its metadata has the names of the classes, as a JSON list
    under `classes`. It computes one view of a picture, without a recipe's `test_time`. The
    comparison is written beside it, as `model.onnx.json`.

    Args:
        model: a network, which is left as it is, or a run.
        path: the path of the new file, such as `"model.onnx"`.
        images: pictures for the comparison: an `ImageSet`, or anything that `ck.predict` takes. The
            first 1,000 are used; one or two are also used negated and mirrored. When None, the
            test images of the run's data.
        classes: the names of the classes; when None, the run's or the `ImageSet`'s names.

    Returns:
        How closely the file agrees with the network.

    Raises:
        InstallError: the packages of `pip install "cifarkit[onnx]"` are missing.
        ExportError: the network cannot be written, or the file's logits differ by more than 1e-4;
            nothing is left behind. Above 100, a millionth of the largest logit is allowed.
        DataError: there are no images for the comparison, or not one different name for each class.
        NonFiniteLossError: the network gives NaN or infinity for a picture.
        ModelContractError: it is not a network.
        RunFolderError: `path` names no file, or the file exists, or cannot be written.

    >>> from cifarkit.models.registry import create_model
    >>> export_onnx(create_model("linear"), "linear.onnx")
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: the data is not known here; give pictures to compare with: ...
    """
    network = model.model if isinstance(model, Run) else model
    check_network(network)
    target, report = _new_files(path)
    if images is None:
        images = _test_images(model)
    pictures = _as_seen(images)
    plain = _plain_copy(network)
    logits = compute_logits(plain, pictures).numpy()
    check_finite(logits)
    names = _names(classes, model, images, logits.shape[1])
    check_extra("onnx", PACKAGES)
    content = _as_onnx(plain, {"classes": json.dumps(names)} if names else {})
    parity = _compared(target, logits, _answers(content, pictures))
    facts = json.dumps(_facts(parity, names), indent=2) + "\n"
    try:
        with atomic_path(target) as file, atomic_path(report) as text:
            file.write_bytes(content)
            text.write_bytes(facts.encode())
    except OSError as error:
        raise RunFolderError(f"{str(target)!r} cannot be written: {error}") from error
    return parity


def _new_files(path: Any) -> tuple[Path, Path]:
    """Return the paths of the ONNX file and of its report.

    Raises:
        RunFolderError: `path` names no file, or one of the two exists.
    """
    if not isinstance(path, str | Path) or not Path(path).name:
        raise RunFolderError(f"path must name a new file, such as 'model.onnx'; found {path!r}")
    target = expanded(path)
    report = target.with_name(f"{target.name}.json")
    check_new(target)
    check_new(report)
    return target, report


def _test_images(model: nn.Module | Run) -> ImageSet:
    """Return the test images of a run's data.

    Raises:
        DataError: it is not a run, or its data has no name.
    """
    if isinstance(model, Run) and (source := model.facts.data.get("source")):
        return load_data(source).test
    raise DataError(
        "the data is not known here; give pictures to compare with: "
        "ck.export_onnx(model, path, data.test)"
    )


def _as_seen(images: Any) -> Tensor:
    """Return the pictures of the comparison, float32 `n 3 32 32` in [-1, 1]."""
    check_not_splits(images)
    pictures = as_images(images, None)[:PICTURES]
    if len(pictures) == 0:
        raise DataError("there is nothing to compare with: no images were given")
    pictures = pictures.cpu()
    floats = pictures if pictures.is_floating_point() else to_floats(pictures)
    return floats if len(floats) >= FEWEST else torch.cat([floats, -floats, floats.flip(3)])


def _names(
    classes: Sequence[str] | None, model: nn.Module | Run, images: Any, width: int
) -> list[str]:
    """Return the names of the classes; an empty list if they are not known."""
    if classes is None and isinstance(model, Run):
        classes = model.classes
    if classes is None and isinstance(images, ImageSet) and len(images.classes) == width:
        classes = images.classes
    if classes is None:
        return []
    names = checked_names(classes)
    if len(names) != width:
        raise DataError(f"the network knows {width} classes, but {len(names)} names were given")
    if len(set(names)) < width:
        raise DataError(f"classes must be different names, found {names!r}")
    return list(names)


def _plain_copy(network: nn.Module) -> nn.Module:
    """Return a copy in float32, on the CPU, in the contiguous layout and in evaluation mode."""
    with _explained("copied"):
        twin = copy.deepcopy(network).cpu().float()
        return twin.to(memory_format=torch.contiguous_format).eval()


def _as_onnx(network: nn.Module, about: dict[str, str]) -> bytes:
    """Return the content of a network's ONNX file, with these texts in its metadata."""
    batch = torch.export.Dim("batch")
    without_autocast = torch.autocast("cpu", enabled=False)  # a script's would be written, too
    with _explained("written as ONNX"), _quiet(), torch.no_grad(), without_autocast:
        program = torch.onnx.export(
            network,
            (grey_images(network, 2),),  # torch would treat a batch of one as a constant
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: batch},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        if program is None:
            raise TypeError("torch wrote no program")
        program.model.metadata_props.update(about)
        return bytes(program.model_proto.SerializeToString())


def _answers(content: bytes, pictures: Tensor) -> Floats:
    """Return the logits of onnxruntime, for a batch of one and for larger batches."""
    import onnxruntime

    with _explained("run by onnxruntime"):
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        parts = [part for part in (pictures[:1], *pictures[1:].split(BATCH)) if len(part)]
        return np.concatenate([session.run(["logits"], {"images": x.numpy()})[0] for x in parts])


def _compared(path: Path, ours: Floats, theirs: Floats) -> OnnxParity:
    """Compare logits `n classes` of the network and of its file.

    Raises:
        ExportError: they differ too much.
    """
    difference = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    allowed = max(LARGEST, LARGEST_SHARE * float(np.abs(ours).max()))
    if not difference <= allowed:  # NaN is refused, too
        raise ExportError(
            f"the ONNX file's logits differ from the network's by up to {difference:.2g}, allowed "
            f"is {allowed:.2g}; nothing was written. Look in the network's forward for a step that "
            "depends on the other pictures of a batch or on chance, and leave it out"
        )
    agreement = float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    return OnnxParity(path, len(ours), difference, agreement)


def _facts(parity: OnnxParity, names: list[str]) -> dict[str, Any]:
    """Return the content of `model.onnx.json`, as JSON types."""
    return {
        "input": "images: float32 batch 3 32 32 in [-1, 1], channels red, green, blue",
        "output": f"logits: float32 batch {len(names) or 'classes'}",
        "classes": names,
        "opset": parity.opset,
        "images": parity.images,
        "largest_difference": parity.largest_difference,
        "agreement": parity.agreement,
        "versions": {name: metadata.version(name) for name in ("cifarkit", "torch", *PACKAGES)},
    }


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn any error in a block into an ExportError: a network may raise anything.

    Raises:
        ExportError: names the first cause.
    """
    try:
        yield
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        first_line = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ExportError(
            f"the network cannot be {what}: {first_line}; write its forward in torch's operations, "
            "without choices that depend on the numbers in a batch"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the prints, logs and warnings of torch's exporter: its result is checked."""
    before = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
