"""The one exception for everything a user can cause."""

from __future__ import annotations


class NeuronXAError(ValueError):
    """A mistake in the input, the options or the model, told in a sentence.

    The message has three parts: what happened (with the value), why, and what to do next. The
    command line prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 2

    def __str__(self) -> str:
        """Return the message with control characters escaped: names of others may hold them."""
        return "".join(
            sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode()
            for sign in super().__str__()
        )


def one_line(error: object, most: int = 300) -> str:
    """What an exception of others says, in one line of at most `most` characters."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told if len(told) <= most else f"{told[: most - 4]} ..."
