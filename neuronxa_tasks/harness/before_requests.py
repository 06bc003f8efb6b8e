"""Before the first request of a run: all that can be known without a forward pass.

The harness sends one kind of request after the other and saves at the end, so a refusal in the
middle would lose benchmarks that are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronxa_tasks.alignment.controls import check_untrained
from neuronxa_tasks.alignment.measuring import measure
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import plugin
from neuronxa_tasks.harness.log_likelihoods import check_prefix
from neuronxa_tasks.harness.matrices import plan
from neuronxa_tasks.harness.processes import check_rank
from neuronxa_tasks.harness.scoring import encoder, encoder_key
from neuronxa_tasks.harness.specific import specific_plan
from neuronxa_tasks.text.sentence_pairs import Pairs


def check_alignment(lm: Any, tasks: Mapping[str, Pairs]) -> None:
    """Refuse what alignment tasks ask for and this model, or this text, cannot give.

    Args:
        lm: A loaded model of the harness.
        tasks: Task -> its sentence pairs, those of all processes.

    Raises:
        NeuronXAError: A model that shows no neurons, or whose neurons are not known; options that
            it does not have; text that it cannot encode; too few sentences or languages.
    """
    if getattr(type(lm), plugin.REQUEST, plugin.refuse) is plugin.refuse:
        plugin.refuse(lm, None)
    check_rank(lm)
    for name, pairs in tasks.items():
        if len(pairs.lines) < 2:
            raise NeuronXAError(
                f"{name} has {len(pairs.lines)} sentence pair in this run, and a nearest neighbour "
                "among one sentence means nothing. Raise --limit or --samples, or leave them out; "
                "100 is the usual number."
            )
        for name_of, least in ((each, measure(each).least) for each in pairs.settings["measures"]):
            if len(pairs.lines) < least:
                raise NeuronXAError(
                    f"{name} has {len(pairs.lines)} sentence pairs in this run, and the measure "
                    f"{name_of} needs at least {least}. Raise n, --limit or --samples, or leave "
                    f"{name_of} out of `measures`; 100 is the usual number."
                )
    plan(tasks)
    specific_plan(tasks)
    scored = [
        pairs for pairs in tasks.values() if pairs.settings["pivot"] != pairs.settings["target"]
    ]
    encoders = {key: encoder(lm, lm.model, *key) for key in map(encoder_key, scored)}
    for sentences in {pairs.column(place) for pairs in scored for place in (0, 1)}:
        next(iter(encoders.values())).tokens(sentences)
    if any("untrained" in pairs.settings["control"] for pairs in scored):
        check_untrained(lm)
    if any("bits_per_byte" in pairs.settings["covariates"] for pairs in scored):
        check_prefix(lm, "the covariate bits_per_byte")
