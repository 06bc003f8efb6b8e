"""Results files as records of Every Eval Ever, schema 0.3.0 of the package every-eval-ever."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from neuronxa_tasks.names import SCORES, SHARES, metric_stem
from neuronxa_tasks.reports.charts import file_name
from neuronxa_tasks.reports.leaderboard.export_rows import ExportRow, Run
from neuronxa_tasks.reports.output import to_json

SCHEMA = "0.3.0"
CONFIDENCE = 0.95
"""Of the intervals in results files."""


def record_files(rows: Sequence[ExportRow], organisation: str, now: int) -> dict[str, bytes]:
    """One record per results file and model.

    Args:
        rows: see `export_rows`.
        organisation: that provides the data; the schema asks for it.
        now: seconds since 1970, when the records are made.

    Returns:
        Path below the output folder to content.
    """
    groups: dict[tuple[str, str], list[ExportRow]] = defaultdict(list)
    for row in rows:
        groups[(row.model, row.run.sha256)].append(row)
    return {
        f"{file_name(model)}/{digest[:16]}.json": to_json(record(found, organisation, now))
        for (model, digest), found in groups.items()
    }


def record(rows: Sequence[ExportRow], organisation: str, now: int) -> dict[str, Any]:
    """One record. Args as of `record_files`; all rows are of one model and file."""
    run, model = rows[0].run, rows[0].model
    made = {"evaluation_timestamp": str(int(run.date))} if math.isfinite(run.date) else {}
    owner = model.partition("/")[0] if "/" in model else ""
    first = owner.casefold() == organisation.casefold()
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"neuronxa/{model}/{run.sha256[:16]}",
        **made,
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "neuronxa-tasks",
            "source_type": "evaluation_run",
            "source_organization_name": organisation,
            "evaluator_relationship": "first_party" if first else "third_party",
            "additional_details": {"results_file_sha256": run.sha256},
        },
        "eval_library": {
            "name": "lm_eval",
            "version": run.versions.get("lm_eval", "unknown"),
            "additional_details": {
                name: version for name, version in run.versions.items() if name != "lm_eval"
            },
        },
        "model_info": _model(model, owner, run),
        "evaluation_results": [_result(row) | made for row in rows],
    }


def _model(model: str, owner: str, run: Run) -> dict[str, Any]:
    engine = run.versions.get("transformers")
    return {
        "name": model,
        "id": model,
        **({"developer": owner} if owner else {}),
        **({"inference_engine": {"name": "transformers", "version": engine}} if engine else {}),
        "additional_details": {
            "deployment_type": "self_deployed",
            "model_availability": "unknown",  # a results file does not say
            **{name: str(value) for name, value in run.model.items()},
        },
    }


def _result(row: ExportRow) -> dict[str, Any]:
    return {
        "evaluation_result_id": f"{row.task}/{row.metric}",
        "evaluation_name": row.task,
        "source_data": _source(row),
        "metric_config": _metric(row),
        "score_details": {
            "score": row.value,
            "details": {"language": row.language, "benchmark": row.benchmark},
            "uncertainty": _uncertainty(row),
        },
    }


def _source(row: ExportRow) -> dict[str, Any]:
    details = {key: str(value) for key, value in row.source.items() if key != "where"}
    details |= {"text_sha256": row.text} if row.text else {}
    about = {"dataset_name": row.benchmark, "additional_details": details}
    if not row.repository:
        return about | {"source_type": "other"}
    found: dict[str, Any] = about | {"source_type": "hf_dataset", "hf_repo": row.repository}
    return found | ({"samples_number": row.n} if row.n is not None else {})


def _metric(row: ExportRow) -> dict[str, Any]:
    own = row.kind == "alignment"
    stem = metric_stem(row.metric)
    ours = own and stem.partition("_")[0] in SCORES
    found: dict[str, Any] = {
        "metric_id": f"neuronxa.{stem}" if own else stem,
        "metric_name": stem,
        "lower_is_better": row.lower_is_better,
        "metric_parameters": {
            key: each if isinstance(each, (str, int, float)) else str(each)
            for key, each in {**row.settings, "n": row.n}.items()
            if each is not None
        },
    }
    if ours and stem.endswith("_above_floor"):
        bounds = (-1.0, 1.0)
    elif ours or stem in SHARES:
        bounds = (0.0, 1.0)
    else:
        return found  # of unknown scale
    return found | {
        "metric_unit": "proportion",
        "score_type": "continuous",
        "min_score": bounds[0],
        "max_score": bounds[1],
    }


def _uncertainty(row: ExportRow) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if math.isfinite(row.stderr):
        found["standard_error"] = {"value": row.stderr}
    if row.interval:
        found["confidence_interval"] = {
            "lower": row.interval[0],
            "upper": row.interval[1],
            "confidence_level": CONFIDENCE,
            "method": "bootstrap over the sentences",
        }
    return found | ({"num_samples": row.n} if row.n is not None else {})
