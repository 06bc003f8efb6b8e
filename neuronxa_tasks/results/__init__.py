"""Results of the harness, of several models and versions, and published tables, as tidy frames."""

from __future__ import annotations

from neuronxa_tasks.results.files import read_samples
from neuronxa_tasks.results.frame import Results, read_results
from neuronxa_tasks.results.language_matrices import LanguagePairs, read_pairs
from neuronxa_tasks.results.naming.task_names import locate
from neuronxa_tasks.results.rivals import read_rivals
from neuronxa_tasks.results.tables.covariates import read_covariates

__all__ = [
    "LanguagePairs",
    "Results",
    "locate",
    "read_covariates",
    "read_pairs",
    "read_results",
    "read_rivals",
    "read_samples",
]
