"""Arguments of public calls: one of the same name means the same everywhere, and is checked here before anything else.

What is an argument's own - which names there are, which numbers make sense - is said where it is used; here only what
kind of thing it is. So nothing of another kind gets as far as a traceback.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_level, check_whole, real_number
from spec_builder.base.names import shown, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

__all__ = [
    "as_names",
    "as_numbers",
    "check_argument",
    "check_known",
    "check_number",
    "check_path",
    "check_text",
    "checked",
    "is_number",
]

#: Bytes of a file's name: more, no file system takes.
_LONGEST_NAME = 255

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose arguments are refused if they are of another kind than their names say; numpy does not warn.

    An argument that is its own default is never refused, None not where the annotation has it, and a name that is not
    in the list of this module is left to the function.

    Examples:
        >>> @checked
        ... def write(output, *, force=False):
        ...     return output
        >>> write("results", force=1)
        Traceback (most recent call last):
            ...
        spec_builder.base.errors.SpecBuilderError: force 1: expected True or False
    """
    signature = inspect.signature(function)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    optional = {name for name, parameter in signature.parameters.items() if "None" in str(parameter.annotation)}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # a missing or an unknown argument, which Python says better
            return function(*args, **kwargs)
        for name, value in given.items():
            if value is not defaults[name] and not (value is None and name in optional):
                check_argument(name, value)
        import numpy as np  # noqa: PLC0415  # --help needs none

        with np.errstate(all="ignore"):  # what is not finite is told in words, from Python as by the command line
            return function(*args, **kwargs)

    return call


def check_argument(name: str, given: object) -> None:
    """Refuse an argument that is of another kind than its name says.

    Raises:
        SpecBuilderError: naming it, its value and what was expected.
    """
    if name in _CHECKS:
        _CHECKS[name](name, given)


def check_text(what: str, given: object) -> None:
    """Refuse what is no text.

    Raises:
        SpecBuilderError: naming it.
    """
    if not isinstance(given, str):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a name")


def check_path(what: str, given: object) -> None:
    """Refuse what is no path, and an empty one.

    Raises:
        SpecBuilderError: naming it.
    """
    if not isinstance(given, str | PathLike) or not isinstance(fspath(given), str) or not fspath(given):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a path")
    _check_length(what, str(fspath(given)))


def is_number(given: object) -> bool:
    """Whether it is a number that a floating one can hold, and finite."""
    return math.isfinite(real_number(given))


def check_number(what: str, given: object) -> None:
    """Refuse what is no number, and one that is not finite.

    Raises:
        SpecBuilderError: naming it.
    """
    if not is_number(given):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a finite number")


def check_known(what: str, given: object, known: Iterable[str]) -> None:
    """Refuse a word that is none of those there are.

    Raises:
        SpecBuilderError: naming them.
    """
    words = list(known)
    if not isinstance(given, str) or given not in words:
        raise unknown_name(what, given if isinstance(given, str) else shown(given), words)


def as_names(given: object, what: str = "analysis") -> list[str]:
    """Names or paths, from one or a list of them.

    Raises:
        SpecBuilderError: for anything else, and for an empty list.

    Examples:
        >>> as_names("combined"), as_names(["xenonnt", "pandax4t"])
        (['combined'], ['xenonnt', 'pandax4t'])
    """
    items = [given] if isinstance(given, str | PathLike) else _listed(given)
    if not items:
        raise SpecBuilderError(f"{what}: the list is empty, expected at least one name or path")
    for item in items:
        if not isinstance(item, str | PathLike) or not isinstance(fspath(item), str):
            raise SpecBuilderError(f"{what}: expected a name, a path or a list of them, found {type(item).__name__}")
        _check_length(what, str(fspath(item)))
    return [str(fspath(item)) for item in items]


def _check_length(what: str, path: str) -> None:
    """Refuse what no file can be called."""
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in path.split("/")) or "\0" in path:
        raise SpecBuilderError(f"{what} {shown(path)}: expected a name of at most {_LONGEST_NAME} bytes, without NUL")


def as_numbers(what: str, given: object) -> FloatArray:
    """An array of numbers, of any shape.

    Raises:
        SpecBuilderError: for what is none.
    """
    import numpy as np  # noqa: PLC0415  # --help needs none

    try:
        numbers: FloatArray = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise SpecBuilderError(f"{what} {shown(given)}: expected an array of numbers") from None
    return numbers


def _listed(given: object) -> list[Any]:
    """The items of a list, a tuple and the like; anything else is itself, to be refused by its kind."""
    listed = isinstance(given, Iterable) and not isinstance(given, bytes | Mapping | type)
    return list(given) if listed else [given]  # type: ignore[call-overload]


def _check_flag(what: str, given: object) -> None:
    if type(given).__name__ not in ("bool", "bool_"):
        raise SpecBuilderError(f"{what} {shown(given)}: expected True or False")


def _check_real(what: str, given: object) -> None:
    """Refuse what is no number; whether it is one of its range is said where that is known."""
    if not isinstance(given, float):
        check_number(what, given)


def _check_name_or_path(what: str, given: object) -> None:
    """Refuse what is neither; that nothing has an empty name is said with the names there are."""
    if not isinstance(given, str) or given:
        check_path(what, given)


def _check_label(what: str, given: object) -> None:
    if given is not None:
        check_text(what, given)


def _check_call(what: str, given: object) -> None:
    if not callable(given):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a function")


def _check_executor(what: str, given: object) -> None:
    if isinstance(given, type) or not callable(getattr(given, "submit", None)):
        raise SpecBuilderError(f"{what} {shown(given)}: expected an executor of concurrent.futures")


def _check_store(what: str, given: object) -> None:
    if isinstance(given, type) or not callable(getattr(given, "load", None)):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a store of chunks")


def _are_texts_by_name(given: object) -> bool:
    return isinstance(given, Mapping) and all(isinstance(part, str) for pair in given.items() for part in pair)


def _check_variants(what: str, given: object) -> None:
    if not _are_texts_by_name(given):
        raise SpecBuilderError(
            f"{what} {shown(given)}: expected names by experiment, such as {{'pandax4t': 'ce_rich'}}"
        )


def _check_digests(what: str, given: object) -> None:
    if not _are_texts_by_name(given):
        raise SpecBuilderError(f"{what} {shown(given)}: expected the SHA-256 of files by name")


def _check_held(what: str, given: object) -> None:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise SpecBuilderError(f"{what} {shown(given)}: expected numbers by parameter, such as {{'flux_8b': 0.0}}")


def _check_names(what: str, given: object) -> None:
    """One name or path, or a list of them, which may be empty."""
    items = [given] if isinstance(given, str | PathLike) else _listed(given)
    if items:
        as_names(items, what)


def _check_words(what: str, given: object) -> None:
    """A list of texts."""
    if isinstance(given, str | bytes) or not all(isinstance(item, str) for item in _listed(given)):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a list of texts")


def _check_level(_: str, given: object) -> None:
    check_level(given)


#: Arguments that are a name, of which there is a list somewhere.
_TEXTS = (
    *("ensemble", "hepdata", "kind", "law", "measurement", "minimiser", "model", "name", "parameter", "poi", "variant"),
)
#: What an argument is, by its name. One that may be several things is taken apart where it is used.
_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    **dict.fromkeys(_TEXTS, check_text),
    **dict.fromkeys(("darkcast", "output", "path", "release"), check_path),
    **dict.fromkeys(("digits", "dof", "jobs", "points", "seed", "toys"), check_whole),
    **dict.fromkeys(("force", "hatched", "hep", "submission", "where_they_act"), _check_flag),
    **dict.fromkeys(("change", "passed_over", "report"), _check_call),
    **dict.fromkeys(("laws", "methods", "sources"), _check_words),
    "cl": _check_level,
    "critical": _check_names,
    "digests": _check_digests,
    "executor": _check_executor,
    "hold": _check_held,
    "height": check_number,
    "label": _check_label,
    "name_or_path": _check_name_or_path,
    "sin2thetaw": _check_real,
    "store": _check_store,
    "strength": _check_real,
    "variants": _check_variants,
}
