"""Hostile and unlucky inputs of every kind: no traceback, no hang, no wrong status, no fit that is not pyhf's.

About a minute in all; ``scripts/fuzz`` goes on for as long as one likes. ``SPEC_BUILDER_FUZZ`` (3 by default)
multiplies the inputs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import attempt, problem, run

if TYPE_CHECKING:
    from pathlib import Path

#: Inputs of each kind; what takes long, figures with curves of DarkCast and releases, is for scripts/fuzz alone.
COUNT = {
    "experiments": 40,
    "workspaces": 60,
    "patch sets": 40,
    "archives": 25,
    "submissions": 3,
    "scans": 30,
    "interactions": 40,
    "analyses": 30,
    "spectra": 30,
    "critical values": 40,
    "HS3": 40,
    "JSON patches": 25,
    "sources and targets": 10,
    "counts": 5,
    "bounds": 2,
    "code": 5,
    "options": 60,
}
MORE = int(os.environ.get("SPEC_BUILDER_FUZZ", "3"))


@pytest.mark.parametrize("kind", COUNT)
def test_nothing_but_a_line_comes_of_it(kind: str) -> None:
    @settings(
        max_examples=COUNT[kind] * MORE,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def tried(seed: int) -> None:
        assert attempt(kind, seed) is None

    tried()


def test_what_would_be_wrong_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "nothing.json"]).status == 2
    assert problem(run(["verify", "nothing.json"])) is None

    def broken(name: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr("spec_builder.sharing.verify.load_json", broken)
    assert "ValueError: x.json" in str(problem(run(["verify", "x.json"])))
