"""One style: the same colour for a data set wherever it is drawn."""

from __future__ import annotations

from matplotlib.figure import Figure

from spec_builder.drawing.style import (
    ANALYSIS_LINES,
    PALETTE,
    Line,
    axis_label,
    display_name,
    line_of,
    plain,
    sample_name,
)


def test_an_analysis_has_its_own_line_wherever_it_stands() -> None:
    assert line_of("xenonnt", 3) == line_of("xenonnt") == ANALYSIS_LINES["xenonnt"]
    assert line_of("mine", 1) == PALETTE[1]
    assert line_of("mine", len(PALETTE)) == PALETTE[0]


def test_analyses_of_one_figure_differ_in_colour() -> None:
    for names in (("xenonnt", "pandax4t", "combined"), ("combined", "coherent_csi", "eves", "texono", "global")):
        assert len({ANALYSIS_LINES[name].color for name in names}) == len(names)


def test_lines_of_one_figure_differ_in_their_dashes_too() -> None:
    """In grey colours are gone; the lines of all data at once are thick and thin."""
    together = [("xenonnt", "pandax4t", "combined"), ("combined", "coherent_csi", "eves", "texono")]
    together += [(own, "coherent_csi", "eves", "texono") for own in ("xenonnt", "pandax4t", "xenonnt_2024", "global")]
    for names in together:
        assert len({_dashes(ANALYSIS_LINES[name]) for name in names}) == len(names)
    assert len({_dashes(line) for line in PALETTE}) == len({line.color for line in PALETTE}) == len(PALETTE)


def _dashes(line: Line) -> tuple[object, ...]:
    """Whether dashes are long, short or dots, in their order: lengths alone are not told apart."""
    if isinstance(line.style, str):
        return {"-": (), "--": ("dash",), "-.": ("dash", "dot"), ":": ("dot", "far")}[line.style]
    _, lengths = line.style
    drawn = ["dot" if length < 2 else "dash" if length < 6 else "long" for length in lengths[::2]]
    return (*drawn, "far") if lengths[1] > lengths[0] else tuple(drawn)


def test_names_of_strangers_are_text() -> None:
    assert display_name("folder/my_$model.json") == r"my \$model.json"
    assert (sample_name("eves"), sample_name("global"), sample_name("a/b_$")) == ("EvES", "global", r"a/b \$")
    assert axis_label("flux", "1e6 cm-2 s-1") == r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]"
    assert axis_label("bx_shape") == "bx shape"
    assert display_name("xenonnt+my_own") == "XENONnT + my own"
    assert display_name("combined+coherent_csi") == "XENONnT + PandaX-4T + COHERENT CsI"
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
