"""Threads of BLAS: what the user has said stays."""

from __future__ import annotations

import os

import pytest

from spec_builder.base.threads import one_thread_of_blas


@pytest.mark.parametrize(
    ("given", "kept"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2"), ({"OMP_NUM_THREADS": "2"}, None)]
)
def test_one_thread_unless_the_user_has_said_how_many(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], kept: str | None
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "0")  # so that it is put back
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, count in given.items():
        monkeypatch.setenv(name, count)
    one_thread_of_blas()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == kept
