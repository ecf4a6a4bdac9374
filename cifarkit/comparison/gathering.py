"""The outcomes of a comparison's jobs, and why some have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from cifarkit.comparison.job_training import JobResult
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.outcomes import Outcome
from cifarkit.errors import RunFolderError

__all__ = ["Gathered"]


@dataclass
class Gathered:
    """Runs that can be used, and a sentence for each that cannot.

    Args:
        labels: the test set's labels, `images`.
        outcomes: of the runs that were added.
        failures: why the other runs are missing.
    """

    labels: torch.Tensor
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, jobs: Iterable[Job], results: Mapping[Job, JobResult]) -> None:
        """Read the runs of jobs that are over.

        Args:
            jobs: the jobs.
            results: how those ended that were trained in this comparison.
        """
        for job in jobs:
            if not job.is_done and results[job].error:
                continue
            try:
                outcome = Outcome.of(job.variant, job.seed, job.folder, self.labels)
            except RunFolderError as error:
                self.failures.append(f"{job.name}: {error}")
                continue
            if first := self._original(outcome):
                self.failures.append(
                    f"{job.name}: its logits in {str(job.folder)!r} are the same as in "
                    f"{str(first.folder)!r}. One folder is a copy under another seed; delete the "
                    "copy"
                )
                continue
            self.outcomes.append(outcome)

    def _original(self, outcome: Outcome) -> Outcome | None:
        """Return the run of the same variant that has the same logits, under any seed."""
        predictions = outcome.test_predictions
        for other in self.outcomes:
            is_same_variant = other.variant.name == outcome.variant.name
            if is_same_variant and predictions.has_same_logits_as(other.test_predictions):
                return other
        return None
