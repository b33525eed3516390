"""Groups: templates of one direction share one, with their sizes in its amplitude."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.groups import GroupBuilder, values_of_bins
from spec_builder.histfactory.parameters import Parameters


def test_a_shape_that_is_proportional_shares_the_nominal_template() -> None:
    builder = GroupBuilder(2, Parameters({}), ("normsys_code4", "histosys_code4p"))
    data = {"hi_data": [11.0, 22.0], "lo_data": [9.0, 18.0]}
    modifier = {"name": "size", "type": "histosys", "data": data}
    sample = {"name": "s", "data": [10.0, 20.0], "modifiers": [modifier]}
    builder.sample("sample 's'", ("c", slice(0, 2)), sample, {})
    (group,) = builder.groups
    np.testing.assert_array_equal(group.template, [10.0, 20.0])
    assert [term.coefficient for term in group.terms] == [1.0, 0.1]
    data["hi_data"] = [11.0, 20.0]
    builder.sample("sample 's'", ("c", slice(0, 2)), sample, {})
    assert len(builder.groups) > 2  # its own template


def test_a_number_for_each_bin() -> None:
    with pytest.raises(SpecBuilderError, match="here: data has 1 bin, expected 2"):
        values_of_bins("here", "data", [1.0], 2)
