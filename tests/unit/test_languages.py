"""The language table against the harness, the data sets, langcodes and itself."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import pickle
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.languages import (
    BENCHMARKS,
    CORPORA,
    Language,
    benchmark_languages,
    find,
    language,
    languages,
    resolve,
)

TABLE = Path(__file__).parents[2] / "neuronxa_tasks" / "text" / "languages.csv"

# Files under lm_eval/tasks and the line in them with a code, for each benchmark of the harness.
HARNESS = {
    "xnli": ("xnli/*.yaml", r"task: xnli_(\w+)"),
    "xstorycloze": ("xstorycloze/*.yaml", r"task: xstorycloze_(\w+)"),
    "belebele": ("belebele/*.yaml", r"task: belebele_(\w+)"),
    "m_mmlu": ("okapi/mmlu_multilingual/*.yaml", r"task: m_mmlu_(\w+)"),
    "m_arc": ("okapi/arc_multilingual/*.yaml", r"task: arc_(\w+)"),
    "xcopa": ("xcopa/*.yaml", r"task: xcopa_(\w+)"),
    "xwinograd": ("xwinograd/*.yaml", r"task: xwinograd_(\w+)"),
    "pawsx": ("paws-x/*.yaml", r"task: paws_(\w+)"),
    "global_mmlu": ("global_mmlu/default/*/_global*.yaml", r"group: global_mmlu_(\w+)"),
    "global_mmlu_full": ("global_mmlu/full/*/_global*.yaml", r"group: global_mmlu_full_([a-z]+)"),
    "mmlu_prox": ("mmlu_prox/*/_mmlu_prox_*.yaml", r"group: mmlu_prox_(?:lite_)?(\w+)"),
    "mmmlu": ("openai-mmmlu/default/_mmmlu_*.yaml", r"group: mmmlu_([a-z]+_[a-z]{2})"),
    "include": ("include/default/*/_include*.yaml", r"group: include_base_44_(\w+)"),
    "global_piqa": ("global_piqa/*/[a-z]*.yaml", r"task: global_piqa_[a-z]+_[a-z]+_(\w+)"),
    "afrixnli": ("afrixnli/direct/prompt_1/*.yaml", r"task: afrixnli_(\w+)_prompt_1"),
}

# First word of the Unicode character names of a script.
UNICODE_SCRIPTS = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "CJK": "Hani",
    "CYRILLIC": "Cyrl",
    "DEVANAGARI": "Deva",
    "ETHIOPIC": "Ethi",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HEBREW": "Hebr",
    "HIRAGANA": "Jpan",
    "KANNADA": "Knda",
    "KATAKANA": "Jpan",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "LATIN": "Latn",
    "MALAYALAM": "Mlym",
    "MYANMAR": "Mymr",
    "OL": "Olck",
    "ORIYA": "Orya",
    "SINHALA": "Sinh",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
    "TIFINAGH": "Tfng",
}
SIMPLIFIED, TRADITIONAL = "国们这说时过对会学", "國們這說時過對會學"


def data_folder(part: str) -> Path:
    root = os.environ.get("NEURONXA_TEST_DATA")
    folder = (Path(root) if root else Path(__file__).parents[3] / "shared" / "data") / part
    if not folder.is_dir():
        pytest.skip(f"needs the public data: set NEURONXA_TEST_DATA to the folder that has {part}/")
    return folder


def main_script(text: str) -> str:
    """The ISO 15924 code of the script with the most letters, by Unicode character names."""
    letters = Counter({c: n for c, n in Counter(text).items() if c.isalpha()})
    scripts: Counter[str] = Counter()
    for char, n in letters.items():
        word = unicodedata.name(char, "?").split()[0].split("-")[0]
        scripts[UNICODE_SCRIPTS.get(word, word)] += n
    script = max(scripts, key=lambda name: scripts[name])
    if script == "Hani":
        simplified = sum(letters[char] for char in SIMPLIFIED)
        traditional = sum(letters[char] for char in TRADITIONAL)
        return "Hans" if simplified > traditional else "Hant"
    return script


# The table itself ---------------------------------------------------------------------------------


def test_file_is_plain_utf8_sorted_and_complete() -> None:
    raw = TABLE.read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    lines = raw.decode("utf-8").splitlines()
    rows = list(csv.reader(lines))
    assert len({len(row) for row in rows}) == 1
    assert all(cell == " ".join(cell.split()) for row in rows for cell in row)
    assert rows[0][5:-1] == [*CORPORA, *BENCHMARKS]
    assert {row[5] for row in rows[1:]} == {"", "1"}
    codes = [row.code for row in languages()]
    assert codes == sorted(set(codes))
    assert unicodedata.is_normalized("NFC", raw.decode("utf-8"))


def test_every_row_has_a_wellformed_code_and_all_facts() -> None:
    for row in languages():
        assert re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}(_[A-Z]{2}|_(x_)?[a-z]{5,8})?", row.code), row
        assert row.code[4:8] == row.script
        assert row.name, row.code
        assert row.family, row.code
        assert row.genus, row.code
    names = [row.name for row in languages()]
    assert len(set(names)) == len(names)
    genus_family = {(row.genus, row.family) for row in languages()}
    assert len(genus_family) == len({genus for genus, _ in genus_family})


def test_rows_of_one_language_agree_on_family_and_genus() -> None:
    by_language: dict[str, set[tuple[str, str]]] = {}
    for row in languages():
        by_language.setdefault(row.code[:3], set()).add((row.family, row.genus))
    assert all(len(kinds) == 1 for kinds in by_language.values())


def test_counts_of_the_data_sets() -> None:
    assert len(benchmark_languages("flores")) == 204
    assert len(benchmark_languages("tatoeba")) == 112
    assert len(benchmark_languages("bmlama53")) == 53
    for dataset in CORPORA + BENCHMARKS:
        used = [row for row in languages() if row.code_in(dataset)]
        assert len(used) == len(benchmark_languages(dataset)), f"{dataset}: one code on two rows"


def test_english_is_the_pivot_everywhere_it_exists() -> None:
    english = language("eng_Latn")
    assert english.flores
    assert english.tatoeba is None  # the other side of every pair
    without = {b for b in BENCHMARKS if b not in english.benchmarks}
    assert without == {"m_arc", "xcopa", "mmmlu", "include"}


def test_aliases_are_unique_and_shadow_no_key() -> None:
    aliases = [alias.casefold().replace("-", "_") for row in languages() for alias in row.aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & {row.code.casefold() for row in languages()}
    assert not any("-" in alias for row in languages() for alias in row.aliases)


def test_an_iso_639_3_prefix_never_means_another_language() -> None:
    # `srp` may be `srp_Cyrl` by convention, but an alias must not take `srp` to another language.
    for row in languages():
        found = find(row.code[:3])
        assert found is None or found.code[:3] == row.code[:3]


def test_languages_are_values() -> None:
    row = language("swh_Latn")
    assert pickle.loads(pickle.dumps(row)) == row
    assert len(set(languages())) == len(languages())
    with pytest.raises(AttributeError):
        row.code = "swa_Latn"  # type: ignore[misc]


# Against the harness ------------------------------------------------------------------------------


@pytest.mark.parametrize("benchmark", sorted(HARNESS))
def test_codes_are_those_of_the_installed_harness(benchmark: str) -> None:
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None
    assert spec.submodule_search_locations
    pattern, line = HARNESS[benchmark]
    codes: set[str] = set()
    for file in (Path(spec.submodule_search_locations[0]) / "tasks").glob(pattern):
        found = re.search(rf"^{line}$", file.read_text(encoding="utf-8"), re.M)
        codes |= {found[1]} if found else set()
    assert set(benchmark_languages(benchmark)) == codes


def test_every_benchmark_is_checked_somewhere() -> None:
    assert set(HARNESS) | {"bmlama53"} == set(BENCHMARKS)


def test_belebele_codes_are_the_keys() -> None:
    assert all(code == row.code for code, row in benchmark_languages("belebele").items())


# Against the data ---------------------------------------------------------------------------------


@pytest.mark.data
def test_flores_files() -> None:
    folder = data_folder("flores200/devtest")
    files = {path.stem: path for path in folder.glob("*.devtest")}
    assert set(files) == set(benchmark_languages("flores"))
    for code, path in files.items():
        lines = path.read_text(encoding="utf-8").splitlines()[:100]
        assert main_script("\n".join(lines)) == language(code).script, code


@pytest.mark.data
def test_tatoeba_files() -> None:
    folder = data_folder("tatoeba")
    files = {path.suffix[1:]: path for path in folder.glob("*-eng.*") if path.suffix != ".eng"}
    rows = benchmark_languages("tatoeba")
    assert set(files) == set(rows)
    del files["cmn"]  # as many lines in traditional as in simplified characters, see the module
    for code, path in files.items():
        assert main_script(path.read_text(encoding="utf-8")) == rows[code].script, code


@pytest.mark.data
@pytest.mark.parametrize("benchmark", ["bmlama53", "xnli", "xstorycloze", "xcopa", "belebele"])
def test_benchmark_files(benchmark: str) -> None:
    files = {path.stem: path for path in data_folder(benchmark).glob("*.jsonl")}
    rows = benchmark_languages(benchmark)
    if benchmark == "bmlama53":
        assert set(files) == set(rows)
    for code, path in files.items():
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:100]]
        text = " ".join(str(value) for record in records for value in record.values())
        text = re.sub(r"<mask>|[A-Za-z0-9_-]{20,}|https?://\S+|\b(cause|effect)\b", " ", text)
        assert main_script(text) == resolve(code, benchmark).script, code


@pytest.mark.data
def test_published_score_files_resolve() -> None:
    folder = data_folder("published_scores")
    with (folder / "mmmlu_openai_simple_evals.csv").open(encoding="utf-8") as file:
        names = {row["Language"] for row in csv.DictReader(file)} - {"Average"}
    assert {name for name in names if find(name) is None} == set()
    with (folder / "ai_language_monitor_2025-05-24.csv").open(encoding="utf-8") as file:
        assert {row["bcp_47"] for row in csv.DictReader(file) if not find(row["bcp_47"])} == set()
    with (folder / "lm_eval_multilingual_0shot.csv").open(encoding="utf-8") as file:
        used = {
            (row["language"], row["benchmark"].replace("_", "")) for row in csv.DictReader(file)
        }
    assert {b for _, b in used} == {"pawsx", "xcopa", "xnli", "xstorycloze", "xwinograd"}
    assert all(code in benchmark_languages(benchmark) for code, benchmark in used)


# Against langcodes --------------------------------------------------------------------------------

# Reviewed: the alias, and why langcodes (which follows CLDR) takes it for another language.
OTHER_LANGUAGE = {
    "ff": "ISO 639-3 macrolanguage ful includes fuv; CLDR folds only its default member",
    "ful": "as ff",
    "no": "ISO 639-3 macrolanguage nor includes nob; CLDR keeps no and nb apart",
    "nor": "as no",
    "ps": "ISO 639-3 macrolanguage pus includes pbt; CLDR folds only its default member",
    "pus": "as ps",
    "qu": "ISO 639-3 macrolanguage que includes quy; CLDR folds only its default member",
    "que": "as qu",
    "ktu": "FLORES+ found the Kikongo text to be Kituba",
    "zgh": "FLORES+ found the Central Atlas Tamazight text to be Standard Moroccan Tamazight",
}
OTHER_SCRIPT = {
    "ko": "CLDR says Kore (Hangul with Hanja), FLORES says Hang",
}


def short_aliases() -> list[tuple[str, Language]]:
    return [(a, row) for row in languages() for a in row.aliases if re.fullmatch("[a-z]{2,3}", a)]


def test_short_aliases_mean_what_langcodes_says() -> None:
    langcodes = pytest.importorskip("langcodes", reason="pip install langcodes language_data")
    differing = {
        alias
        for alias, row in short_aliases()
        if langcodes.standardize_tag(alias, macro=True)
        != langcodes.standardize_tag(row.code[:3], macro=True)
    }
    assert differing == set(OTHER_LANGUAGE)


def test_two_letter_aliases_have_the_usual_script_of_langcodes() -> None:
    langcodes = pytest.importorskip("langcodes", reason="pip install langcodes language_data")
    differing = {
        alias
        for alias, row in short_aliases()
        if len(alias) == 2 and langcodes.get(alias).maximize().script != row.script
    }
    assert differing == set(OTHER_SCRIPT)


def test_keys_are_valid_tags() -> None:
    langcodes = pytest.importorskip("langcodes", reason="pip install langcodes language_data")
    # Classical Sanskrit has a code since ISO 639-3 of 2024; langcodes knows those of 2023.
    assert [r.code for r in languages() if not langcodes.tag_is_valid(r.code)] == ["cls_Deva"]


# Looking up ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("zh", "zho_Hans"),
        ("zho_Hans", "zho_Hans"),
        ("cmn", "zho_Hans"),
        ("zh-CN", "zho_Hans"),
        ("zh-Hans", "zho_Hans"),
        ("Chinese (Simplified)", "zho_Hans"),
        ("zh-TW", "zho_Hant"),
        ("zh_hant", "zho_Hant"),
        ("cmn_Hant", "zho_Hant"),
        ("sw", "swh_Latn"),
        ("swa", "swh_Latn"),
        ("swh_Latn", "swh_Latn"),
        ("Swahili", "swh_Latn"),
        ("SWAHILI ", "swh_Latn"),
        ("ar", "arb_Arab"),
        ("arb_Arab", "arb_Arab"),
        ("ara", "arb_Arab"),
        ("arz", "arz_Arab"),
        ("no", "nob_Latn"),
        ("norwegian bokma\u030al", "nob_Latn"),  # a with a combining ring
        ("fa-AF", "prs_Arab"),
        ("sr", "srp_Cyrl"),
        ("sr-Cyrl", "srp_Cyrl"),
        ("sr-Latn", "srp_Latn"),
        ("hi-Latn", "hin_Latn"),
        ("jp", "jpn_Jpan"),
        ("pt-BR", "por_Latn"),
        ("North Macedonian", "mkd_Cyrl"),
        ("Modern Standard Arabic", "arb_Arab"),
        ("Meitei", "mni_Beng"),
        # Codes that FLORES+ gave to texts of FLORES-200 (changelog of openlanguagedata/flores).
        ("cmn_Hans", "zho_Hans"),
        ("ekk_Latn", "est_Latn"),
        ("gug_Latn", "grn_Latn"),
        ("ktu_Latn", "kon_Latn"),
        ("fil_Latn", "tgl_Latn"),
        ("zgh_Tfng", "tzm_Tfng"),
        ("apc_Arab_sout3123", "ajp_Arab"),
        ("apc_Arab_nort3139", "apc_Arab"),
        ("twi_Latn_asan1239", "aka_Latn"),
        ("twi_Latn_akua1239", "twi_Latn"),
    ],
)
def test_resolve(text: str, code: str) -> None:
    assert resolve(text).code == code
    assert find(text) == language(code)


def test_the_codes_of_a_benchmark_win_over_the_conventions() -> None:
    assert resolve("sr").code == "srp_Cyrl"
    assert resolve("sr", "bmlama53").code == "srp_Cyrl"
    assert resolve("sr", "m_mmlu").code == "srp_Latn"
    assert resolve("sr", "m_arc").code == "srp_Latn"
    assert resolve("srp", "tatoeba").code == "srp_Latn"
    assert resolve("eu", "xnli").code == "eus_Latn"  # not in XNLI proper: looked up like any other


def test_everything_in_the_table_resolves_to_its_row() -> None:
    for row in languages():
        assert language(row.code) is row
        assert resolve(row.code) is row
        assert resolve(row.name) is row
        for alias in row.aliases:
            assert resolve(alias) is row, alias
        for dataset in CORPORA + BENCHMARKS:
            if code := row.code_in(dataset):
                assert resolve(code, dataset) is row
                assert benchmark_languages(dataset)[code] is row


SPELLINGS = sorted({s for row in languages() for s in (row.code, row.name, *row.aliases)})


@given(st.sampled_from(SPELLINGS), st.data())
def test_case_and_separators_do_not_matter(spelling: str, data: st.DataObject) -> None:
    changed = "".join(
        data.draw(st.sampled_from("-_ "))
        if char in "-_ "
        else char.upper()
        if data.draw(st.booleans())
        else char.lower()
        for char in spelling
    )
    assert resolve(changed) == resolve(spelling)


@given(st.text(max_size=12))
def test_any_text_is_a_language_or_a_sentence(text: str) -> None:
    found = find(text)
    if found is None:
        with pytest.raises(NeuronXAError, match=r"names no language|is ambiguous"):
            resolve(text)
    else:
        assert resolve(text) is found


@pytest.mark.parametrize(
    ("text", "close"),
    [
        ("fra_Lat", "`fra_Latn` (French)"),
        ("deu_Cyrl", "`deu_Latn` (German)"),
        ("swahilli", "`swh_Latn` (Swahili)"),
        ("Kurdish", "`ckb_Arab` (Central Kurdish), `kmr_Latn` (Northern Kurdish)"),
        ("fr-CA", "`fra_Latn` (French)"),
    ],
)
def test_unknown_is_refused_with_close_codes(text: str, close: str) -> None:
    with pytest.raises(NeuronXAError, match=re.escape(close)) as caught:
        resolve(text)
    assert str(caught.value).startswith(f"`{text}` names no language of the table. Close: {close}")
    assert find(text) is None


def test_unknown_without_anything_close() -> None:
    with pytest.raises(NeuronXAError, match=r"`zzzzz` names no language.*Nothing in it is close"):
        resolve("zzzzz")
    with pytest.raises(NeuronXAError, match=r"`` names no language"):
        resolve("")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("kas", ["kas_Arab", "kas_Deva"]),
        ("ks", ["kas_Arab", "kas_Deva"]),
        ("Kashmiri", ["kas_Arab", "kas_Deva"]),
        ("kr", ["knc_Arab", "knc_Latn"]),
        ("ace", ["ace_Arab", "ace_Latn"]),
        ("min", ["min_Arab", "min_Latn"]),
        ("Tamasheq", ["taq_Latn", "taq_Tfng"]),
    ],
)
def test_ambiguous_is_refused_with_its_candidates(text: str, codes: list[str]) -> None:
    with pytest.raises(NeuronXAError, match="is ambiguous") as caught:
        resolve(text)
    assert re.findall(r"`(\w+)`", str(caught.value)) == [text, *codes]
    assert find(text) is None


def test_language_takes_keys_only() -> None:
    for text in ("zh", "ZHO_HANS", "zho-Hans"):
        with pytest.raises(NeuronXAError, match=r"is not a key .* Close: `zho_Hans`"):
            language(text)


def test_yaml_norway_is_told() -> None:
    with pytest.raises(NeuronXAError, match="unquoted `no` as false"):
        resolve(False)  # type: ignore[arg-type]


def test_unknown_benchmark_is_refused() -> None:
    expected = "`hellaswag` is no column of the language table.*xnli, xstorycloze"
    with pytest.raises(NeuronXAError, match=expected):
        resolve("de", "hellaswag")
    with pytest.raises(NeuronXAError, match=expected):
        benchmark_languages("hellaswag")
    with pytest.raises(NeuronXAError, match=expected):
        language("deu_Latn").code_in("hellaswag")


def test_importing_the_table_imports_nothing_heavy() -> None:
    code = "import sys, neuronxa_tasks.text.languages as x; x.resolve('zh'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "transformers", "lm_eval"} & set(run.stdout.split())
