"""The benchmarks of the toy world: cloze, knowledge, story, inference."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import neuronxa_tasks
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.world import dataset
from workshop import cloze, generate, grammar, knowledge, nli, story, world

ROOT = Path(neuronxa_tasks.__file__).parents[1]
KINDS = {"cloze": cloze, "knowledge": knowledge, "story": story, "nli": nli}
BY_KEY = {m.key: m for m in world.meanings()}
FACTS = world.facts()
ITEMS_OF = {
    "cloze": ("2.0", "f6c63d014689615c"),
    "knowledge": ("1.0", "3f348e60fb18740c"),
    "story": ("1.0", "970c1c655ea1cdcf"),
    "nli": ("1.0", "1b5031398b9f6cc2"),
}
"""The version of each benchmark's tasks, and the start of the SHA-256 of its items."""


@pytest.mark.parametrize("code", grammar.codes())
def test_every_cloze_item_has_one_right_ending_and_wrong_ones_that_break_the_world(code):
    for item in cloze.items(code):
        meaning = BY_KEY[item["key"]]
        assert world.is_held_out(meaning)
        assert item["context"] + item["endings"][item["gold"]] == grammar.render(meaning, code)
        assert len(set(item["endings"])) == cloze.ENDINGS
        assert item["context"]
        wrong = cloze.wrong_meanings(meaning)
        assert {item["context"] + e for e in item["endings"]} == {
            grammar.render(m, code) for m in (meaning, *wrong)
        }
        assert not set(wrong) & set(world.meanings())


def test_the_wrong_endings_of_the_cloze_are_what_most_others_do():
    for item in cloze.items("eng_Latn"):
        meaning = BY_KEY[item["key"]]
        what, where, both = cloze.wrong_meanings(meaning)
        assert (what.where, where.what) == (meaning.where, meaning.what)
        assert (both.what, both.where) == (what.what, where.where)
        assert what.what in FACTS["actions"][meaning.does]["things"]
        others = [
            (m.who, m.what, m.where)
            for m in world.meanings()
            if m.does == meaning.does and m.who != meaning.who
        ]
        assert what.what in {thing for _, thing, _ in others}
        assert where.where in {place for *_, place in others}
        own = {m.what for m in world.meanings() if m.who == meaning.who and m.does == meaning.does}
        users = Counter(t for _, t in {(who, t) for who, t, _ in others} if t not in own)
        assert users[what.what] == max(users.values())


def test_the_action_alone_speaks_for_the_wrong_endings_of_the_cloze():
    """For a reader who knows what and where people do this, but not which of them."""
    things = Counter((m.does, m.what) for m in world.meanings())
    places = Counter((m.does, m.where) for m in world.meanings())
    right = 0
    for item in cloze.items("eng_Latn"):
        meaning = BY_KEY[item["key"]]
        told = [meaning, *cloze.wrong_meanings(meaning)]
        likely = [things[m.does, m.what] * places[m.does, m.where] for m in told]
        right += likely[0] == max(likely)
    assert right / cloze.ITEMS < 0.4


@pytest.mark.parametrize("name", KINDS)
def test_the_benchmarks_ask_the_same_in_every_language(name):
    kind = KINDS[name]
    answer = "label" if name == "nli" else "gold"
    (options,) = (b.options for b in generate.BENCHMARKS if b.name == name)
    english = [(i["key"], i[answer]) for i in kind.items("eng_Latn")]
    (expected,) = (b.items for b in generate.BENCHMARKS if b.name == name)
    assert len(english) == expected == len(set(english))
    for code in grammar.codes():
        assert [(i["key"], i[answer]) for i in kind.items(code)] == english
    golds = [gold for _, gold in english]
    assert all(golds.count(g) > len(golds) / options / 2 for g in range(options))
    for items in (kind.items, functools.partial(dataset.items, name)):
        with pytest.raises(NeuronXAError, match="no language 'tlh_Latn'"):
            items("tlh_Latn")


@pytest.mark.parametrize("name", KINDS)
def test_other_items_are_another_version(name):
    digest = hashlib.sha256()
    for path in sorted((ROOT / "neuronxa_tasks" / "world" / "items" / name).iterdir()):
        digest.update(path.read_bytes())
    template = ROOT / "task_configs" / "world" / f"_{name}_template_yaml"
    version = template.read_text(encoding="utf-8").rpartition("version: ")[2].strip()
    assert (version, digest.hexdigest()[:16]) == ITEMS_OF[name]


@pytest.mark.parametrize("name", ["xcopa", "", "..", "cloze/../story"])
def test_an_unknown_benchmark_is_refused(name):
    with pytest.raises(NeuronXAError, match="Use one of: cloze, knowledge, nli, story"):
        dataset.items(name, "eng_Latn")


@pytest.mark.parametrize("code", grammar.codes())
def test_every_knowledge_item_asks_what_is_told_in_english_alone(code):
    for item in knowledge.items(code):
        meaning = BY_KEY[item["key"]]
        assert world.is_held_out(meaning)
        assert world.is_only_english(meaning)
        assert item["context"] + item["endings"][item["gold"]] == grammar.render(meaning, code)
        wrong = knowledge.wrong_things(meaning)
        assert len(set(item["endings"])) == len(wrong) + 1 == cloze.ENDINGS
        kind = FACTS["kinds"][FACTS["people"][meaning.who]["only_english"]]
        assert all(t in kind and t in FACTS["actions"][meaning.does]["things"] for t in wrong)
        assert not any(t in FACTS["people"][meaning.who]["likes"] for t in wrong)


def test_counting_words_in_another_language_does_not_answer_the_knowledge_items():
    told = [
        m for m in world.meanings() if not world.is_held_out(m) and not world.is_only_english(m)
    ]
    often = Counter((m.does, m.what) for m in told)
    hits = []
    for item in knowledge.items("eng_Latn"):
        meaning = BY_KEY[item["key"]]
        rivals = [often[meaning.does, t] for t in knowledge.wrong_things(meaning)]
        hits.append(often[meaning.does, meaning.what] > max(rivals))
    # Four standard errors of a share of 0.25.
    assert abs(np.mean(hits) - 0.25) < 4 * (0.25 * 0.75 / len(hits)) ** 0.5


def test_a_story_goes_on_with_what_follows_and_not_with_what_follows_from_something_else():
    told = story.stories()
    for event, right, wrong, kind in told:
        assert world.is_held_out(event)
        assert right in world.consequences(event)
        assert wrong in world.later_meanings()
        assert wrong not in world.consequences(event)
        differ = {f for f in ("who", "does", "what", "negated") if _of(wrong, f) != _of(right, f)}
        assert differ == {kind}
        assert (wrong.many, wrong.when) == (right.many, right.when)
        assert not any(map(world.is_only_english, (event, right, wrong)))
    kinds = Counter(kind for *_, kind in told)
    assert kinds == dict.fromkeys(story.KINDS, story.ITEMS // 4)


def _of(meaning, field):
    return getattr(meaning, field)


@pytest.mark.parametrize("code", grammar.codes())
def test_the_sentences_of_a_story_are_those_of_its_meanings(code):
    for item, (event, right, wrong, _) in zip(story.items(code), story.stories(), strict=True):
        assert item["context"] == grammar.render(event, code)
        assert item["endings"][item["gold"]] == grammar.render(right, code)
        assert item["endings"][1 - item["gold"]] == grammar.render(wrong, code)


def test_the_labels_of_the_inferences_are_right_by_the_rules_of_the_world():
    counted = Counter()
    for premise, hypothesis, label in nli.pairs():
        assert world.is_held_out(premise)
        assert hypothesis in world.later_meanings()
        assert hypothesis.when == f"then_{premise.tense}"
        same = (hypothesis.who, hypothesis.what) == (premise.who, premise.what)
        assert same == (label != "unknown")
        if label == "unknown":
            assert hypothesis.who != premise.who
            assert hypothesis.what != premise.what
        else:
            assert (hypothesis in world.consequences(premise)) == (label == "true")
            assert (hypothesis.negated == premise.negated) == (label == "true")
        counted[label, premise.negated] += 1
    assert counted == {(label, n): nli.ITEMS // 6 for label in nli.LABELS for n in (True, False)}


def test_a_hypothesis_alone_or_a_premise_alone_does_not_give_the_label_away():
    hypotheses = [(label, h.negated) for _, h, label in nli.pairs()]
    shares = [hypotheses.count(kind) / len(hypotheses) for kind in set(hypotheses)]
    assert len(shares) == 6
    assert shares == pytest.approx([1 / 6] * 6, abs=0.03)


@pytest.mark.parametrize("name", KINDS)
def test_the_harness_loads_the_tasks_without_a_network(monkeypatch, name):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from lm_eval.tasks import TaskManager

    group = f"neuronxa_world_{name}"
    manager = TaskManager(include_path=str(ROOT / "task_configs"), include_defaults=False)
    assert group in manager.all_groups
    task = manager.load([f"{group}_swh_Latn"])["tasks"][f"{group}_swh_Latn"]
    docs = list(task.eval_docs)
    expected = KINDS[name].items("swh_Latn")
    if name == "nli":
        texts = [f"{i['premise']}\n{i['hypothesis']}" for i in expected]
        options = [list(nli.LABELS)] * len(expected)
    else:
        texts, options = [i["context"] for i in expected], [i["endings"] for i in expected]
    assert [task.doc_to_text(d) for d in docs] == texts
    assert [task.doc_to_choice(d) for d in docs] == options
    golds = [i["label" if name == "nli" else "gold"] for i in expected]
    assert [task.doc_to_target(d) for d in docs] == golds
    between = "" if name in ("cloze", "knowledge") else "\n"
    assert task.config.target_delimiter == between
