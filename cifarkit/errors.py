"""All errors that cifarkit raises on purpose.

Each is a `CifarkitError` and also the builtin a Python programmer would expect, so both
`except ck.DataError` and `except ValueError` work::

    CifarkitError
    ├── DataError (ValueError)            pictures, labels, folders, archives
    │   └── DownloadError (OSError)       the archive could not be fetched
    ├── RecipeError (ValueError)          a value that no training can use
    │   └── UnknownFieldError (UnknownArgumentError)  a field that the value does not have
    ├── UnknownArgumentError (TypeError)  a call that does not fit what was called
    ├── UnknownAttributeError (AttributeError)  a name that cifarkit does not have
    ├── RegistryError
    │   ├── UnknownModelError (KeyError)  no variant of that name
    │   ├── DuplicateModelError (ValueError)
    │   └── ModelNameError (ValueError)
    ├── ModelContractError (TypeError)    a builder or network that breaks the contract
    ├── TrainingError (RuntimeError)
    │   ├── NonFiniteLossError            the loss became NaN or infinite
    │   ├── OutOfMemoryError (MemoryError)  the batches are too large for this machine
    │   ├── SelectionError (ValueError)   something would select on what must not select
    │   └── CallbackError                 a callback raised
    ├── ComparisonError (ValueError)      a comparison that cannot be made as it was asked for
    ├── CheckpointError (ValueError)      a weights file that cannot be trusted or does not fit
    ├── RunFolderError (OSError)          a run folder, or file, that cannot be written or read
    ├── ExportError (RuntimeError)        a network that cannot be written in another format
    └── InstallError (ImportError)        a package is missing or does not match another

A message says what was found, what is allowed, and what to do next.
"""

from __future__ import annotations

__all__ = [
    "CallbackError",
    "CheckpointError",
    "CifarkitError",
    "CifarkitWarning",
    "ComparisonError",
    "DataError",
    "DownloadError",
    "DuplicateModelError",
    "ExportError",
    "InstallError",
    "ModelContractError",
    "ModelNameError",
    "NonFiniteLossError",
    "OutOfMemoryError",
    "RecipeError",
    "RegistryError",
    "RunFolderError",
    "SelectionError",
    "TrainingError",
    "UnknownArgumentError",
    "UnknownAttributeError",
    "UnknownFieldError",
    "UnknownModelError",
]


class CifarkitError(Exception):
    """Base of every error raised on purpose."""

    @property
    def pointer(self) -> str:
        """The line below a message that names the section of the documentation about it."""
        kind = next(kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        return f"`cifarkit docs` explains it: reference/errors.html#cifarkit.{kind.__name__}"

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: IPython asks an error for it."""
        from IPython import get_ipython  # which is there, for it is IPython that asks

        tracebacks = get_ipython().InteractiveTB
        shown = tracebacks.structured_traceback(type(self), self, self.__traceback__, tb_offset=1)
        return [*shown, self.pointer]


class DataError(CifarkitError, ValueError):
    """Pictures, labels, a folder or an archive that cannot be used."""


class DownloadError(DataError, OSError):
    """The archive of a data set could not be fetched."""


class RecipeError(CifarkitError, ValueError):
    """A recipe, optimiser, schedule or augmentation with a value no training can use."""


class UnknownArgumentError(CifarkitError, TypeError):
    """A call does not fit what was called; the message says what to write."""


class UnknownAttributeError(CifarkitError, AttributeError):
    """There is nothing of that name; the message says where it is found."""


class UnknownFieldError(RecipeError, UnknownArgumentError):
    """A recipe, or another value, has no field of that name; the message says where it is set."""


class RegistryError(CifarkitError):
    """Something is wrong with a registration or a look-up."""


class UnknownModelError(RegistryError, KeyError):
    """No variant is registered under that name."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message, quotes and escapes included.
        return str(self.args[0]) if self.args else ""


class DuplicateModelError(RegistryError, ValueError):
    """The name belongs to another builder."""


class ModelNameError(RegistryError, ValueError):
    """The name is not of the allowed form."""


class ModelContractError(CifarkitError, TypeError):
    """A builder or a network does not do what every variant must do."""


class TrainingError(CifarkitError, RuntimeError):
    """Training could not start or could not go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; the message says which weights are left."""


class OutOfMemoryError(TrainingError, MemoryError):
    """Memory ran out in training; everything saved before is safe."""


class SelectionError(TrainingError, ValueError):
    """Something would select on a column that is unknown or must not select, such as test."""


class CallbackError(TrainingError):
    """A callback raised; the cause is chained."""


class ComparisonError(CifarkitError, ValueError):
    """A comparison that cannot be made as it was asked for."""


class CheckpointError(CifarkitError, ValueError):
    """Weights or a checkpoint that cannot be read, or belong to another network or run."""


class RunFolderError(CifarkitError, OSError):
    """A run folder or a user's file cannot be made or read, or would be overwritten."""


class ExportError(CifarkitError, RuntimeError):
    """A network cannot be written in another format, or computes something else there."""


class InstallError(CifarkitError, ImportError):
    """An installed package is missing or does not match another."""


class CifarkitWarning(UserWarning):
    """Something works, but probably not as meant; the text says how to mend it."""
