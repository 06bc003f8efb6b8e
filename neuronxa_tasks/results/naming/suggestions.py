"""What to type so that a task counts whose name seems to hold a language but is in no table."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from neuronxa_tasks.text import languages

_SEPARATOR = re.compile(r"([_\-. ])")
_SHOWN, _SENTENCES = 3, 10


def suggestions(tasks: Iterable[str]) -> list[str]:
    """One sentence for each template that would map some of the tasks.

    A part of a name is taken for a language where the language table knows it and it is the end of
    the name, is a whole name or key (`french`, `fra_Latn`), or stands where other tasks have other
    languages. Short words in the middle of one name (`be`, `it`, `no`) are none.

    Args:
        tasks: names of tasks whose language is not known.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    sure: set[str] = set()
    for task in dict.fromkeys(tasks):
        for template, spelling, at_end in _readings(task):
            found[template][task] = spelling
            if at_end or len(spelling) > 3:
                sure.add(template)
    told: set[str] = set()
    sentences = []
    # The template of most tasks first: it is the family; each task is told once.
    for template, members in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        new = [task for task in members if task not in told]
        several = len(set(members.values())) > 1
        if not new or not (several or template in sure):
            continue
        told |= set(new)
        shown = ", ".join(new[:_SHOWN]) + (", ..." if len(new) > _SHOWN else "")
        name = re.sub(r"[_\-. ]{2,}", "_", template.replace("{}", "")).strip("_-. ")
        spelled = ", ".join(dict.fromkeys(f"`{members[task]}`" for task in new[:_SHOWN]))
        sentences.append(
            f"No table of task names has {shown} ({len(new)} task(s) of this form). If {spelled} "
            f"stands for a language, type --template '{template}={name or 'mytask'}'."
        )
    more = len(sentences) - _SENTENCES
    return [*sentences[:_SENTENCES], *([f"{more} more such form(s) of names."] if more > 0 else [])]


def _readings(task: str) -> list[tuple[str, str, bool]]:
    """Template, the language's spelling, and whether it ends the name; the longest spelling."""
    parts = _SEPARATOR.split(task)
    found: list[tuple[str, str, bool]] = []
    for length in (5, 3, 1):  # three words, two, one; the separators stand between them
        for start in range(0, len(parts) - length + 1, 2):
            spelling = "".join(parts[start : start + length])
            if not _may_be_language(parts[start : start + length]):
                continue
            before, after = "".join(parts[:start]), "".join(parts[start + length :])
            if before or after:
                found.append((f"{before}{{}}{after}", spelling, not after))
        if found:
            return found
    return found


def _may_be_language(parts: list[str]) -> bool:
    spelling = "".join(parts)
    short = len(spelling) <= 3  # a code, which is written in small letters
    whole = all(parts[::2]) and (not short or spelling.islower())
    return whole and len(spelling) > 1 and languages.find(spelling) is not None
