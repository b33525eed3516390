"""Errors say which name was meant, and travel to other processes as they are."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from spec_builder.base import errors
from spec_builder.base.errors import SpecBuilderError, UnknownNameError
from spec_builder.experiments.reading import load_experiment


def there_and_back(error: SpecBuilderError) -> SpecBuilderError:
    found: SpecBuilderError = pickle.loads(pickle.dumps(error))  # noqa: S301
    return found


def test_an_unknown_name_is_an_attribute() -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_experiment("xenon1t")
    assert caught.value.name == "xenon1t"
    assert isinstance(caught.value, SpecBuilderError)


def test_a_message_comes_back_from_a_worker() -> None:
    error = there_and_back(SpecBuilderError("file.toml: key 'a' is missing"))
    assert (type(error), str(error)) == (SpecBuilderError, "file.toml: key 'a' is missing")


def test_an_unknown_name_comes_back_from_a_worker() -> None:
    error = there_and_back(UnknownNameError("'x' is unknown", name="x"))
    assert isinstance(error, UnknownNameError)
    assert (type(error), str(error), error.name) == (UnknownNameError, "'x' is unknown", "x")


def test_messages_below_the_command_line_name_no_flags() -> None:
    """Texts of errors raised outside ``cli``, but for options of pip and of other programs in a README."""
    package = Path(errors.__file__).parents[1]
    flags = []
    for path in package.rglob("*.py"):
        if path.is_relative_to(package / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                text = ast.unparse(node.exc)
                flags += [f"{path.name}: {flag}" for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)]
    assert flags == []
