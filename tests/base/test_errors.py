"""Errors say which name was meant, and travel to other processes as they are."""

from __future__ import annotations

import pickle

import pytest

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
