"""Pictures of scans."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from spec_builder.base.errors import SpecBuilderError
from spec_builder.studies.scans import scan_analysis


def test_the_picture_of_a_grid_is_its_delta_chi2() -> None:
    masses, couplings = [1.0, 100.0, 10.0], [1e-5, 1e-6, 3e-6, 1e-4]
    scan = scan_analysis("xenonnt", "scalar", masses, couplings)
    assert scan is not None
    (mesh,) = (c for c in scan.plot().collections if isinstance(c, QuadMesh))
    drawn = np.asarray(mesh.get_array()).reshape(len(couplings), len(masses))
    heights = np.asarray(scan.delta_chi2).reshape(len(masses), len(couplings))
    np.testing.assert_array_equal(drawn, heights[np.argsort(masses)][:, np.argsort(couplings)].T)
    line = scan_analysis("xenonnt", "nsi", couplings=[0.2, -0.1, 0.1])
    assert line is not None
    (curve,) = line.plot().lines
    np.testing.assert_array_equal(curve.get_xdata(), [-0.1, 0.1, 0.2])
    np.testing.assert_array_equal(curve.get_ydata(), np.asarray(line.delta_chi2)[[1, 2, 0]])


def test_a_scan_that_is_no_grid_has_no_picture() -> None:
    scan = scan_analysis("xenonnt", "scalar", [1.0, 10.0], [1e-5])
    assert scan is not None
    with pytest.raises(SpecBuilderError, match="no grid of couplings: there is nothing to draw"):
        scan.plot()
