"""The shipped sentences: complete, parallel in form, each in its own script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import neuronxa_tasks

FOLDER = Path(neuronxa_tasks.__file__).parent / "text" / "data" / "mini"

# First word of the Unicode names of the letters. CJK is what Unicode calls Chinese characters.
SCRIPTS = {
    "arb_Arab": "ARABIC",
    "bul_Cyrl": "CYRILLIC",
    "deu_Latn": "LATIN",
    "ell_Grek": "GREEK",
    "eng_Latn": "LATIN",
    "fra_Latn": "LATIN",
    "hin_Deva": "DEVANAGARI",
    "rus_Cyrl": "CYRILLIC",
    "spa_Latn": "LATIN",
    "swh_Latn": "LATIN",
    "tha_Thai": "THAI",
    "tur_Latn": "LATIN",
    "urd_Arab": "ARABIC",
    "vie_Latn": "LATIN",
    "zho_Hans": "CJK",
}

# Character sets made for one language or its neighbours: they know neither the letters of another
# language in the same script nor lookalikes. GB 2312 has no traditional characters.
CHARACTER_SETS = {
    "arb_Arab": "iso8859_6",
    "deu_Latn": "iso8859_1",
    "ell_Grek": "iso8859_7",
    "eng_Latn": "ascii",
    "fra_Latn": "iso8859_15",
    "rus_Cyrl": "koi8_r",
    "spa_Latn": "iso8859_1",
    "swh_Latn": "ascii",
    "tha_Thai": "tis_620",
    "tur_Latn": "iso8859_9",
    "zho_Hans": "gb2312",
}

# Letters of a neighbour that the language does not write.
FOREIGN = {
    "bul_Cyrl": "ыэё",  # Russian
    "urd_Arab": "يكهة",  # the Arabic forms of ی ک ہ, and ta marbuta
    "arb_Arab": "یکہے",  # and the other way round
}

FULL_STOPS = {"hin_Deva": "।", "tha_Thai": "", "urd_Arab": "۔", "zho_Hans": "。"}
QUESTION_MARKS = {"arb_Arab": "؟", "ell_Grek": ";", "urd_Arab": "؟", "zho_Hans": "？"}

# Letters and words that a text in the language of 100 sentences cannot lack.
FREQUENT = {
    "deu_Latn": ("ß", "ü", "und"),
    "fra_Latn": ("é", "œ", "les"),
    "spa_Latn": ("ñ", "¿", "que"),
    "swh_Latn": ("ng'", "kwa"),
    "tur_Latn": ("ğ", "ı", "İ", "bir"),
    "vie_Latn": ("đ", "ư", "một"),
    "bul_Cyrl": ("ъ", "ѝ"),
    "rus_Cyrl": ("ы", "ё"),
    "urd_Arab": ("ں", "ے", "ہ"),
}

each_language = pytest.mark.parametrize("code", sorted(SCRIPTS))


def lines(code: str) -> list[str]:
    return (FOLDER / f"{code}.txt").read_text(encoding="utf-8").split("\n")[:-1]


def questions(code: str) -> list[int]:
    mark = QUESTION_MARKS.get(code, "?")
    return [i for i, line in enumerate(lines(code), 1) if line.endswith(mark)]


def test_the_folder_holds_the_languages_and_a_card() -> None:
    wanted = {f"{code}.txt" for code in SCRIPTS} | {"README.md"}
    assert {path.name for path in FOLDER.iterdir()} == wanted


@each_language
def test_bytes_are_utf8_nfc_with_line_feeds_and_no_byte_order_mark(code: str) -> None:
    raw = (FOLDER / f"{code}.txt").read_bytes()
    text = raw.decode("utf-8")
    assert unicodedata.normalize("NFC", text) == text
    assert not text.startswith("\ufeff")
    assert "\r" not in text
    assert text.endswith("\n")
    # Other line ends of Unicode would split a line for str.splitlines.
    assert text.splitlines() == text.split("\n")[:-1]


@each_language
def test_one_hundred_different_sentences(code: str) -> None:
    assert len(lines(code)) == 100
    repeated = [
        line for line, count in Counter(map(str.casefold, lines(code))).items() if count > 1
    ]
    assert repeated == []


@each_language
def test_no_empty_lines_and_no_stray_spaces(code: str) -> None:
    for number, line in enumerate(lines(code), 1):
        assert line, f"line {number} is empty"
        assert line == line.strip(), f"line {number} has spaces around it"
        assert not re.search(r"\s\s", line), f"line {number} has two spaces in a row"


@each_language
def test_every_letter_is_of_the_script_of_the_language(code: str) -> None:
    for number, line in enumerate(lines(code), 1):
        strange = [
            character
            for character in line
            if unicodedata.category(character)[0] in "LM"
            and unicodedata.name(character).split()[0] != SCRIPTS[code]
        ]
        assert strange == [], f"line {number}: {line}"


@each_language
def test_no_digits_and_no_invisible_characters(code: str) -> None:
    for number, line in enumerate(lines(code), 1):
        categories = {unicodedata.category(character)[0] for character in line}
        assert "N" not in categories, f"line {number}: {line}"
        assert "C" not in categories, f"line {number}: {line}"


@pytest.mark.parametrize("code", sorted(CHARACTER_SETS))
def test_characters_are_of_the_language_and_not_lookalikes(code: str) -> None:
    for line in lines(code):
        line.encode(CHARACTER_SETS[code])  # raises UnicodeEncodeError


@pytest.mark.parametrize("code", sorted(FOREIGN))
def test_no_letters_of_a_neighbour_language(code: str) -> None:
    assert not set(FOREIGN[code]) & set("".join(lines(code)).lower())


@pytest.mark.parametrize("code", sorted(FREQUENT))
def test_the_file_is_in_the_language_of_its_name(code: str) -> None:
    text = "\n".join(lines(code))
    assert [mark for mark in FREQUENT[code] if mark not in text] == []


@each_language
def test_every_sentence_ends_with_the_punctuation_of_its_script(code: str) -> None:
    question, stop = QUESTION_MARKS.get(code, "?"), FULL_STOPS.get(code, ".")
    for number, line in enumerate(lines(code), 1):
        ends = [character for character in line if character in {question, stop}]
        if stop == "" and not ends:  # Thai writes no full stop
            assert unicodedata.category(line[-1])[0] in "LM", f"line {number}: {line}"
            continue
        assert len(ends) == 1, f"line {number} is not one sentence: {line}"
        assert line[-1] in {question, stop}, f"line {number}: {line}"


@each_language
def test_the_same_lines_are_questions_in_every_language(code: str) -> None:
    assert len(questions("eng_Latn")) == 8
    assert questions(code) == questions("eng_Latn")


def test_no_line_is_shared_by_two_languages() -> None:
    found: dict[str, str] = {}
    for code in SCRIPTS:
        for line in lines(code):
            assert line not in found, f"{found.get(line)} and {code}: {line}"
            found[line] = code


def test_english_sentences_have_eight_to_eighteen_words() -> None:
    counts = [len(line.split()) for line in lines("eng_Latn")]
    assert min(counts) >= 8
    assert max(counts) <= 18


def test_english_capital_letters_only_begin_sentences_and_name_days() -> None:
    """A name would be spelt alike in many languages and give its translation away."""
    inside = {
        word
        for line in lines("eng_Latn")
        for word in re.findall(r"\w+", line)[1:]
        if word[0].isupper()
    }
    assert inside <= {"I", "Sunday", "Thursday"}


@each_language
def test_lengths_go_with_the_english_ones(code: str) -> None:
    """A truncated or doubled sentence shows as a ratio of lengths far from the usual one."""
    ratios = sorted(
        len(line) / len(english)
        for line, english in zip(lines(code), lines("eng_Latn"), strict=True)
    )
    usual = ratios[50]
    assert ratios[0] > usual / 2
    assert ratios[-1] < usual * 2


def trigrams(line: str) -> dict[str, float]:
    """Counts of letter trigrams, scaled to length one."""
    text = f" {line.lower()} "
    counts = Counter(text[i : i + 3] for i in range(len(text) - 2))
    norm = sum(count * count for count in counts.values()) ** 0.5
    return {trigram: count / norm for trigram, count in counts.items()}


def test_the_card_tells_how_much_the_surface_gives_away() -> None:
    english = [trigrams(line) for line in lines("eng_Latn")]
    hits = {}
    for code in set(SCRIPTS) - {"eng_Latn"}:
        other = [trigrams(line) for line in lines(code)]
        cosine = [
            [sum(x * b.get(trigram, 0.0) for trigram, x in a.items()) for b in other]
            for a in english
        ]
        columns = list(zip(*cosine, strict=True))
        hits[code] = sum(
            # The pair is the largest of its row and of its column, and no other is as large.
            sum(x >= row[i] for x in row) == 1 and sum(x >= row[i] for x in columns[i]) == 1
            for i, row in enumerate(cosine)
        )
    found = {code: count for code, count in hits.items() if count}
    assert found == {"fra_Latn": 27, "spa_Latn": 22, "deu_Latn": 19, "swh_Latn": 4, "tur_Latn": 4}
    card = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    assert "27 of 100 French" in card
    assert "22 Spanish, 19 German, 4 Swahili, 4 Turkish, and none in the other nine" in card


def test_the_card_names_every_language_and_the_licence() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [code for code in SCRIPTS if f"`{code}`" not in card] == []
    assert "MIT" in card
    assert "native speakers" in card
