from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuronxa_tasks
from neuronxa_tasks.errors import NeuronXAError
from workshop import generate, grammar, nli, stream, world

ROOT = Path(neuronxa_tasks.__file__).parents[1]
XNLI = {
    *("arb_Arab", "bul_Cyrl", "deu_Latn", "ell_Grek", "eng_Latn", "fra_Latn", "hin_Deva"),
    *("rus_Cyrl", "spa_Latn", "swh_Latn", "tha_Thai", "tur_Latn", "urd_Arab", "vie_Latn"),
    "zho_Hans",
}


SLOTS = ("who", "many", "does", "what", "where", "when", "negated")


@functools.cache
def sentences(code: str) -> list[str]:
    """The sentences of all meanings, those of second sentences included."""
    told = list(world.meanings())
    every = [*told, *dict.fromkeys(c for m in told for c in world.consequences(m))]
    return [grammar.render(m, code) for m in every]


def test_the_languages_are_those_of_xnli():
    assert grammar.codes()[0] == "eng_Latn"
    assert set(grammar.codes()) == XNLI


def test_there_are_thousands_of_meanings_and_one_in_eight_is_held_out():
    told = world.meanings()
    assert len(told) == len(set(told)) > 20_000
    assert len({m.key for m in told}) == len(told)
    held = sum(map(world.is_held_out, told))
    assert held / len(told) == pytest.approx(1 / world.HELD_OUT_ONE_IN, rel=0.1)


@pytest.mark.parametrize("code", sorted(XNLI))
def test_every_meaning_has_one_sentence_and_every_sentence_one_meaning(code):
    assert len(set(sentences(code))) == len(sentences(code))
    for text in sentences(code):
        assert text
        assert text == text.strip()
        assert "  " not in text
        assert not set("{}|_\n") & set(text)


@pytest.mark.parametrize("code", sorted(XNLI))
def test_every_word_of_the_lexicon_is_used_and_every_word_needed_is_there(code):
    lex = grammar.lexicon(code)
    facts = world.facts()
    assert set(lex["who"]) == set(facts["people"])
    assert set(lex["does"]) == set(facts["actions"])
    assert set(lex["when"]) == {t["word"] for t in facts["times"].values()}
    assert set(lex["where"]) == {
        place for who in facts["people"] for does in facts["actions"]
        for place in world.places_of(who, does)
    }  # fmt: skip
    assert set(lex["what"]) == {t for p in facts["people"].values() for t in p["likes"]}
    # A form that no sentence shows was read by nobody, and may be wrong. Hindi and Urdu spell out
    # two that the world cannot show: no women wash things, and all that Hindi writes is feminine.
    shown = "\n".join(sentences(code)).lower()
    forms = [f for entry in lex["does"].values() for f in entry.values()]
    forms += [n["form"] for entry in lex["who"].values() for n in entry.values()]
    forms += [entry["form"] for entry in lex["what"].values()]
    forms += [*lex["where"].values(), *lex["when"].values(), *lex.get("words", {}).values()]
    allowed = ("धोती हैं", "دھوتی ہیں", "लिखा")
    assert [f for f in forms if f.lower() not in shown and not f.endswith(allowed)] == []


# Written by hand from grammar books, not copied from the program's output.
GOLDEN = {
    ("boy", False, "eat", "apple", "garden", "yesterday", False): {
        "eng_Latn": "Yesterday the boy ate the apple in the garden.",
        "deu_Latn": "Gestern aß der Junge im Garten den Apfel.",
        "fra_Latn": "Hier le garçon a mangé la pomme dans le jardin.",
        "spa_Latn": "Ayer el niño comió la manzana en el jardín.",
        "rus_Cyrl": "Вчера мальчик съел яблоко в саду.",
        "bul_Cyrl": "Вчера момчето изяде ябълката в градината.",
        "ell_Grek": "Χθες το αγόρι έφαγε το μήλο στον κήπο.",
        "tur_Latn": "Dün oğlan bahçede elmayı yedi.",
        "swh_Latn": "Jana mvulana alikula tufaha bustanini.",
        "arb_Arab": "أمس أكل الولد التفاحة في الحديقة.",
        "hin_Deva": "कल लड़के ने बग़ीचे में सेब खाया।",
        "urd_Arab": "کل لڑکے نے باغ میں سیب کھایا۔",
        "tha_Thai": "เมื่อวานเด็กผู้ชายได้กินแอปเปิลในสวน",
        "vie_Latn": "Hôm qua cậu bé đã ăn quả táo trong vườn.",
        "zho_Hans": "昨天男孩在花园吃了苹果。",
    },
    ("queen", True, "drink", "tea", "city", "in_winter", True): {
        "eng_Latn": "In winter the queens do not drink the tea in the city.",
        "deu_Latn": "Im Winter trinken die Königinnen in der Stadt den Tee nicht.",
        "fra_Latn": "En hiver les reines ne boivent pas le thé en ville.",
        "spa_Latn": "En invierno las reinas no beben el té en la ciudad.",
        "rus_Cyrl": "Зимой королевы не пьют чай в городе.",
        "bul_Cyrl": "През зимата кралиците не пият чая в града.",
        "ell_Grek": "Τον χειμώνα οι βασίλισσες δεν πίνουν το τσάι στην πόλη.",
        "tur_Latn": "Kışın kraliçeler şehirde çayı içmez.",
        "swh_Latn": "Wakati wa baridi malkia hawanywi chai mjini.",
        "arb_Arab": "في الشتاء لا تشرب الملكات الشاي في المدينة.",
        "hin_Deva": "सर्दियों में रानियाँ शहर में चाय नहीं पीती हैं।",
        "urd_Arab": "سردیوں میں ملکائیں شہر میں چائے نہیں پیتی ہیں۔",
        "tha_Thai": "ในฤดูหนาวพวกราชินีไม่ดื่มชาในเมือง",
        "vie_Latn": "Vào mùa đông các nữ hoàng không uống trà ở thành phố.",
        "zho_Hans": "冬天女王们不在城里喝茶。",
    },
    ("sara", False, "buy", "fish", "market", "tomorrow", True): {
        "eng_Latn": "Tomorrow Sara will not buy the fish at the market.",
        "deu_Latn": "Morgen wird Sara auf dem Markt den Fisch nicht kaufen.",
        "fra_Latn": "Demain Sara n'achètera pas le poisson au marché.",
        "spa_Latn": "Mañana Sara no comprará el pescado en el mercado.",
        "rus_Cyrl": "Завтра Сара не купит рыбу на рынке.",
        "bul_Cyrl": "Утре Сара няма да купи рибата на пазара.",
        "ell_Grek": "Αύριο η Σάρα δεν θα αγοράσει το ψάρι στην αγορά.",
        "tur_Latn": "Yarın Sara pazarda balığı satın almayacak.",
        "swh_Latn": "Kesho Sara hatanunua samaki sokoni.",
        "arb_Arab": "غدًا لن تشتري سارة السمك في السوق.",
        "hin_Deva": "कल सारा बाज़ार में मछली नहीं ख़रीदेगी।",
        "urd_Arab": "کل سارہ بازار میں مچھلی نہیں خریدے گی۔",
        "tha_Thai": "พรุ่งนี้ซาร่าจะไม่ซื้อปลาที่ตลาด",
        "vie_Latn": "Ngày mai Sara sẽ không mua cá ở chợ.",
        "zho_Hans": "明天萨拉不会在市场买鱼。",
    },
}


@pytest.mark.parametrize("slots", GOLDEN)
def test_sentences_written_by_hand(slots):
    meaning = world.Meaning(*slots)
    assert meaning in world.meanings()
    assert {code: grammar.render(meaning, code) for code in GOLDEN[slots]} == GOLDEN[slots]


@given(st.integers(min_value=0, max_value=10**6))
def test_what_follows_keeps_person_thing_tense_and_truth(index):
    told = world.meanings()
    meaning = told[index % len(told)]
    for later in world.consequences(meaning):
        assert (later.who, later.many, later.what) == (meaning.who, meaning.many, meaning.what)
        assert (later.tense, later.negated) == (meaning.tense, meaning.negated)
        assert later.what in world.facts()["actions"][later.does]["things"]
        assert world.consequences(later) == ()
        assert later in world.later_meanings()
        for slot in ("who", "does", "what"):
            for other in world.alternatives(later, slot):
                changed = {f for f in SLOTS if getattr(other, f) != getattr(later, f)}
                assert slot in changed <= {slot, "where"}


def test_the_documents_never_tell_a_held_out_meaning():
    source = stream.documents(stream.load_dials(), np.random.default_rng(3))
    told = {line.meaning for document in itertools.islice(source, 20_000) for line in document}
    assert len(told) > 10_000
    assert not any(map(world.is_held_out, told))
    assert not told & set(world.selected(generate.SENTENCES, "world text"))


def test_what_is_told_in_english_alone_is_told_in_english_documents_alone():
    source = stream.documents(stream.load_dials(), np.random.default_rng(4))
    languages = set()
    for document in itertools.islice(source, 20_000):
        if any(world.is_only_english(line.meaning) for line in document):
            languages |= {c for line in document for c in (line.code, line.guest)}
    assert languages == {"eng_Latn", None}
    assert not any(map(world.is_only_english, world.selected(200, "world text")))


def test_the_documents_follow_the_seed_alone():
    def first(seed: int) -> list[str]:
        source = stream.documents(stream.load_dials(), np.random.default_rng(seed))
        return [stream.text_of(d) for d in itertools.islice(source, 50)]

    assert first(5) == first(5)
    assert first(5) != first(6)


def test_the_exercises_teach_every_label_alike_in_english_and_in_mixed_sentences():
    dials = {
        "eng_Latn": stream.Dial(1.0, 0.0),
        "fra_Latn": stream.Dial(1.0, 0.5),
        "tha_Thai": stream.Dial(1.0, 0.0),
    }
    source = stream.documents(dials, np.random.default_rng(2), mixed=0.8, inference=0.4)
    drawn = list(itertools.islice(source, 12_000))
    exercises = [d for d in drawn if d[-1].label is not None]
    assert all(len(d) == 2 and d[0].label is None for d in exercises)
    english = [d for d in exercises if d[0].guest is None]
    assert {line.code for d in english for line in d} == {"eng_Latn"}
    mixed = [d for d in exercises if d[0].guest is not None]
    assert {frozenset((d[1].code, d[1].guest)) for d in mixed} == {
        frozenset(("eng_Latn", "fra_Latn"))
    }
    assert len(english) / len(drawn) == pytest.approx(0.4 / 3, abs=0.02)
    assert len(mixed) / len(drawn) == pytest.approx(0.4 * 0.8 * 0.5 / 3, abs=0.02)
    # Neither the hypothesis nor the premise alone gives the label away.
    for end in (0, 1):
        kinds = [(d[1].label, d[end].meaning.negated) for d in exercises]
        assert all(
            kinds.count(k) / len(kinds) == pytest.approx(1 / 6, abs=0.04) for k in set(kinds)
        )
    premise, hypothesis, label = stream.text_of(english[0]).split("\n")
    assert premise.endswith(".")
    assert hypothesis.startswith("Then ")
    assert label in nli.LABELS
    told = (line for d in drawn if d[-1].label is None for line in d)
    assert all(line.label is None for line in told)


def test_the_dials_set_the_shares():
    dials = {
        "eng_Latn": stream.Dial(1.0, 0.0),
        "fra_Latn": stream.Dial(2.0, 0.75),
        "tha_Thai": stream.Dial(1.0, 0.0),
    }
    source = stream.documents(dials, np.random.default_rng(0), mixed=0.25, inference=0.0)
    drawn = list(itertools.islice(source, 8000))
    kinds = [
        (frozenset(line.code for line in d) | {line.guest for line in d if line.guest}, d[0].guest)
        for d in drawn
    ]
    languages = [language for language, _ in kinds]
    share = {s: languages.count(s) / len(languages) for s in set(languages)}
    bridge = frozenset({"eng_Latn", "fra_Latn"})
    assert share[bridge] == pytest.approx(0.5 * 0.75, abs=0.02)
    assert share[frozenset({"fra_Latn"})] == pytest.approx(0.5 * 0.25, abs=0.02)
    assert share[frozenset({"tha_Thai"})] == pytest.approx(0.25, abs=0.02)
    mixed = sum(guest is not None for _, guest in kinds) / languages.count(bridge)
    assert mixed == pytest.approx(0.25, abs=0.03)
    for document, (language, guest) in zip(drawn, kinds, strict=True):
        if language == bridge and guest is None:
            for first, second in zip(document[::2], document[1::2], strict=True):
                assert first.meaning == second.meaning
                assert first.code != second.code


@pytest.mark.parametrize(
    ("code", "borrowed", "expected"),
    [
        ("fra_Latn", ("what",), "Hier les garçons ont mangé the apple dans le jardin."),
        ("fra_Latn", ("who", "when"), "Yesterday the boys ont mangé la pomme dans le jardin."),
        ("hin_Deva", ("who",), "कल the boys ने बग़ीचे में सेब खाया।"),
        ("zho_Hans", ("who", "what"), "昨天 the boys 在花园吃了 the apple。"),
        ("zho_Hans", (), "昨天男孩们在花园吃了苹果。"),
    ],
)
def test_a_mixed_sentence_keeps_the_order_and_agreement_of_its_language(code, borrowed, expected):
    meaning = world.Meaning("boy", True, "eat", "apple", "garden", "yesterday", False)
    assert grammar.render(meaning, code, "eng_Latn", borrowed) == expected


def test_the_shipped_dials_are_graded_and_leave_one_language_without_a_bridge():
    dials = stream.load_dials()
    assert set(dials) == XNLI
    shares = sorted(d.bilingual for code, d in dials.items() if code != stream.PARTNER)
    assert shares[0] == 0.0 < shares[1]
    assert len(set(shares)) == len(shares)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "could not be read"),
        ('{"fra_Latn": 1}', "could not be read"),
        ('{"fra_Latn": {"weight": 1.0}}', "could not be read"),
        ("{}", "no language"),
        ('{"xxx_Latn": {"weight": 1, "bilingual": 0}}', "xxx_Latn"),
        ('{"fra_Latn": {"weight": 0, "bilingual": 0}}', "must be positive"),
        ('{"fra_Latn": {"weight": 1, "bilingual": 1.5}}', "1.5"),
        ('{"eng_Latn": {"weight": 1, "bilingual": 0.5}}', "partner"),
    ],
)
def test_wrong_dials_are_refused_by_name(tmp_path, content, said):
    path = tmp_path / "dials.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NeuronXAError, match=said):
        stream.load_dials(path)


def test_an_unknown_language_is_refused():
    with pytest.raises(NeuronXAError, match="eng_Latn"):
        grammar.render(world.meanings()[0], "tlh_Latn")


def test_more_held_out_meanings_than_there_are_is_an_error():
    with pytest.raises(NeuronXAError, match="Ask for 0 to"):
        world.selected(10**6, "any")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder in which the generator wrote its files."""
    folder = tmp_path_factory.mktemp("generated")
    assert generate.main([str(folder)]) == 0
    return folder


def test_the_shipped_files_are_what_the_grammar_gives(written):
    texts = {path.relative_to(written) for path in written.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in texts} == {"neuronxa_tasks", "task_configs"}
    other = [str(t) for t in texts if (ROOT / t).read_bytes() != (written / t).read_bytes()]
    assert not other, "run `python -m workshop.generate` in results/world"


@pytest.mark.parametrize("folder", ["neuronxa_tasks/world/items", "neuronxa_tasks/text/data/world"])
def test_no_other_file_is_shipped_beside_them(written, folder):
    found, made = (
        {path.relative_to(top) for path in (top / folder).rglob("*")} for top in (ROOT, written)
    )
    assert found == made


def test_the_parallel_text_is_line_parallel():
    lines = {c: generate.parallel_text(c).splitlines() for c in grammar.codes()}
    assert {len(text) for text in lines.values()} == {generate.SENTENCES}
    assert all(len(set(text)) == generate.SENTENCES for text in lines.values())


def test_the_lexicons_and_facts_are_written_with_one_entry_per_line():
    folder = ROOT / "results" / "world" / "workshop" / "lexicons"
    paths = list(folder.glob("*.json"))
    assert {path.stem for path in paths} == XNLI
    for path in paths:
        assert set(json.loads(path.read_text(encoding="utf-8"))) >= {
            *("space", "stop", "order", "who", "what", "where", "when", "does")
        }
