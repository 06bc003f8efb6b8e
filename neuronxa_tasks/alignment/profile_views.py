"""A profile for notebooks: as a table, and as a drawing over the layers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from neuronxa_tasks.alignment.hits import Alignment
from neuronxa_tasks.errors import NeuronXAError

NAMES = {"nas": "NAS", "nav": "NAV", "hidden": "hidden states"}
"""Representation to its name in a drawing."""
# Okabe & Ito's palette keeps apart what people with a colour deficiency see.
_COLOURS = ("#0b62a4", "#c2570c", "#4b5563")
_DASHES = ([1, 0], [6, 3], [2, 2])


def frame_of(alignments: Mapping[str, Alignment]) -> pd.DataFrame:
    """One row per representation and layer; see `Profile.to_frame`.

    Args:
        alignments: `nas`, `nav` and `hidden` to their alignment.
    """
    parts = [
        pd.DataFrame(
            {
                "representation": name,
                # Hidden states begin with the embeddings, which are no block.
                "layer": range(0 if name == "hidden" else 1, len(each.mutual) + (name != "hidden")),
                "mutual": each.mutual,
                "forward": each.forward,
                "backward": each.backward,
                "n": each.n,
                "rate": each.rates,
            }
        )
        for name, each in alignments.items()
    ]
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return frame


def chart_of(frame: pd.DataFrame, title: str = "") -> Any:
    """An Altair chart of the rates over the layers; see `Profile.plot`.

    Args:
        frame: of `frame_of`.
        title: above the chart.

    Raises:
        NeuronXAError: Altair is not installed.
    """
    try:
        alt = importlib.import_module("altair")
    except ImportError as error:
        raise NeuronXAError(
            "Profile.plot needs altair, which is not installed. Type "
            "`pip install neuronxa-tasks[report]`, or draw Profile.to_frame() yourself."
        ) from error
    chance = 1 / (2 * int(frame["n"].iloc[0]) - 1)
    # Plain values rather than the frame: the chart then holds no name that depends on its order.
    rows = frame.assign(what=frame["representation"].map(NAMES)).to_dict("records")
    names = list(NAMES.values())
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1, grid=False)),
            y=alt.Y(
                "rate:Q", title="share of sentence pairs", scale=alt.Scale(domainMin=0, nice=True)
            ),
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(domain=names, range=list(_COLOURS))
            ),
            strokeDash=alt.StrokeDash(
                "what:N", title=None, scale=alt.Scale(domain=names, range=list(_DASHES))
            ),
            tooltip=["what:N", "layer:Q", alt.Tooltip("rate:Q", format=".3f"), "mutual:Q", "n:Q"],
        )
    )
    rule = (
        alt.Chart(alt.Data(values=[{"rate": chance}]))
        .mark_rule(strokeDash=[2, 3], color="#8a8a8a")
        .encode(y="rate:Q", tooltip=[alt.Tooltip("rate:Q", title="chance", format=".3f")])
    )
    chart = alt.layer(rule, lines).properties(width=420, height=240)
    return chart.properties(title=title) if title else chart
