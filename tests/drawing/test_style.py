"""One style: the same colour for a data set wherever it is drawn."""

from __future__ import annotations

from matplotlib.figure import Figure

from spec_builder.drawing.style import ANALYSIS_LINES, PALETTE, axis_label, display_name, line_of, plain


def test_an_analysis_has_its_own_line_wherever_it_stands() -> None:
    assert line_of("xenonnt", 3) == line_of("xenonnt") == ANALYSIS_LINES["xenonnt"]
    assert line_of("mine", 1) == PALETTE[1]
    assert line_of("mine", len(PALETTE)) == PALETTE[0]


def test_analyses_of_one_figure_differ_in_colour() -> None:
    for names in (("xenonnt", "pandax4t", "combined"), ("combined", "coherent_csi", "eves", "texono", "global")):
        assert len({ANALYSIS_LINES[name].color for name in names}) == len(names)


def test_names_of_strangers_are_text() -> None:
    assert display_name("folder/my_$model.json") == r"my \$model.json"
    assert axis_label("flux", "1e6 cm-2 s-1") == r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]"
    assert axis_label("bx_shape") == "bx shape"
    assert display_name("xenonnt+my_own") == "XENONnT + my own"
    assert axis_label("my_$x", "$/y") == r"my \$x [\$/y]"


def test_long_names_keep_both_ends_and_letters_without_a_glyph_are_marks() -> None:
    long = plain("my_experiment_with_a_name_of_more_letters_than_anyone_needs_2026")
    assert len(long) == 32
    assert long.startswith("my_experiment")
    assert long.endswith("2026")
    assert plain("Ü é 中 \N{PILE OF POO}") == "Ü é ? ?"
    assert plain("a\tb\x1b[2J\n\u202e") == "a b?[2J ?"
    figure = Figure()
    figure.suptitle(plain(r"$\frac{ $x$ 50 % \$ _a^"))
    figure.draw_without_rendering()
