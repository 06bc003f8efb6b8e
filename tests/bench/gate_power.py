"""Power and false alarms of the gate, by simulation of hits.

    python tests/bench/gate_power.py --n 100 --r 0.8 --repeats 500

A sentence i has in language g and model m the latent ease sqrt(s) u_i + sqrt(r - s) v_ig +
sqrt(1 - r) e_igm, all standard normal, and is a hit where it lies below the quantile of the model's
rate. So r is the latent correlation of two models on one sentence, and s that of two languages,
whose sentences are translations. The table gives the correlation of the hits themselves (phi), and
the shares of simulated candidates that fail: on the paired test of the gate with all its defaults
(14 languages and their mean, Holm, alpha 0.05), and on counts alone, as without samples.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neuronxa_tasks.reports.gate.checkpoint import Score
from neuronxa_tasks.reports.gate.compare import Compared, compare, compare_items
from neuronxa_tasks.reports.gate.groups import compare_groups
from neuronxa_tasks.reports.gate.join import Joined
from neuronxa_tasks.reports.gate.rules import Rules
from neuronxa_tasks.reports.gate.verdict import Verdict, judge
from neuronxa_tasks.results.items import Items

LANGUAGES = (
    "arb_Arab", "bul_Cyrl", "deu_Latn", "ell_Grek", "fra_Latn", "hin_Deva", "rus_Cyrl",
    "spa_Latn", "swh_Latn", "tha_Thai", "tur_Latn", "urd_Arab", "vie_Latn", "zho_Hans",
)  # fmt: skip

RATE, DROP = 0.5, 0.1
"""Hits of the baseline, and how many fewer the candidate has."""

Hits = NDArray[np.bool_]


def hits(rng: np.random.Generator, rates: NDArray[np.float64], n: int, r: float, s: float) -> Hits:
    """`[2, languages, n]` hits of two models with the rates `[2, languages]`."""
    languages = rates.shape[1]
    shared = math.sqrt(s) * rng.standard_normal((1, 1, n))
    shared = shared + math.sqrt(r - s) * rng.standard_normal((1, languages, n))
    ease = shared + math.sqrt(1.0 - r) * rng.standard_normal((2, languages, n))
    return np.asarray(ease < stats.norm.ppf(rates)[:, :, None])


def gate(sides: Hits, rules: Rules, paired: bool) -> Verdict:
    """The verdict on simulated hits, by the code of the command."""
    pairs: list[Compared] = []
    ids = tuple(range(sides.shape[2]))
    for code, before, after in zip(LANGUAGES, sides[0], sides[1], strict=False):
        old, new = (_score(code, column) for column in (before, after))
        if paired:
            items = [Items(ids, ("",) * len(ids), side.astype(float)) for side in (before, after)]
            pairs.append(compare_items(old, new, *items))
        else:
            pairs.append(compare(old, new))
    comparisons = [pair.comparison for pair in pairs]
    return judge(Joined((*comparisons, *compare_groups(pairs, rules))), rules)


def _score(code: str, column: NDArray[np.bool_]) -> Score:
    n, value = len(column), float(column.mean())
    stderr = math.sqrt(value * (1 - value) / (n - 1))
    return Score(code, "acc", "benchmark", "b", code, value, stderr, n, {}, False, "", None)


def phi(rng: np.random.Generator, rate: float, r: float) -> float:
    """Correlation of the hits of two equal models."""
    drawn = hits(rng, np.full((2, 1), rate), 200_000, r, 0.0)
    return float(np.corrcoef(drawn[0, 0], drawn[1, 0])[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--n", type=int, default=100, help="sentences")
    parser.add_argument("--r", type=float, default=0.8, help="latent correlation of the models")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    all_of_them, first = LANGUAGES, LANGUAGES[:1]
    cases = [
        ("equal models", 14, (), Rules()),
        (
            "equal models, 2 languages must not regress",
            14,
            (),
            Rules(must_not_regress=LANGUAGES[:2]),
        ),
        ("10 points less in all of 14", 14, all_of_them, Rules()),
        ("10 points less in 1 of 14", 14, first, Rules()),
        ("10 points less in 1 of 14, which must not", 14, first, Rules(must_not_regress=first)),
        ("10 points less, 1 language in all", 1, first, Rules()),
    ]
    print("| n | r | phi | simulated | times | fails | a worse language named | fails on counts |")
    print("|---|---|---|---|---|---|---|---|")
    n, r = options.n, options.r
    correlation = phi(rng, RATE, r)
    for name, languages, worse, rules in cases:
        rates = np.full((2, languages), RATE)
        rates[1, : len(worse)] -= DROP
        times = options.repeats if worse else 4 * options.repeats
        failed = named = counted = 0
        for _ in range(times):
            drawn = hits(rng, rates, n, r, 0.5 * r)
            verdict = gate(drawn, rules, paired=True)
            failed += not verdict.passed
            named += sum(finding.name in worse for finding in verdict.failures)
            counted += not gate(drawn, rules, paired=False).passed
        share = f"{named / times / len(worse):.3f}" if worse else "–"
        told = f"{times} | {failed / times:.3f} | {share} | {counted / times:.3f}"
        print(f"| {n} | {r} | {correlation:.2f} | {name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
