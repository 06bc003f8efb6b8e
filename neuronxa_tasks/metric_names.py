"""Names of the metrics, in the order of the results table. Imported by light code: no torch."""

from __future__ import annotations

SCORES = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}
"""Score -> its representation. `<score>_max` is the best layer."""

BASELINES = ("surface", "token_overlap")
"""What text alone gives, without the network."""

CONTROLS: dict[str, tuple[str, ...]] = {
    "untrained": ("floor", "above_floor"),
    "shuffled": ("shuffled",),
}
"""Control -> endings of the metrics it adds to each score."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "centred": tuple(SCORES),
    "csls": tuple(SCORES),
    "width_matched": ("nasca", "navca"),
    "hidden_sign": ("mexa",),
    "top_decile": ("nasca",),
    "up_sign": ("nasca",),
}
"""Variant -> the scores it has a version of. The metric is called `<score>_<variant>`."""

METRICS = (
    *SCORES,
    *(f"{score}_max" for score in SCORES),
    *BASELINES,
    *(f"{score}_{ending}" for each in CONTROLS.values() for ending in each for score in SCORES),
    *(f"{score}_{variant}" for variant, scores in VARIANTS.items() for score in scores),
)
"""All metrics a group can average."""
