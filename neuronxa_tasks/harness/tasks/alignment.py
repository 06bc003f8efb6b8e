"""The harness task: one language pair in, requests out, metrics back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import plugin
from neuronxa_tasks.harness.tasks.bare import BareTask, Docs, Run
from neuronxa_tasks.harness.tasks.caller import checked_call
from neuronxa_tasks.harness.tasks.options import parse_options
from neuronxa_tasks.names import CONTROLS, MEASURES, METRICS, SCORES, measure_metrics
from neuronxa_tasks.schema import RivalsBlock, SentenceRivals
from neuronxa_tasks.text.corpora import corpus
from neuronxa_tasks.text.sentence_pairs import Pairs

plugin.teach()  # loading a task is all that `lm_eval run --model hf` needs


@dataclass
class PairInstance(Instance):  # type: ignore[misc]
    """A request that knows its text's source, which is too long to log with every sentence."""

    source: dict[str, Any] = field(default_factory=dict)


class NeuronXATask(BareTask):
    """Alignment of one target language with the pivot.

    A config names the corpus (`dataset_path`) and the target (`dataset_name`); see `Options` for
    what `--metadata` can change. A document is a sentence pair: `id` (line number from 0), `pivot`
    and `target`.
    """

    VERSION = 1.0
    OUTPUT_TYPE = "neuron_states"

    def __init__(
        self,
        data_dir: str | None = None,
        cache_dir: str | None = None,
        download_mode: Any = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        given = {key: value for key, value in (config or {}).items() if key != "class"}
        fixed = given.get("dataset_kwargs") or {}
        name = given.get("task")
        if not given.get("dataset_path") or not given.get("dataset_name"):
            raise NeuronXAError(
                f"The config of task {name!r} lacks dataset_path (the corpus) or dataset_name (the "
                "target language). Take one of the shipped configs as a model, or make configs "
                "for your own text with `neuronxa tasks new`."
            )
        self.options = parse_options(given.get("metadata") or {}, checked_call())
        self.pivot = str(fixed.get("pivot") or self.options.pivot)
        self.target = str(given["dataset_name"])
        self.corpus = corpus(str(given["dataset_path"]))
        self.text = self.corpus.load(
            self.pivot,
            self.target,
            self.options.n,
            fixed.get("data_dir") or data_dir or self.options.data_dir,
        )
        docs = [
            {"id": index, "pivot": pivot, "target": target}
            for index, (pivot, target) in enumerate(
                zip(self.text.pivot, self.text.target, strict=True)
            )
        ]
        self.set_up(given, docs)

    @classmethod
    def check_run(cls, run: Run, chosen: Mapping[str, Docs]) -> None:
        """Refuse what the model or the text cannot give; see `check_alignment`."""
        from neuronxa_tasks.harness.before_requests import check_alignment

        tasks = {
            name: Pairs(
                run.tasks[name].settings(),
                run.tasks[name].text.source,
                {number: (doc["pivot"], doc["target"]) for number, doc in docs.items()},
            )
            for name, docs in chosen.items()
        }
        check_alignment(run.lm, tasks)

    def settings(self) -> dict[str, Any]:
        """What is asked for: corpus, languages and options, as every request has them."""
        return {
            "corpus": self.corpus.name,
            "pivot": self.pivot,
            "target": self.target,
            "tap": self.options.tap,
            "weights": self.options.weights,
            "routed_nav": self.options.routed_nav,
            "control": list(self.options.control),
            "control_seeds": self.options.control_seeds,
            "variants": list(self.options.variants),
            "measures": [each for each in self.options.measures if each in MEASURES],
            "lape": "lape" in self.options.measures,
            "pairs": self.options.pairs,
            "covariates": list(self.options.covariates),
        }

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        """Return the pivot sentence."""
        return str(doc["pivot"])

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        """Return the target sentence."""
        return str(doc["target"])

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> Instance:
        """Make one request of a sentence pair: (pivot text, target text, settings)."""
        return PairInstance(
            request_type=self.OUTPUT_TYPE,
            doc=doc,
            arguments=(doc["pivot"], doc["target"], self.settings()),
            idx=0,
            metadata=kwargs["metadata"],
            source=self.text.source,
        )

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """Turn the rivals of one sentence into metrics.

        Returns:
            For each score the share of layers in which the sentence is a hit, under
            `<score>_max` its rivals per layer, a `RivalsBlock`, and what stands beside the scores
            (`surface`, ...). Nothing where the target is the pivot: a language is not aligned
            with itself.
        """
        rivals: SentenceRivals | None = results[0]
        if rivals is None:
            return {}
        metrics: dict[str, Any] = {}
        for score, representation in SCORES.items():
            block: RivalsBlock = getattr(rivals, representation)
            metrics[score] = block["either"].count(0) / len(block["either"])
            metrics[f"{score}_max"] = block
        return metrics | rivals.beside

    def aggregation(self) -> dict[str, Callable[[Any], float]]:
        """Mean over sentences, and rate of the best layer."""
        measures = measure_metrics(self.options.measures)
        endings = [f"_{ending}" for each in CONTROLS.values() for ending in each]
        named = [metric + ending for metric in measures for ending in ("", *endings)]
        means: dict[str, Callable[[Any], float]] = dict.fromkeys((*METRICS, *named), mean)
        return means | dict.fromkeys((f"{score}_max" for score in SCORES), best_layer)

    def higher_is_better(self) -> dict[str, bool]:
        """Of scores: higher is more alignment. What they are compared with is neither."""
        scores = [name for name in METRICS if name.removesuffix("_max") in SCORES]
        return dict.fromkeys((*scores, *measure_metrics(self.options.measures)), True)


def best_layer(rivals: Sequence[RivalsBlock]) -> float:
    """Return the highest share of mutual hits of any layer."""
    either = np.asarray([block["either"] for block in rivals])
    return float((either == 0).mean(axis=0).max())
