"""The gate's mean over languages: how often two equal models fail at .05.

    python results/coverage/gate_languages.py [--repeats 400]

300 items; how hard an item is, and which of the two models finds it harder, is shared by its
translations (`shared` is the share of the models' own variance). `lack 1 to 3`: each language
lacks that many items of its own, and the numbers of the others stay; `from 0`: they are numbered
anew, so that nobody knows which are translations of each other.
"""

from __future__ import annotations

import math

import numpy as np
from versions import options

try:
    from neuronxa_tasks.reports.gate.compare import PAIRED, Compared, Comparison
    from neuronxa_tasks.reports.gate.groups import compare_groups
    from neuronxa_tasks.reports.gate.rules import Rules
    from neuronxa_tasks.reports.gate.signs import NO_INTERVAL
except ImportError:
    from neuronxa_tasks.gate.compare import PAIRED, Comparison
    from neuronxa_tasks.gate.compare import Pair as Compared
    from neuronxa_tasks.gate.groups import compare_groups
    from neuronxa_tasks.gate.rules import Rules
    from neuronxa_tasks.gate.signs import NO_INTERVAL

CODES = (
    *("deu_Latn", "fra_Latn", "swh_Latn", "zho_Hans", "ell_Grek", "hin_Deva", "bul_Cyrl"),
    *("rus_Cyrl", "spa_Latn", "tha_Thai", "tur_Latn", "urd_Arab", "vie_Latn", "arb_Arab"),
)
ITEMS = 300


def rejected(
    languages: int, shared: float, lack: bool, anew: bool, rng: np.random.Generator
) -> bool:
    """Whether two equal models differ at .05 in the mean over languages."""
    ease = rng.normal(size=ITEMS)
    hits = [
        ease
        + math.sqrt(shared) * rng.normal(size=ITEMS)
        + math.sqrt(1 - shared) * rng.normal(size=(languages, ITEMS))
        > 0
        for _ in range(2)
    ]
    compared = []
    for row, code in enumerate(CODES[:languages]):
        kept = np.arange(ITEMS)
        if lack:
            kept = np.sort(rng.choice(ITEMS, ITEMS - int(rng.integers(1, 4)), replace=False))
        d = (hits[1][row].astype(float) - hits[0][row])[kept]
        error = float(d.std(ddof=1) / math.sqrt(len(d)))
        found = Comparison("b", "acc", code, (code,), code, False, 0.0, 0.0, float(d.mean()),
                           NO_INTERVAL, error, len(d), 1.0, PAIRED)  # fmt: skip
        ids = range(len(kept)) if anew else kept.tolist()
        compared.append(Compared(found, tuple(ids), d, 1))
    (mean,) = compare_groups(compared, Rules())
    return bool(mean.p <= 0.05)


def main() -> None:
    """Prints a line per share and number of languages."""
    repeats, rng = options(__doc__, 400)
    print("shared  languages  same items  lack 1 to 3  lack 1 to 3, from 0")
    for shared in (0.3, 0.6):
        for languages in (5, 14):
            shares = [
                np.mean([rejected(languages, shared, *case, rng) for _ in range(repeats)])
                for case in ((False, False), (True, False), (True, True))
            ]
            print(f"{shared}  {languages}  " + "  ".join(f"{s:.3f}" for s in shares), flush=True)


if __name__ == "__main__":
    main()
