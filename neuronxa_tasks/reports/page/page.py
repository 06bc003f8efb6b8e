"""One HTML file with everything in it: data, charts, table, style; and nothing that it fetches."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from neuronxa_tasks import __version__
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.charts import Libraries
from neuronxa_tasks.reports.escape import visible
from neuronxa_tasks.reports.estimates import Settings
from neuronxa_tasks.reports.page.content import Content
from neuronxa_tasks.reports.page.drawings import PAPER
from neuronxa_tasks.reports.page.language_scores import score_name
from neuronxa_tasks.reports.page.templates import BESIDE, NAMES, config, templates

_SECTIONS = (
    ("meaning", "Meaning", "examples"),
    ("models", "Models", "ranked"),
    ("languages", "Languages", "rows"),
    ("heat", "Map", "rows"),
    ("families", "Families", "rows"),
    ("profiles", "Layers", "profiles"),
    ("scatter", "Benchmarks", "scatter"),
    ("correlations", "Correlations", "has_correlations"),
    ("covariates", "Covariates", "has_partial"),
    ("controls", "Controls", "controls"),
    ("pairs", "Language pairs", "pairs"),
    ("pivots", "Pivots", "pivots"),
    ("missing", "Missing", "missing"),
    ("provenance", "Sources", "files"),
)
"""Id, heading and name in the navigation, and what must be there for the section."""
_SCRIPT = (
    "core",
    "charts",
    "models",
    "columns",
    "languages",
    "figures",
    "layers",
    "downloads",
    "address",
    "start",
)
"""Our own script, in its order: one function of the page."""
_IN_PROSE = {"python": "Python"}


def write_page(
    content: Content,
    libraries: Libraries,
    settings: Settings,
    *,
    title: str,
    command: str,
    versions: Mapping[str, str],
) -> bytes:
    """Puts the page together.

    Names of models and languages are text wherever they come from: Jinja escapes them in HTML,
    `<` is written as an escape in the JSON, the scripts set text, never markup, and characters that
    would hide or turn text around are spelled out. The policy in
    the page's head lets only its own scripts run, by their hashes, and forbids every request.

    Args:
        content: what the page says.
        libraries: for the drawing code.
        settings: seed, level and effort.
        title: heading and title.
        command: that makes the page again.
        versions: name to version.
    """
    import jinja2

    scripts = _scripts(libraries)
    data = as_json(
        {
            **_spelled_out(content.data),
            "charts": templates(libraries),
            "config": config(),
            "beside": BESIDE,
            "representations": NAMES,
            "scored": SCORES,
            "level": level(settings.confidence),
            "labels": {name: score_name(name) for name in content.data["metrics"]},
            "paper": PAPER,
        }
    )
    css = _own("page.css")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_spelled_out,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "num": number_text,
        "p": _p,
        "ends": _ends,
        "sortable": _sortable,
        "upper_score": score_name,
    }
    view = content.view
    present = {
        **view,
        "ranked": view["boards"] or view["benchmarks"],
        "rows": bool(content.data["rows"]),
        "profiles": content.data["profiles"],
        "scatter": content.data["scatter"],
        "pairs": content.data["pairs"],
        "has_correlations": view["correlations"]["models"],
        "has_partial": view["correlations"]["partial"],
    }
    reasons = {
        f"{record['x']} and {record['y']}"
        + (f" in {record['model']}" if "model" in record else "")
        + f": {record['reason']}."
        for record in view["correlations"]["models"]
        if record["reason"]
    }
    shown = sorted(reasons)[:10]
    page = environment.from_string(_own("page.html.j2")).render(
        **present,
        policy=_policy(scripts, css),
        version=__version__,
        title=title,
        css=_markup(css),
        facts=_facts(content),
        sections=[(name, label) for name, label, needs in _SECTIONS if present[needs]],
        level=level(settings.confidence),
        headings={name: label for name, label, _ in _SECTIONS},
        alpha=round(1 - settings.confidence, 10),
        label_of=content.data["label_of"],
        pivot_codes=sorted({code for row in view["pivots"] for code in row["means"]}),
        chosen=choosable(content.data["scores"]),
        corpora=content.data["corpora"],
        lines=list(NAMES.items()),
        tests=view["correlations"]["tests"],
        reasons=shown + ([f"And {len(reasons) - 10} more."] if len(reasons) > 10 else []),
        command=command,
        seed=settings.seed,
        resamples=settings.resamples,
        versions=", ".join(
            f"{_IN_PROSE.get(name, name)} {each}" for name, each in versions.items()
        ),
        table_version=_table_version(),
        data=_markup(data),
        scripts=[_markup(script) for script in scripts],
    )
    return str(page).encode()


def _spelled_out(content: Any) -> Any:
    """The same with every text of others as it can be shown, see `escape.visible`."""
    if isinstance(content, str):
        return content if hasattr(content, "__html__") else visible(content)
    if isinstance(content, dict):
        return {_spelled_out(key): _spelled_out(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_spelled_out(value) for value in content]
    return content


def _markup(text: str) -> Any:
    """Our own text, which the template must not escape."""
    from markupsafe import Markup

    return Markup(text)


def choosable(scores: Sequence[str]) -> list[str]:
    """Scores to choose from; the best layer of one of them is a choice of its own."""
    return [
        name
        for name in scores
        if not (name.endswith("_max") and name.removesuffix("_max") in scores)
    ]


def as_json(content: Any) -> str:
    """JSON that can stand in a script element: no `<`, no NaN, no line separator."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _own(name: str) -> str:
    return files("neuronxa_tasks.reports.page").joinpath(name).read_text(encoding="utf-8")


def _scripts(libraries: Libraries) -> list[str]:
    """The table widget, the drawing code, and what ties them to the data."""
    bundle = libraries.convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=libraries.vega_lite()
    )
    # In a function of its own, so that its short names stay out of the page.
    ours = "\n".join(_own(f"script/{name}.js") for name in _SCRIPT)
    parts = [
        _own("vendor/dataTables.min.js"),
        f"(function(){{{bundle}}})();",
        f'"use strict";\n(function () {{\n{ours}}})();\n',
    ]
    return [_inline(part) for part in parts]


def _inline(script: str) -> str:
    """A script as it can stand in a page: nothing in it may look like an end of the element."""
    script = script.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\\0")
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", script, flags=re.IGNORECASE)


def _policy(scripts: list[str], css: str) -> str:
    """Nothing is fetched, nothing is sent, and only these scripts run."""
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(css)}; "
        "style-src-attr 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _table_version() -> str:
    found = re.search(r"DataTables ([\d.]+)", _own("vendor/dataTables.min.js")[:200])
    return found[1] if found else ""


def _facts(content: Content) -> list[tuple[str, str]]:
    data = content.data
    counts = [
        (len(data["models"]), "model", "models"),
        (len(data["languages"]), "language", "languages"),
        (len(data["corpora"]), "parallel text", "parallel texts"),
        (len({each["benchmark"] for each in data["benchmarks"]}), "benchmark", "benchmarks"),
        (len(data["files"]), "file read", "files read"),
    ]
    return [(str(count), one if count == 1 else many) for count, one, many in counts if count]


def level(confidence: float) -> str:
    """`95 %`."""
    return f"{100 * confidence:g} %"


def number_text(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _ends(low: float, high: float) -> str:
    both = math.isfinite(low) and math.isfinite(high)
    return f"[{number_text(low, 2)}, {number_text(high, 2)}]" if both else "–"


def _sortable(value: float | None) -> str:
    """The number by which a table sorts a cell; what is missing comes below every r and score."""
    return repr(float(value)) if value is not None and math.isfinite(value) else "-9"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}"
