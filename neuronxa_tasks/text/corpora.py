"""The corpora by name: which languages each has, and which module finds its text.

Nothing is downloaded on the way to a text except through the `datasets` library;
`neuronxa_tasks.text.fetch` brings the official archive of FLORES-200.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.flores import find_flores, flores_codes
from neuronxa_tasks.text.folders import one_per_language
from neuronxa_tasks.text.languages import languages
from neuronxa_tasks.text.parallel import Corpus, Source
from neuronxa_tasks.text.shipped import find_shipped, shipped_codes
from neuronxa_tasks.text.tatoeba import find_tatoeba


def corpus(name: str) -> Corpus:
    """Look a corpus up by its name.

    Raises:
        NeuronXAError: No corpus has this name.
    """
    if name not in CORPORA:
        raise NeuronXAError(
            f"dataset_path is {name!r}; the corpora are {', '.join(CORPORA)}. For your own text "
            "make task configs with `neuronxa tasks new`."
        )
    return CORPORA[name]


def _find_folder(pivot: str, target: str, data_dir: Path | None) -> Source:
    if data_dir is None:
        raise NeuronXAError(
            "This task has no data_dir, so its text cannot be found. Make the task configs again "
            "with `neuronxa tasks new`, or set data_dir with --metadata."
        )
    return one_per_language(data_dir, [pivot], [target], ("{}.txt",))


CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {
        each.name: each
        for each in (
            Corpus(
                "flores",
                flores_codes(),
                True,
                find_flores,
                ("flores200_dataset", "flores200", "flores"),
            ),
            Corpus(
                "tatoeba",
                tuple(sorted(language.tatoeba for language in languages() if language.tatoeba)),
                False,
                find_tatoeba,
                ("tatoeba",),
            ),
            Corpus("mini", shipped_codes("mini"), True, find_shipped("mini")),
            Corpus("world", shipped_codes("world"), True, find_shipped("world")),
            Corpus("folder", (), True, _find_folder),
        )
    }
)
"""Corpora by name."""
