"""Options that the command line shows are those that the interactions have."""

from __future__ import annotations

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import shipped_interactions
from spec_builder.physics.options import SHIPPED_OPTIONS, Option


def test_every_option_belongs_to_its_interaction() -> None:
    assert {i.name: i.options for i in shipped_interactions() if i.options} == SHIPPED_OPTIONS


def test_values_may_come_as_text() -> None:
    charge, factor = Option("u", "charge", 1.0), Option("longitudinal_factor", "which", 1, (1, 4))
    assert charge.value("0.5", "mine") == 0.5
    assert factor.value("4", "mine") == 4
    for wrong in ("nan", True, None, "five"):
        with pytest.raises(SpecBuilderError, match=r"interaction 'mine': u '.*', expected a number"):
            charge.value(wrong, "mine")
    with pytest.raises(SpecBuilderError, match="longitudinal factor '2', expected 1 or 4"):
        factor.value(2, "mine")


@pytest.mark.parametrize(("name", "given"), [("longitudinal_factor", True), ("u", True), ("u", "1_0"), ("u", None)])
def test_true_and_odd_texts_are_no_numbers(name: str, given: object) -> None:
    option = next(o for options in SHIPPED_OPTIONS.values() for o in options if o.name == name)
    with pytest.raises(SpecBuilderError, match=f"'{given}', expected"):
        option.value(given, "mine")
