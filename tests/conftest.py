"""What all tests share: examples of hypothesis, the same everywhere and not timed; signals; fits to draw."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spec_builder.studies.fits import FitResult

settings.register_profile("reproducible", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("reproducible")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Ctrl-C means what it does to Python, and what the entry point of the command sets goes again.

    A job in the background ignores it, and so would all that it starts.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def flux_fits() -> list[FitResult]:
    """Of the paper's three analyses under the law of Eq. (17), for what is drawn of them."""
    from spec_builder.inference.profile import ONE_SIGMA
    from spec_builder.model.analysis import ANALYSES, load_analysis
    from spec_builder.studies.fits import fit_analysis

    return [fit_analysis(load_analysis(name, "linear"), "flux", cl=ONE_SIGMA) for name in ANALYSES]
