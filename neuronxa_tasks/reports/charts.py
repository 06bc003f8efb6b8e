"""Figures through Altair: SVG and PNG for papers, one HTML page without a network."""

from __future__ import annotations

import html
import importlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neuronxa_tasks.errors import NeuronXAError


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure.

    Attributes:
        name: file name without ending.
        caption: what it shows, in a few words.
        chart: an Altair chart, or its specification as a dictionary.
    """

    name: str
    caption: str
    chart: Any


@dataclass(frozen=True, slots=True)
class Libraries:
    """Altair and vl-convert, and their versions."""

    altair: Any
    convert: Any

    def versions(self) -> dict[str, str]:
        """Name to version, as pip calls them."""
        return {
            "altair": str(self.altair.__version__),
            "vl-convert-python": str(self.convert.__version__),
        }

    def vega_lite(self) -> str:
        """The Vega-Lite that Altair writes, such as `5.20`; the converter must speak the same."""
        return ".".join(str(self.altair.SCHEMA_VERSION).lstrip("v").split(".")[:2])


def load_libraries(without: str = "") -> Libraries:
    """Imports what draws.

    Args:
        without: the option that does without figures, for the message of the error.

    Raises:
        NeuronXAError: one of the two is not installed.
    """
    try:
        return Libraries(importlib.import_module("altair"), importlib.import_module("vl_convert"))
    except ImportError as error:
        missing = "altair" if "altair" in str(error) else "vl-convert-python"
        raise NeuronXAError(
            f"Figures need {missing}, which is not installed. Type "
            '`pip install "altair>=5.4" "vl-convert-python>=1.7"`'
            + (f", or say {without}." if without else ".")
        ) from error


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Puts values into a chart's specification that was made without data.

    Args:
        template: dictionaries, lists and texts, such as `chart.to_dict()` of a chart whose data is
            `alt.Data(values="$points")`.
        values: what stands for a text that is exactly `$points`, by `points`; further texts with a
            dollar sign stay as they are.
    """
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if isinstance(template, str) and template[:1] == "$":
        return values.get(template[1:], template)
    return template


def render(
    drawings: Iterable[Drawing], libraries: Libraries, title: str = "Figures"
) -> dict[str, bytes]:
    """Turns drawings into files: SVG and PNG of each, and one page `figures.html` of all.

    The page holds the drawing code once and needs no network.

    Args:
        drawings: with names that differ.
        libraries: see `load_libraries`.
        title: of the page `figures.html`.

    Returns:
        Path below the output folder to content; nothing for no drawings.
    """
    convert, version = libraries.convert, libraries.vega_lite()
    files: dict[str, bytes] = {}
    parts: list[str] = []
    for drawing in drawings:
        spec = (
            drawing.chart
            if isinstance(drawing.chart, dict)
            else drawing.chart.to_dict(validate=False)
        )
        svg = str(convert.vegalite_to_svg(spec, vl_version=version))
        files[f"figures/{drawing.name}.svg"] = _renumbered(svg).encode()
        files[f"figures/{drawing.name}.png"] = convert.vegalite_to_png(
            spec, vl_version=version, scale=1.5
        )
        data = json.dumps(spec, ensure_ascii=False, sort_keys=True).replace("</", "<\\/")
        parts.append(
            f"<h2>{html.escape(drawing.name)}</h2><p>{html.escape(drawing.caption)}</p>"
            f'<div id="{html.escape(drawing.name)}"></div>'
            f'<script>vegaEmbed("#{drawing.name}", {data}, {{"mode": "vega-lite"}});</script>'
        )
    if parts:
        bundle = convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
        files["figures/figures.html"] = "\n".join(
            [
                '<!doctype html><html lang="en"><head><meta charset="utf-8">',
                f"<title>{html.escape(title)}</title>",
                "<style>body{font-family:sans-serif;margin:2em}</style>",
                # In a function of its own, so that its short names stay out of the page.
                "<script>(function () {"
                + bundle.replace("</script", "<\\/script")
                + "})();</script>",
                "</head><body><h1>Figures</h1>",
                *parts,
                "</body></html>\n",
            ]
        ).encode()
    return files


_SVG_ID = re.compile(r'(?<=["#])(clip|gradient_)(\d+)(?=["\)])')


def _renumbered(svg: str) -> str:
    """Numbers the ids of a drawing from 0; Vega counts on from one drawing to the next."""
    seen: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return seen.setdefault(match[0], f"{match[1]}{len(seen)}")

    return _SVG_ID.sub(number, svg)


def file_name(label: str) -> str:
    """A label as part of a file name; different labels stay different."""
    kept = [
        c if c.isalnum() and c.isascii() else "-" if c == " " else f"-{ord(c):x}" for c in label
    ]
    return "".join(kept).replace("-5f", "_")
