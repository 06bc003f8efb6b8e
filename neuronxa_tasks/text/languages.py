"""The language table: one row per variety and script, and every code that names it.

`languages.csv` beside this module is the table. Its key is the FLORES-200 code (ISO 639-3, an
underscore, ISO 15924); a language that only another data set has gets a code of the same form. So
there are three kinds of rows: languages of FLORES-200, those of another corpus, and those that only
benchmarks have, for which no parallel text is known. A variety that a benchmark sets beside another
one of the same language has its region, variant or private name behind, as in a BCP 47 tag:
`spa_Latn_MX`, `cat_Latn_valencia`, `slk_Latn_x_saris`.
A code that is not in the table is refused with the close ones; nothing is guessed.

Conventions, where the world's codes leave a choice:

* A macrolanguage code means the row that FLORES-200 has for it: `ar` is `arb_Arab`, `zh` is
  `zho_Hans`, `sw` is `swh_Latn`, `fa` is `pes_Arab`, `ku` is `kmr_Latn`, `no` is `nob_Latn`, `ps`
  is `pbt_Arab`, `qu` is `quy_Latn` (XCOPA's too, whose text is the neighbouring Eastern Apurímac).
  Where FLORES-200 has both scripts of a language (`kas_Arab`, `kas_Deva`), a bare `ks` is refused.
* A data set's code belongs to the row of the script that its text is written in. Serbian is
  Cyrillic in FLORES, Belebele and BMLAMA-53, Latin in okapi's `m_mmlu_sr` (and so taken for
  `arc_sr`, from the same translator) and MMLU-ProX. Where the script of a data set is not known
  (Serbian of INCLUDE and Global-MMLU), it is that of FLORES. Some Tatoeba files mix scripts; the
  row is that of most letters (Serbian 69 %, Uzbek 69 %, Lingua Franca Nova 73 % Latin). Tatoeba's
  Mandarin is half simplified, half traditional; it stands with `zho_Hans`, the script of every
  benchmark's `zh`.
* Codes that FLORES+ renamed (`ekk_Latn`, `cmn_Hans`, `fil_Latn`, ...) are aliases of the
  FLORES-200 row with the same text. `ber` (Berber) is an ISO 639-2 group code. `kzj` was merged
  into `dtp` in 2016 but is a test set of its own.
* Of the varieties that Global-PIQA tells apart, those of France and of Brazil are the rows of
  FLORES. Its Spanish is Latin American and neither of Mexico nor of Peru, its Levantine Arabic two
  rows and four countries: those stay rows of their own.
* Families follow the top level of Glottolog; creoles stand with their lexifier.

The columns `m_mmlu` and `m_arc` are okapi's `m_mmlu_<code>` and `arc_<code>`. The harness'
`mmmlu` is OpenAI's MMMLU, another benchmark.
"""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from neuronxa_tasks.errors import NeuronXAError

CORPORA = ("flores", "tatoeba")
BENCHMARKS = (
    "xnli",
    "xstorycloze",
    "belebele",
    "m_mmlu",
    "m_arc",
    "bmlama53",
    "xcopa",
    "xwinograd",
    "pawsx",
    "global_mmlu",
    "global_mmlu_full",
    "mmlu_prox",
    "mmmlu",
    "include",
    "global_piqa",
    "afrixnli",
)


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table: a language variety in one script.

    Attributes:
        code: Key, for example `swh_Latn`; the FLORES-200 code where FLORES has the language.
        name: English name, unique over the table.
        script: ISO 15924 code, the second part of `code`.
        family: Top-level family, for example `Indo-European`.
        genus: Branch of the family, for example `Germanic`.
        flores: Whether the language is one of the 204 of FLORES-200.
        tatoeba: Code in the Tatoeba test set's file names, or None.
        benchmarks: Code in each benchmark of `BENCHMARKS` that has the language.
        aliases: Further codes and names that mean this row and no other.
    """

    code: str
    name: str
    script: str
    family: str
    genus: str
    flores: bool
    tatoeba: str | None
    benchmarks: Mapping[str, str] = field(hash=False)
    aliases: tuple[str, ...]

    def code_in(self, dataset: str) -> str | None:
        """Return the code a corpus or benchmark uses for this language, or None if it lacks it.

        Raises:
            NeuronXAError: `dataset` is not in `BENCHMARKS` or `CORPORA`.
        """
        if dataset == "flores":
            return self.code if self.flores else None
        return self.tatoeba if dataset == "tatoeba" else self.benchmarks.get(_known(dataset))


@cache
def languages() -> tuple[Language, ...]:
    """Return all rows of the table, sorted by code."""
    text = files("neuronxa_tasks.text").joinpath("languages.csv").read_text(encoding="utf-8")
    return tuple(
        Language(
            code=row["code"],
            name=row["name"],
            script=row["script"],
            family=row["family"],
            genus=row["genus"],
            flores=row["flores"] == "1",
            tatoeba=row["tatoeba"] or None,
            benchmarks={name: row[name] for name in BENCHMARKS if row[name]},
            aliases=tuple(row["aliases"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    )


def language(code: str) -> Language:
    """Return the row whose key is exactly `code`.

    Raises:
        NeuronXAError: No row has this key; the message lists the close ones.
    """
    for row in languages():
        if row.code == code:
            return row
    raise _unknown(
        code,
        f"is not a key of the language table ({len(languages())} codes such as "
        "`swh_Latn`, case matters)",
    )


def resolve(text: str, benchmark: str | None = None) -> Language:
    """Return the language that a code or an English name means.

    Looked up in this order, ignoring case and the difference of `-`, `_` and space: the codes of
    `benchmark` if given, keys, aliases (short ones also with the row's script: `sr-Cyrl`), names,
    all of these without their script, codes of any corpus or benchmark.

    Args:
        text: For example `zh`, `zho_Hans`, `zh-CN`, `cmn` or `Swahili`.
        benchmark: A member of `BENCHMARKS` or `CORPORA` in whose files `text` was found. A code
            that it does not use is looked up like any other.

    Raises:
        NeuronXAError: Nothing matches (the message lists close codes), or several rows do (it lists
            them), or `benchmark` is unknown.
    """
    found = _matches(text, benchmark)
    if not found:
        raise _unknown(text, "names no language of the table")
    if len(found) > 1:
        raise NeuronXAError(
            f"`{text}` is ambiguous, because the table has it as {_listed(found)}. "
            "Write one of these codes."
        )
    return found[0]


def find(text: str, benchmark: str | None = None) -> Language | None:
    """Return what `resolve` returns, or None where `text` is unknown or ambiguous.

    Raises:
        NeuronXAError: `benchmark` is unknown, or `text` is no text.
    """
    found = _matches(text, benchmark)
    return found[0] if len(found) == 1 else None


def alike(text: str) -> tuple[Language, ...]:
    """Return every language that a code or name may mean, or else whose name has it as a part.

    Args:
        text: `fr` and `French` mean one language, `ks` two; `arabic` is a part of many names.
    """
    if exact := _matches(text, None):
        return exact
    key = _normal(text)
    return tuple(row for row in languages() if key and key in _normal(f"{row.code} {row.name}"))


def benchmark_languages(benchmark: str) -> dict[str, Language]:
    """Map each code of a benchmark (or corpus) to its language, in the order of the table.

    Raises:
        NeuronXAError: `benchmark` is not in `BENCHMARKS` or `CORPORA`.
    """
    _known(benchmark)
    return {code: row for row in languages() if (code := row.code_in(benchmark))}


def _known(dataset: str) -> str:
    if dataset not in CORPORA + BENCHMARKS:
        raise NeuronXAError(
            f"`{dataset}` is no column of the language table, so its codes are unknown. "
            f"Known are {', '.join(CORPORA + BENCHMARKS)}."
        )
    return dataset


def _normal(text: str) -> str:
    if not isinstance(text, str):
        raise NeuronXAError(
            f"A language code must be text, not {text!r}. YAML reads an unquoted `no` as false: "
            'write "no" in quotation marks, or `nob_Latn`.'
        )
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "_".join(folded.replace("-", " ").replace("_", " ").split())


def _tiers(row: Language) -> Iterator[tuple[int, str]]:
    """Yield every spelling of a row with its rank; a lower rank wins over a higher one."""
    yield 0, row.code
    for alias in row.aliases:
        yield 1, alias
        if len(alias) <= 3:
            yield 1, f"{alias}_{row.script}"
        yield 3, alias.removesuffix(f"_{row.script}")
    yield 2, row.name
    yield 3, row.name.partition(" (")[0]
    if row.code.count("_") == 1:  # `spa` is not the Spanish of Mexico
        yield 3, row.code[:3]
    for dataset in CORPORA + BENCHMARKS:
        if code := row.code_in(dataset):
            yield 4, code


@cache
def _index() -> dict[str, tuple[Language, ...]]:
    """Map each normalised spelling to the rows of the lowest rank that have it."""
    ranked: dict[str, dict[int, dict[str, Language]]] = {}
    for row in languages():
        for rank, spelling in _tiers(row):
            ranked.setdefault(_normal(spelling), {}).setdefault(rank, {})[row.code] = row
    return {key: tuple(ranks[min(ranks)].values()) for key, ranks in ranked.items()}


def _matches(text: str, benchmark: str | None) -> tuple[Language, ...]:
    key = _normal(text)
    if benchmark is not None:
        for code, row in benchmark_languages(benchmark).items():
            if _normal(code) == key:
                return (row,)
    return _index().get(key, ())


def _unknown(text: str, why: str) -> NeuronXAError:
    key, index = _normal(text), _index()
    spellings = [key, key.partition("_")[0]]
    spellings += [_normal(row.name) for row in languages() if key in _normal(row.name).split("_")]
    spellings += difflib.get_close_matches(key, index, n=8, cutoff=0.6)
    close = dict.fromkeys(row for spelling in spellings for row in index.get(spelling, ()))
    hint = f"Close: {_listed(tuple(close)[:5])}." if close else "Nothing in it is close."
    return NeuronXAError(f"`{text}` {why}. {hint} All codes: neuronxa_tasks/text/languages.csv.")


def _listed(rows: tuple[Language, ...]) -> str:
    return ", ".join(f"`{row.code}` ({row.name})" for row in rows)
