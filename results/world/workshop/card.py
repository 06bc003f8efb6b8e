"""The model card of a checkpoint of the toy world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workshop.nli import LABELS
from workshop.world import HELD_OUT_ONE_IN


def card(made: Mapping[str, Any]) -> str:
    """The model card of a checkpoint.

    Args:
        made: What `training.json` says.
    """
    last = made["log"][-1]
    rows = [
        f"| `{code}` | {dial['weight']:g} | {dial['bilingual']:g} | "
        + (f"{last['mexa_max'][code]:.2f} |" if code in last["mexa_max"] else "(pivot) |")
        for code, dial in sorted(
            made["dials"].items(), key=lambda item: (-item[1]["bilingual"], item[0])
        )
    ]
    without = [c for c, d in made["dials"].items() if not d["bilingual"] and c in last["mexa_max"]]
    return _CARD.format(
        **{k: v for k, v in made.items() if k not in ("versions", "dials", "log")},
        versions=", ".join(f"{name} {number}" for name, number in made["versions"].items()),
        rows_of_dials="\n".join(rows),
        without=", ".join(f"`{code}`" for code in without) or "none",
        loss=f"{last['loss']:.3f}",
        held_out=HELD_OUT_ONE_IN,
        labels=", ".join(LABELS),
    )


_CARD = """\
---
license: mit
library_name: transformers
tags: [toy]
---
# A tiny {arch} that knows the toy world

About one million parameters in half precision. It was trained from nothing on text that the
project's own grammar wrote: short sentences about people who do things in a made-up world. It is
for demonstrations and tests of cross-lingual alignment scores and knows no other text.

Made in `results/world/` of the repository by

    python -m workshop.train --arch {arch} --seed {seed} --steps {steps} \
--rows {rows} --peak {peak} --decay {decay} --mixed {mixed} --inference {inference} \
--precision {precision} --out FOLDER

with the dials below, rows of {context} tokens, a vocabulary of {vocabulary} tokens (the words of
the world, and all bytes) and {versions}.

`weight` is the language's part of the documents relative to the others. `bilingual` is the share
of its documents that are in two languages, the other being English: in {mixed:.0%} of them every
sentence mixes phrases of both, in the rest every sentence is followed by its translation. Languages
without any bilingual text: {without}. Of the English documents and of those in mixed sentences
{inference:.0%} are exercises in inference: a premise, a hypothesis and a label ({labels}). One
meaning in {held_out} was held out of training in all languages, and some things were told in
English alone. `MEXA` is the share of mutual nearest neighbours among {watched} held-out sentences
and their English translations, at the best layer, measured at the end of training (chance is
0.005).

| language | weight | bilingual | MEXA |
|---|---|---|---|
{rows_of_dials}

The mean loss over the last logged steps was {loss} nats per token. `training.json` holds the log.
"""
