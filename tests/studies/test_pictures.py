"""What results say of themselves in pictures."""

from __future__ import annotations

from matplotlib import pyplot as plt

from spec_builder.model.provenance import Choices
from spec_builder.studies.pictures import dataset_label, level_note, own_axes


def test_a_star_marks_what_is_by_construction() -> None:
    about = Choices("xenonnt", "linear", {"xenonnt": "charge_yield"}, by_construction=(("xenonnt", "a"),))
    assert dataset_label(about) == "XENONnT*, charge_yield"
    assert level_note(about) == "law linear"
    assert level_note(Choices("w.json", cl=0.6827)) == "68.27 % CL"


def test_axes_are_made_where_none_are_given() -> None:
    made = own_axes(None)
    assert made.figure.get_figwidth() == 3.4  # type: ignore[union-attr]
    assert own_axes(made) is made
    plt.close("all")
