"""What the report and the figures show: the same estimates, with short names of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from neuronxa_tasks.reports.correlate.alone import Alone
from neuronxa_tasks.reports.estimates import Estimates, Settings
from neuronxa_tasks.reports.short_names import in_records
from neuronxa_tasks.reports.study import Study, VariablePair
from neuronxa_tasks.reports.variables import Variable

Names = Mapping[str, str]


def shown_study(study: Study, names: Names) -> Study:
    """The study with short names; every variable stays one object."""
    variables = {
        variable.label: replace(
            variable,
            values={names[model]: found for model, found in variable.values.items()},
            errors={names[model]: found for model, found in variable.errors.items()},
        )
        for variable in study.variables()
    }

    def of(variable: Variable) -> Variable:
        return variables[variable.label]

    return replace(
        study,
        pairs=tuple(VariablePair(of(pair.x), of(pair.y)) for pair in study.pairs),
        models=tuple(names[model] for model in study.models),
    )


def shown_estimates(estimates: Estimates, names: Names) -> Estimates:
    """The tables with short names."""
    tables = [each.name for each in fields(estimates) if each.name != "families"]
    shown: dict[str, Any] = {name: in_records(getattr(estimates, name), names) for name in tables}
    return replace(estimates, **shown)


def shown_alone(alone: Alone, names: Names) -> Alone:
    """The tables and matrices of the scores alone with short names."""
    tables = [each.name for each in fields(alone) if each.name not in ("matrices", "notes")]
    shown: dict[str, Any] = {name: in_records(getattr(alone, name), names) for name in tables}
    matrices = tuple(replace(each, model=names[each.model]) for each in alone.matrices)
    return replace(alone, **shown, matrices=matrices)


def shown_settings(settings: Settings, names: Names) -> Settings:
    """The settings whose primary model has its short name."""
    primary = settings.primary
    if primary is None or primary.model is None:
        return settings
    return replace(settings, primary=replace(primary, model=names[primary.model]))
