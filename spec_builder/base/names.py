"""What is said of a name or a key that nothing has, and of the one that was probably meant; values in messages."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from spec_builder.base.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["meant", "shown", "unknown_key", "unknown_name"]

#: How alike two names are that may be a slip of the finger, from 0 to 1.
_ALIKE = 0.7
#: Letters of a part of a name that may stand for it.
_SHORTEST_PART = 2
#: Characters of a value that a message repeats.
_LONGEST = 40
#: Characters of a name that is unknown.
_LONGEST_NAME = 120


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'xenonnt'?``, which elements a vector has, or nothing where no name is near.

    Examples:
        >>> meant("xenont", ["xenonnt", "pandax4t"])
        "; did you mean 'xenonnt'?"
        >>> meant("B-L", ["scalar", "vector_bl"])
        "; did you mean 'vector_bl'?"
        >>> meant("argon", ["xenonnt", "pandax4t"])
        ''
        >>> meant("gamma", ["mu", "gamma[0]", "gamma[1]", "gamma[2]"])
        "; 'gamma' has the elements 'gamma[0]' to 'gamma[2]'"
    """
    known = list(known)
    stem = name.partition("[")[0]
    elements = [word for word in known if word.startswith(f"{stem}[")]
    if len(elements) > 1:
        return f"; '{stem}' has the elements '{elements[0]}' to '{elements[-1]}'"
    by_letters = {_letters(word): word for word in known}
    letters = _letters(name)
    near = difflib.get_close_matches(letters, list(by_letters), n=1, cutoff=_ALIKE)
    if not near and len(letters) >= _SHORTEST_PART:  # B-L of vector_bl, 8b of solar_8b, Xe of xenon
        near = sorted((word for word in by_letters if letters in word), key=len)[:1]
    return f"; did you mean '{by_letters[near[0]]}'?" if near else ""


def _letters(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def unknown_key(path: str, known: Iterable[str]) -> str:
    """What is said of a key of a file that nothing asks for.

    Args:
        path: of the key in its file, such as ``runs[0].nmae``.
        known: the keys that may stand there.

    Examples:
        >>> unknown_key("runs[0].nmae", ["name", "exposure_t"])
        "unknown key 'runs[0].nmae'; did you mean 'name'?"
        >>> unknown_key("runs[0].livetime", ["name", "exposure_t"])
        "unknown key 'runs[0].livetime', expected one of name, exposure_t"
    """
    names = list(known)
    near = meant(path.rpartition(".")[2], names)
    there = f", expected one of {', '.join(names)}" if names and not near else ""
    return f"unknown key '{path}'{near or there}"


def shown(given: object) -> str:
    """What was given, as a message repeats it: a number or a short text as it is typed, anything else by its kind.

    Examples:
        >>> shown("x"), shown(None), shown(1.5), shown([1, 2]), shown({}), shown(int)
        ("'x'", 'None', '1.5', 'of type list', 'of type dict', 'of type type')
    """
    if given is None or isinstance(given, str | bytes | int | float | complex):
        text = repr(given)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    shape = getattr(given, "shape", None)
    if isinstance(shape, tuple):
        return f"of type {type(given).__name__} and shape {shape}"
    return f"of type {type(given).__name__}"


def unknown_name(what: str, name: str, known: Iterable[str], *, where: str = "", more: str = "") -> UnknownNameError:
    """The error of a name that nothing has.

    Args:
        what: what it should be the name of.
        name: as it was given.
        known: the names there are.
        where: what has them, such as ``in combined``.
        more: what else could be given.

    Examples:
        >>> print(unknown_name("law", "linaer", ["normsys", "linear"]))
        law 'linaer' is unknown, expected one of normsys, linear; did you mean 'linear'?
    """
    names = list(dict.fromkeys(map(str, known)))
    name = str(name) if len(str(name)) <= _LONGEST_NAME else f"{str(name)[:_LONGEST_NAME]}..."
    there = f"{' ' if where else ''}{where}"
    expected = f"expected one of {', '.join(names)}{more}" if names or more else "where there is none"
    text = f"{what} '{name}' is unknown{there}, {expected}{meant(str(name), names)}"
    return UnknownNameError(text, name=name)
