"""Image classification on CIFAR-10, from scratch, readable and honest.

Every public name is here, and flat: `import cifarkit as ck`, then `ck.train("baseline", data)`.
Names are found when they are first used (PEP 562), so importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors and type checkers see; `_HOME` below is what runs
    from cifarkit import plots as plots
    from cifarkit.annotations import Range as Range
    from cifarkit.comparison.compare import compare as compare
    from cifarkit.comparison.comparison import Comparison as Comparison
    from cifarkit.comparison.outcomes import Outcome as Outcome
    from cifarkit.comparison.pairs import Pair as Pair
    from cifarkit.comparison.verdicts import Verdict as Verdict
    from cifarkit.data.arrays import load_arrays as load_arrays
    from cifarkit.data.augmentations import AlternatingFlip as AlternatingFlip
    from cifarkit.data.augmentations import Augmentation as Augmentation
    from cifarkit.data.augmentations import Crop as Crop
    from cifarkit.data.augmentations import Cutout as Cutout
    from cifarkit.data.augmentations import Flip as Flip
    from cifarkit.data.augmentations import GrowingCrop as GrowingCrop
    from cifarkit.data.batches import Batch as Batch
    from cifarkit.data.batches import training_batches as training_batches
    from cifarkit.data.cifar import load_cifar10 as load_cifar10
    from cifarkit.data.cifar import load_cifar100 as load_cifar100
    from cifarkit.data.datasets import load_dataset as load_dataset
    from cifarkit.data.draw import Draw as Draw
    from cifarkit.data.image_folder import load_image_folder as load_image_folder
    from cifarkit.data.image_set import ImageSet as ImageSet
    from cifarkit.data.image_set import to_bytes as to_bytes
    from cifarkit.data.image_set import to_floats as to_floats
    from cifarkit.data.label_file import load_label_file as load_label_file
    from cifarkit.data.sources import load_data as load_data
    from cifarkit.data.splits import Splits as Splits
    from cifarkit.data.synthetic import load_synthetic as load_synthetic
    from cifarkit.data.transform import Transform as Transform
    from cifarkit.data.views import TestTimeAugmentation as TestTimeAugmentation
    from cifarkit.errors import CallbackError as CallbackError
    from cifarkit.errors import CheckpointError as CheckpointError
    from cifarkit.errors import CifarkitError as CifarkitError
    from cifarkit.errors import CifarkitWarning as CifarkitWarning
    from cifarkit.errors import ComparisonError as ComparisonError
    from cifarkit.errors import DataError as DataError
    from cifarkit.errors import DownloadError as DownloadError
    from cifarkit.errors import DuplicateModelError as DuplicateModelError
    from cifarkit.errors import InstallError as InstallError
    from cifarkit.errors import ModelContractError as ModelContractError
    from cifarkit.errors import ModelNameError as ModelNameError
    from cifarkit.errors import NonFiniteLossError as NonFiniteLossError
    from cifarkit.errors import OutOfMemoryError as OutOfMemoryError
    from cifarkit.errors import RecipeError as RecipeError
    from cifarkit.errors import RegistryError as RegistryError
    from cifarkit.errors import RunFolderError as RunFolderError
    from cifarkit.errors import SelectionError as SelectionError
    from cifarkit.errors import TrainingError as TrainingError
    from cifarkit.errors import UnknownArgumentError as UnknownArgumentError
    from cifarkit.errors import UnknownAttributeError as UnknownAttributeError
    from cifarkit.errors import UnknownFieldError as UnknownFieldError
    from cifarkit.errors import UnknownModelError as UnknownModelError
    from cifarkit.evaluation.calibration import Calibration as Calibration
    from cifarkit.evaluation.calibration import calibrate as calibrate
    from cifarkit.evaluation.evaluation import Evaluation as Evaluation
    from cifarkit.evaluation.evaluation import evaluate as evaluate
    from cifarkit.evaluation.intervals import ConfidenceInterval as ConfidenceInterval
    from cifarkit.evaluation.intervals import Interval as Interval
    from cifarkit.evaluation.intervals import Span as Span
    from cifarkit.evaluation.intervals import wilson_interval as wilson_interval
    from cifarkit.evaluation.mistakes import ConfusedPair as ConfusedPair
    from cifarkit.evaluation.mistakes import confused_pairs as confused_pairs
    from cifarkit.evaluation.mistakes import top_losses as top_losses
    from cifarkit.evaluation.predictions import Prediction as Prediction
    from cifarkit.evaluation.predictions import Predictions as Predictions
    from cifarkit.evaluation.predictions import predict as predict
    from cifarkit.findings import Finding as Finding
    from cifarkit.models.conformance.check import check_model as check_model
    from cifarkit.models.conformance.report import ConformanceReport as ConformanceReport
    from cifarkit.models.dropout import Dropout as Dropout
    from cifarkit.models.registry import Registry as Registry
    from cifarkit.models.registry import create_model as create_model
    from cifarkit.models.registry import get_variant as get_variant
    from cifarkit.models.registry import list_models as list_models
    from cifarkit.models.registry import register_model as register_model
    from cifarkit.models.summary import LayerSummary as LayerSummary
    from cifarkit.models.summary import ModelSummary as ModelSummary
    from cifarkit.models.summary import summary as summary
    from cifarkit.models.variant import Variant as Variant
    from cifarkit.models.winograd import WinogradConv2d as WinogradConv2d
    from cifarkit.randomness import generator_for as generator_for
    from cifarkit.randomness import seed_for as seed_for
    from cifarkit.randomness import seeded as seeded
    from cifarkit.recipes.initializations import Initialization as Initialization
    from cifarkit.recipes.initializations import Whitening as Whitening
    from cifarkit.recipes.optimizers import SGD as SGD
    from cifarkit.recipes.optimizers import Adam as Adam
    from cifarkit.recipes.optimizers import AdamW as AdamW
    from cifarkit.recipes.optimizers import Muon as Muon
    from cifarkit.recipes.optimizers import Optimizer as Optimizer
    from cifarkit.recipes.recipe import Recipe as Recipe
    from cifarkit.recipes.schedules import Constant as Constant
    from cifarkit.recipes.schedules import Cosine as Cosine
    from cifarkit.recipes.schedules import Linear as Linear
    from cifarkit.recipes.schedules import OneCycle as OneCycle
    from cifarkit.recipes.schedules import Schedule as Schedule
    from cifarkit.recipes.schedules import Step as Step
    from cifarkit.report.page import write_report as write_report
    from cifarkit.runs.folder import load_run as load_run
    from cifarkit.runs.history import History as History
    from cifarkit.runs.run import Run as Run
    from cifarkit.runs.test_access import Looks as Looks
    from cifarkit.runs.test_access import looks_at_test as looks_at_test
    from cifarkit.runs.test_access import score_on_test as score_on_test
    from cifarkit.runs.test_predictions import Receipt as Receipt
    from cifarkit.runs.weights import import_weights as import_weights
    from cifarkit.runs.weights import load_weights as load_weights
    from cifarkit.training.callback import Callback as Callback
    from cifarkit.training.callbacks.checkpoint import Checkpoint as Checkpoint
    from cifarkit.training.callbacks.early_stopping import EarlyStopping as EarlyStopping
    from cifarkit.training.callbacks.gradient_clip import GradientClip as GradientClip
    from cifarkit.training.callbacks.lr_finder import LRFinder as LRFinder
    from cifarkit.training.callbacks.mixup import Mixup as Mixup
    from cifarkit.training.progress.progress import Progress as Progress
    from cifarkit.training.train import train as train
    from cifarkit.training.trainer import Trainer as Trainer
    from cifarkit.values import Value as Value
    from cifarkit.verification.leaderboard import Leaderboard as Leaderboard
    from cifarkit.verification.leaderboard import leaderboard as leaderboard
    from cifarkit.verification.standing import Standing as Standing
    from cifarkit.verification.verify import Verification as Verification
    from cifarkit.verification.verify import verify as verify

__version__ = "0.1.0"

# Where each public name lives, in the order of the floors.
_HOME = {
    "Finding": "cifarkit.findings",
    "Range": "cifarkit.annotations",
    "Value": "cifarkit.values",
    "CallbackError": "cifarkit.errors",
    "CheckpointError": "cifarkit.errors",
    "CifarkitError": "cifarkit.errors",
    "CifarkitWarning": "cifarkit.errors",
    "ComparisonError": "cifarkit.errors",
    "DataError": "cifarkit.errors",
    "DownloadError": "cifarkit.errors",
    "DuplicateModelError": "cifarkit.errors",
    "InstallError": "cifarkit.errors",
    "ModelContractError": "cifarkit.errors",
    "ModelNameError": "cifarkit.errors",
    "NonFiniteLossError": "cifarkit.errors",
    "OutOfMemoryError": "cifarkit.errors",
    "RecipeError": "cifarkit.errors",
    "RegistryError": "cifarkit.errors",
    "RunFolderError": "cifarkit.errors",
    "SelectionError": "cifarkit.errors",
    "TrainingError": "cifarkit.errors",
    "UnknownArgumentError": "cifarkit.errors",
    "UnknownAttributeError": "cifarkit.errors",
    "UnknownFieldError": "cifarkit.errors",
    "UnknownModelError": "cifarkit.errors",
    "generator_for": "cifarkit.randomness",
    "seed_for": "cifarkit.randomness",
    "seeded": "cifarkit.randomness",
    "load_arrays": "cifarkit.data.arrays",
    "AlternatingFlip": "cifarkit.data.augmentations",
    "Augmentation": "cifarkit.data.augmentations",
    "Crop": "cifarkit.data.augmentations",
    "Cutout": "cifarkit.data.augmentations",
    "Flip": "cifarkit.data.augmentations",
    "GrowingCrop": "cifarkit.data.augmentations",
    "Batch": "cifarkit.data.batches",
    "training_batches": "cifarkit.data.batches",
    "load_cifar10": "cifarkit.data.cifar",
    "load_cifar100": "cifarkit.data.cifar",
    "load_dataset": "cifarkit.data.datasets",
    "Draw": "cifarkit.data.draw",
    "load_image_folder": "cifarkit.data.image_folder",
    "ImageSet": "cifarkit.data.image_set",
    "to_bytes": "cifarkit.data.image_set",
    "to_floats": "cifarkit.data.image_set",
    "load_label_file": "cifarkit.data.label_file",
    "load_data": "cifarkit.data.sources",
    "Splits": "cifarkit.data.splits",
    "load_synthetic": "cifarkit.data.synthetic",
    "Transform": "cifarkit.data.transform",
    "TestTimeAugmentation": "cifarkit.data.views",
    "Initialization": "cifarkit.recipes.initializations",
    "Whitening": "cifarkit.recipes.initializations",
    "SGD": "cifarkit.recipes.optimizers",
    "Adam": "cifarkit.recipes.optimizers",
    "AdamW": "cifarkit.recipes.optimizers",
    "Muon": "cifarkit.recipes.optimizers",
    "Optimizer": "cifarkit.recipes.optimizers",
    "Recipe": "cifarkit.recipes.recipe",
    "Constant": "cifarkit.recipes.schedules",
    "Cosine": "cifarkit.recipes.schedules",
    "Linear": "cifarkit.recipes.schedules",
    "OneCycle": "cifarkit.recipes.schedules",
    "Schedule": "cifarkit.recipes.schedules",
    "Step": "cifarkit.recipes.schedules",
    "check_model": "cifarkit.models.conformance.check",
    "ConformanceReport": "cifarkit.models.conformance.report",
    "Dropout": "cifarkit.models.dropout",
    "Registry": "cifarkit.models.registry",
    "create_model": "cifarkit.models.registry",
    "get_variant": "cifarkit.models.registry",
    "list_models": "cifarkit.models.registry",
    "register_model": "cifarkit.models.registry",
    "LayerSummary": "cifarkit.models.summary",
    "ModelSummary": "cifarkit.models.summary",
    "summary": "cifarkit.models.summary",
    "Variant": "cifarkit.models.variant",
    "WinogradConv2d": "cifarkit.models.winograd",
    "Calibration": "cifarkit.evaluation.calibration",
    "calibrate": "cifarkit.evaluation.calibration",
    "Evaluation": "cifarkit.evaluation.evaluation",
    "evaluate": "cifarkit.evaluation.evaluation",
    "ConfidenceInterval": "cifarkit.evaluation.intervals",
    "Interval": "cifarkit.evaluation.intervals",
    "Span": "cifarkit.evaluation.intervals",
    "wilson_interval": "cifarkit.evaluation.intervals",
    "ConfusedPair": "cifarkit.evaluation.mistakes",
    "confused_pairs": "cifarkit.evaluation.mistakes",
    "top_losses": "cifarkit.evaluation.mistakes",
    "Prediction": "cifarkit.evaluation.predictions",
    "Predictions": "cifarkit.evaluation.predictions",
    "predict": "cifarkit.evaluation.predictions",
    "Callback": "cifarkit.training.callback",
    "Checkpoint": "cifarkit.training.callbacks.checkpoint",
    "EarlyStopping": "cifarkit.training.callbacks.early_stopping",
    "GradientClip": "cifarkit.training.callbacks.gradient_clip",
    "LRFinder": "cifarkit.training.callbacks.lr_finder",
    "Mixup": "cifarkit.training.callbacks.mixup",
    "History": "cifarkit.runs.history",
    "Progress": "cifarkit.training.progress.progress",
    "Run": "cifarkit.runs.run",
    "load_run": "cifarkit.runs.folder",
    "Looks": "cifarkit.runs.test_access",
    "Receipt": "cifarkit.runs.test_predictions",
    "looks_at_test": "cifarkit.runs.test_access",
    "score_on_test": "cifarkit.runs.test_access",
    "train": "cifarkit.training.train",
    "Trainer": "cifarkit.training.trainer",
    "import_weights": "cifarkit.runs.weights",
    "load_weights": "cifarkit.runs.weights",
    "compare": "cifarkit.comparison.compare",
    "Comparison": "cifarkit.comparison.comparison",
    "Outcome": "cifarkit.comparison.outcomes",
    "Pair": "cifarkit.comparison.pairs",
    "Verdict": "cifarkit.comparison.verdicts",
    "Leaderboard": "cifarkit.verification.leaderboard",
    "Standing": "cifarkit.verification.standing",
    "leaderboard": "cifarkit.verification.leaderboard",
    "Verification": "cifarkit.verification.verify",
    "verify": "cifarkit.verification.verify",
    "plots": "cifarkit.plots",
    "write_report": "cifarkit.report.page",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        from cifarkit.errors import UnknownAttributeError
        from cifarkit.guidance import lacking

        raise UnknownAttributeError(lacking("cifarkit", name, __all__))
    module = importlib.import_module(home)
    found = module if name == "plots" else getattr(module, name)
    globals()[name] = found  # the next look-up does not come here
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
