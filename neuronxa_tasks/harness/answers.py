"""`--use_cache` for one model: the harness' cache of answers, which does not know the model.

The harness keeps the answers of benchmarks by their requests alone, so that a second checkpoint
gets those of the first. Here each file belongs to one model: its name ends in what
`model_identity` says of the weights, the tokenizer, the code and the options. Answers are kept as
JSON; the harness' own files are pickles, which can run code when they are read.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from lm_eval.api.model import CacheHook, CachingLM, hash_args

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import KEYED_ANSWERS
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.resume.identity import Unnameable, model_identity
from neuronxa_tasks.states.slices import processes

progress = logging.getLogger("lm_eval.neuronxa")

ANSWERED = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class KeyedAnswers(CachingLM):  # type: ignore[misc]
    """A model whose answers are kept, in a file that is this model's alone.

    Args:
        lm: A loaded `HFLM`.
        cache_db: The file that the harness names, `<use_cache>_rank<rank>.db`; the model's name is
            put before its rank.

    Raises:
        NeuronXAError: A model that cannot be told from others, or a file that cannot be used.
    """

    def __init__(self, lm: Any, cache_db: str) -> None:
        from sqlitedict import SqliteDict  # type: ignore[import-untyped]

        self.lm = lm
        asked, _, rank = cache_db.rpartition("_rank")
        self._model = _identity(lm, asked)
        self.cache_db = f"{asked}_{self._model}_rank{rank}"
        self._read = 0
        try:
            Path(self.cache_db).absolute().parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.cache_db)) as file:
                file.execute("pragma schema_version")  # here, or a thread of its dies loudly
            self.dbdict = SqliteDict(
                self.cache_db, autocommit=True, encode=json.dumps, decode=json.loads
            )
        except (OSError, RuntimeError, sqlite3.Error) as error:
            raise NeuronXAError(
                f"--use_cache is {asked!r}, but {self.cache_db} cannot be used ({error}). Delete "
                "that file, or give another path."
            ) from error
        lm.set_cache_hook(_Hook(self))
        progress.info("Answers are kept in %s, which is this model's alone.", self.cache_db)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.lm, name)
        return partial(self._answer, name) if name in ANSWERED else found

    def get_model_info(self) -> dict[str, Any]:
        """The facts of the model, and which answers were read: see `KEYED_ANSWERS`."""
        facts = {"model": self._model, "answers_read": self._read}
        return {**self.lm.get_model_info(), KEYED_ANSWERS: facts}

    def key(self, kind: str, arguments: Iterable[Any]) -> str:
        """Name of an answer. The softmax is part of it: BMLAMA takes it in float32."""
        softmax = str(getattr(self.lm, "softmax_dtype", None))
        return str(hash_args(kind, [softmax, list(arguments)]))

    def _answer(self, kind: str, requests: Sequence[Any], **options: Any) -> list[Any]:
        """Answers in the order of the requests; only what is missing is computed."""
        keys = [self.key(kind, request.args) for request in requests]
        known: dict[int, Any] = {}
        for place, (key, request) in enumerate(zip(keys, requests, strict=True)):
            if _is_drawn(kind, request.args):
                continue  # else all samples of one request would be equal
            found = _checked(kind, self.dbdict.get(key))
            if found is not None:
                known[place] = found
        missing = [place for place in range(len(requests)) if place not in known]
        self._read += len(known)
        progress.info("%d of %d answers (%s) were kept.", len(known), len(requests), kind)
        if missing:
            new = getattr(self.lm, kind)([requests[place] for place in missing], **options)
            for place, answer in zip(missing, new, strict=True):
                known[place] = self.dbdict[keys[place]] = answer
            self.dbdict.commit()
        return [known[place] for place in range(len(requests))]


class _Hook(CacheHook):  # type: ignore[misc]
    """Is told each answer while the others are computed, so that a killed run has kept it."""

    def __init__(self, answers: KeyedAnswers) -> None:
        super().__init__(answers)
        self.answers = answers

    def add_partial(self, attr: str, req: Iterable[Any], res: Any) -> None:
        self.dbdict[self.answers.key(attr, req)] = res


def answering(lm: Any) -> Any:
    """What to ask for answers: the cache in front of a model, or the model itself.

    The harness hands requests of types that it does not know to the model behind the cache.
    """
    hook = getattr(lm, "cache_hook", None)
    return hook.answers if isinstance(hook, _Hook) else lm


def key_by_model() -> None:
    """Have the harness make `KeyedAnswers` for `--use_cache`. Twice is harmless."""
    import lm_eval.api.model

    lm_eval.api.model.CachingLM = KeyedAnswers


def refuse_unkeyed(lm: Any) -> None:
    """Refuse a cache that the harness made before this package was loaded.

    Raises:
        NeuronXAError: `lm` is such a cache.
    """
    if isinstance(lm, CachingLM) and not isinstance(lm, KeyedAnswers):
        raise NeuronXAError(
            f"--use_cache keeps answers in {lm.cache_db}, which does not know the model: another "
            "checkpoint would get the answers of this one. Start the same run with `neuronxa run` "
            "instead of `lm_eval run` (in a notebook: call neuronxa_tasks.register() first), which "
            "keeps one file for each model, or leave --use_cache out."
        )


def _identity(lm: Any, asked: str) -> str:
    if not hasattr(lm, "model") or not hasattr(lm, "tokenizer"):
        found: str | Unnameable = Unnameable(f"{type(lm).__name__} does not show its weights")
    else:
        if processes(lm.model) > 1:
            raise NeuronXAError(
                f"--use_cache is {asked!r}, but the model is loaded with tensor parallelism "
                "(tp_plan): each process has a file of its own, and where one of them lacks an "
                "answer it would wait for the others for ever. Leave --use_cache out."
            )
        found = model_identity(lm, fingerprint(lm.model))
    if isinstance(found, Unnameable):
        raise NeuronXAError(
            f"--use_cache is {asked!r}, but this model cannot be told from others: {found.reason}. "
            "Its answers would be given to the next one. Leave --use_cache out."
        )
    return found[:16]


def _is_drawn(kind: str, arguments: Sequence[Any]) -> bool:
    return kind == "generate_until" and bool(arguments[1].get("do_sample", False))


_READERS: dict[str, Callable[[Any], Any]] = {
    "loglikelihood": lambda found: (float(found[0]), bool(found[1])),
    "loglikelihood_rolling": float,
    "generate_until": lambda found: found if isinstance(found, str) else None,
}


def _checked(kind: str, found: Any) -> Any:
    """An answer of its kind, or None: it is computed then."""
    try:
        return None if found is None else _READERS[kind](found)
    except (ValueError, TypeError, LookupError):
        return None
