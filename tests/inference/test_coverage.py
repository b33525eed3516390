"""Coverage of intervals, against another program."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.inference.coverage import measure_coverage
from spec_builder.model.analysis import load_analysis

#: Standard Model flux [1e6 cm^-2 s^-1].
FLUX = 5.46
#: Coverage of Wilks' 90 % interval at 0.3, 1 and 2 times the Standard Model's flux with errors, measurement b8_flux, by
#: an independent program from 400 000 toys each.
REFERENCES = {
    ("xenonnt", "linear"): {0.3: (0.947213, 0.000353557), 1.0: (0.898395, 0.000477707), 2.0: (0.898672, 0.000477127)},
    ("combined", "normsys"): {0.3: (0.944813, 0.000361047), 1.0: (0.897693, 0.000479168), 2.0: (0.898135, 0.000478248)},
}


@pytest.mark.parametrize("configuration", REFERENCES, ids="-".join)
def test_coverage_of_the_flux(configuration: tuple[str, str]) -> None:
    analysis, law = configuration
    likelihood, reference = load_analysis(analysis, law).likelihood("flux"), REFERENCES[configuration]
    values = np.array(list(reference)) * FLUX
    for found, (share, its_error) in zip(
        measure_coverage(likelihood, "flux", values, cl=0.9, toys=8000, seed=9),
        reference.values(),
        strict=True,
    ):
        assert abs(found.covers - share) < 4 * np.hypot(found.error, its_error)
        assert abs(found.covers_by_toys - 0.9) < 4 * found.error_by_toys
