"""Text of others (names of models, tasks, languages) inside documents: it stays text."""

from __future__ import annotations

import unicodedata

_MARKDOWN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",
    **{sign: f"\\{sign}" for sign in "\\`*[]~$!"},
}
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}

_UNPRINTED = ("Cc", "Cf", "Cs", "Cn", "Co")


def plain(text: object) -> str:
    """One line without control, invisible and private characters and lone surrogates.

    What is left can stand in XML 1.0 and in a terminal.
    """
    kept = (
        " " if sign.isspace() else "" if unicodedata.category(sign) in _UNPRINTED else sign
        for sign in str(text)
    )
    return "".join(kept).strip()


def visible(text: str) -> str:
    r"""One line in which every character that would act or hide is spelled out, as `\u202e`.

    Unlike `plain` it keeps different names different. Other white space becomes a space.
    """
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign.isprintable()
        else " "
        if sign.isspace()
        else sign.encode("unicode_escape").decode()
        for sign in text
    )


def markdown(text: object) -> str:
    """Text for a cell or a sentence of Markdown: no markup, no HTML, no end of the cell."""
    return "".join(_MARKDOWN.get(sign, sign) for sign in plain(text))


def latex(text: object) -> str:
    """Text for LaTeX."""
    return "".join(_LATEX.get(sign, sign) for sign in plain(text))
