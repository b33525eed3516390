"""Arguments of public calls: what is refused by an argument's name alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.arguments import as_names, as_numbers, check_argument, check_known, check_number, checked
from spec_builder.base.errors import SpecBuilderError


@checked
def called(output: Any, *, law: str | None = "normsys", force: bool = False, other: Any = 1) -> tuple[Any, ...]:
    return output, law, force, other


def test_a_call_goes_through() -> None:
    assert called("a", law="linear", force=True, other=[]) == ("a", "linear", True, [])
    assert called(Path("a")) == (Path("a"), "normsys", False, 1)
    assert called.__name__ == "called"


def test_none_is_taken_where_the_annotation_has_it() -> None:
    assert called("a", law=None)[1] is None
    with pytest.raises(SpecBuilderError, match=r"^force None: expected True or False$"):
        called("a", force=None)  # type: ignore[arg-type]


def test_a_missing_and_an_unknown_argument_are_the_calls_own() -> None:
    with pytest.raises(TypeError, match=r"^called\(\) missing 1 required positional argument: 'output'$"):
        called()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^called\(\) got an unexpected keyword argument 'laws'"):
        called("a", laws="x")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("law", 1, "law 1: expected a name"),
        ("output", b"a", "output b'a': expected a path"),
        ("output", "", "output '': expected a path"),
        ("output", "a\0b", "output 'a\\x00b': expected a name of at most 255 bytes, without NUL"),
        ("output", "x" * 256, f"output '{'x' * 39}...: expected a name of at most 255 bytes, without NUL"),
        ("height", math.inf, "height inf: expected a finite number"),
        ("height", True, "height True: expected a finite number"),
        ("height", 10**400, f"height 1{'0' * 39}...: expected a finite number"),
        ("toys", 1.5, "toys 1.5: expected a whole number"),
        ("report", 1, "report 1: expected a function"),
        ("executor", int, "executor of type type: expected an executor of concurrent.futures"),
        ("store", {}, "store of type dict: expected a store of chunks"),
        (
            "variants",
            ["ce_rich"],
            "variants of type list: expected names by experiment, such as {'pandax4t': 'ce_rich'}",
        ),
        ("hold", {1: 2}, "hold of type dict: expected numbers by parameter, such as {'flux_8b': 0.0}"),
        ("digests", "x", "digests 'x': expected the SHA-256 of files by name"),
        ("laws", "linear", "laws 'linear': expected a list of texts"),
        ("sources", [1], "sources of type list: expected a list of texts"),
        ("critical", 1, "critical: expected a name, a path or a list of them, found int"),
        ("cl", 90, "confidence level 90: expected a number between 0 and 1, such as 0.68"),
        ("label", 1, "label 1: expected a name"),
    ],
)
def test_refused(name: str, given: Any, message: str) -> None:
    with pytest.raises(SpecBuilderError) as error:
        check_argument(name, given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("force", np.True_),
        ("seed", np.int64(3)),
        ("height", np.float32(1)),
        ("critical", []),
        ("no_such_name", object()),
    ],
)
def test_taken(name: str, given: Any) -> None:
    check_argument(name, given)


def test_names_of_every_form() -> None:
    assert as_names((Path("a"), "b")) == ["a", "b"]
    for wrong in ([], [1], b"a", {"a": 1}, [b"a"], ["x" * 300]):
        with pytest.raises(SpecBuilderError, match=r"^analysis"):
            as_names(wrong)


def test_known_words_and_numbers() -> None:
    check_known("kind", "toys", ["asimov", "toys"])
    with pytest.raises(SpecBuilderError, match="did you mean 'toys'"):
        check_known("kind", "toy", ["asimov", "toys"])
    with pytest.raises(SpecBuilderError, match="kind 'None' is unknown"):
        check_known("kind", None, ["asimov", "toys"])
    check_number("x", 1)
    assert as_numbers("x", [[1, 2]]).shape == (1, 2)
    with pytest.raises(SpecBuilderError, match=r"^x of type list: expected an array of numbers$"):
        as_numbers("x", [[1], [1, 2]])
