"""What should not be overlooked in a series, one sentence each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.reports.sweep.records import Record
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.files import at


def weights_notes(results: Results, files: Mapping[str, Record]) -> list[str]:
    """Checkpoints that are one and the same: a revision that fell back, a copied folder."""
    same: dict[str, list[Record]] = defaultdict(list)
    for row in results.runs.to_dict("records"):
        if row["fingerprint"]:
            same[str(row["fingerprint"])].append(files[row["source"]])
    return [
        f"{_labels(records)} have the same weights (fingerprint {fingerprint}); a series should "
        "not."
        for fingerprint, records in same.items()
        if len(records) > 1
    ]


def version_notes(runs: Mapping[str, Mapping[str, Any]], files: Mapping[str, Record]) -> list[str]:
    """Libraries that were not the same for all checkpoints."""
    notes = []
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for path, content in runs.items():
        versions = at(content, "config", "neuronxa", "versions")
        told = dict(versions) if isinstance(versions, dict) else {}
        told.setdefault("lm_eval", content.get("lm_eval_version"))
        told.setdefault("transformers", content.get("transformers_version"))
        for name, version in told.items():
            found[str(name)][str(version)].append(files[path])
    for name, by_version in sorted(found.items()):
        if len(by_version) > 1:
            told_versions = "; ".join(
                f"{version} for {_labels(records)}" for version, records in by_version.items()
            )
            notes.append(f"The runs had several versions of {name}: {told_versions}.")
    return notes


def _labels(records: Sequence[Record]) -> str:
    labels = [record.checkpoint.label for record in records]
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
