"""What all figures share: colours, dashes, names, small print, shading and the writing of files."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import refuse_existing, write_bytes
from spec_builder.model.provenance import distinct_notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.output import Output
    from spec_builder.model.provenance import Choices

__all__ = [
    "ANALYSIS_LINES",
    "MARKERS",
    "PALETTE",
    "STYLE",
    "Line",
    "by_construction_note",
    "display_name",
    "laws_of",
    "save_figure",
    "save_figures",
    "shade_intervals",
    "small_print",
]

FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class Line:
    """Colour and dashes of a line."""

    color: str
    style: str | tuple[int, tuple[int, ...]]


#: Colours and dashes by place in a list, to be told apart in print and by the colour-blind (Okabe and Ito).
PALETTE = (
    Line("#0072B2", "-"),
    Line("#D55E00", "--"),
    Line("#009E73", "-."),
    Line("#CC79A7", (0, (1, 1))),
    Line("#E69F00", (0, (5, 1, 1, 1))),
    Line("#56B4E9", (0, (5, 2))),
    Line("#000000", ":"),
)
#: As in Fig. 2 of the paper: dashed, dot-dashed and plain.
ANALYSIS_LINES = {
    "pandax4t": Line("#009E73", "--"),
    "xenonnt": Line("#0072B2", "-."),
    "combined": Line("#CC79A7", "-"),
    "coherent_csi": Line("#D55E00", (0, (5, 1, 1, 1))),
}
#: The same in every figure.
MARKERS = {"pandax4t": "D", "xenonnt": "s", "combined": "o", "coherent_csi": "^"}
OTHER_LINE = Line("#000000", ":")
_NAMES = {
    "xenonnt": "XENONnT",
    "pandax4t": "PandaX-4T",
    "combined": "combined",
    "xenonnt_2024": "XENONnT SR0+SR1, 81 bins a run",
    "xenonnt_2026": "XENONnT SR0+SR1+SR2, 81 bins a run",
    "coherent_csi": "COHERENT CsI",
    "eves": "EvES (XENONnT + LZ + PandaX-4T)",
    "eves_all": "EvES, all five sets",
    "xenonnt_er": "XENONnT electron recoils",
    "lz_ws2022_er": "LZ WS2022 electron recoils",
    "lz_ws2024_er": "LZ WS2024 electron recoils",
    "pandax4t_run0_er": "PandaX-4T Run0 electron recoils",
    "pandax4t_run1_er": "PandaX-4T Run1 electron recoils",
    "texono": "TEXONO",
    "cevns": r"CE$\nu$NS, best fit",
    "accidental": "accidental coincidences",
    "neutron": "neutrons",
    "electron_recoil": "electron recoils",
    "cathode": "cathode",
    "eves_pp": "EvES, pp",
    "eves_7be": r"EvES, $^7$Be",
    "eves_other": "EvES, pep, CNO, $^8$B",
    "brn": "beam-related neutrons",
    "nin": "neutrino-induced neutrons",
    "argon37": r"$^{37}$Ar",
    "xe127": r"$^{127}$Xe",
    "xe136": r"$^{136}$Xe",
    "micro_discharge": "micro-discharge",
}

STYLE: Any = {
    "font.size": 9,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "svg.hashsalt": "spec_builder",
}


def save_figure(figure: Figure, path: Path, *, force: bool = False) -> None:
    """Write a figure; PNG, PDF or SVG by the name's suffix.

    Raises:
        SpecBuilderError: for another suffix, or a file that exists and no ``force``.
    """
    _check_suffix(path)
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(path.suffix)
    with mpl.rc_context(STYLE):
        write_bytes(path, lambda p: figure.savefig(p, dpi=200, metadata=metadata), force=force)


def _check_suffix(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise SpecBuilderError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")


def check_figure(path: Path, *, force: bool = False) -> None:
    """Refuse a figure's name before anything is computed.

    Raises:
        SpecBuilderError: as :func:`save_figure`.
    """
    _check_suffix(path)
    refuse_existing(path, force=force)


def save_figures(figure: Figure, output: Output, name: str) -> None:
    """Write a figure as PNG and as PDF.

    Raises:
        SpecBuilderError: if a file exists that may not be replaced.
    """
    for suffix in (".png", ".pdf"):
        save_figure(figure, output.path(f"{name}{suffix}"), force=output.force)


def display_name(key: str) -> str:
    """What an analysis or a component is called in figures."""
    return _NAMES.get(key, key.replace("_", " "))


def small_print(figure: Figure, texts: Sequence[str]) -> None:
    """Small print under the panels: law, choices, and what is by construction.

    It is wrapped to the figure's width, and the panels are moved up to make room for it.
    """
    width = int(21.7 * figure.get_figwidth())  # characters of this size
    rows = [part for text in texts for line in text.split("\n") for part in textwrap.wrap(line, width)]
    figure.text(0.01, 0.008, "\n".join(rows), fontsize=6, va="bottom", ha="left", color="0.3")
    points = 8.0 * len(rows) + 36  # the x axis's labels included
    figure.subplots_adjust(bottom=points / (72 * figure.get_figheight()))


def by_construction_note(results: Iterable[Choices]) -> str:
    """What agrees with the paper by construction, once for all results; '' if nothing."""
    notes = distinct_notes(results)
    return "* By construction: " + ".\n".join(f"{name}: {text}" for name, text in notes) + "." if notes else ""


def laws_of(results: Iterable[Choices]) -> str:
    """The laws of several results."""
    return ", ".join(sorted({str(choices.law) for choices in results}))


def shade_intervals(
    panel: Axes, mass: FloatArray, excluded: Sequence[tuple[tuple[float | None, float | None], ...]], color: str
) -> None:
    """Fill the excluded intervals; where their number changes from mass to mass, up to half way."""
    top = 1e3
    starts = [0, *(i for i in range(1, mass.size) if len(excluded[i]) != len(excluded[i - 1])), mass.size]
    for begin, end in itertools.pairwise(starts):
        ends = list(mass[begin:end])
        rows = list(excluded[begin:end])
        if begin > 0:
            ends, rows = [np.sqrt(mass[begin - 1] * mass[begin]), *ends], [rows[0], *rows]
        if end < mass.size:
            ends, rows = [*ends, np.sqrt(mass[end - 1] * mass[end])], [*rows, rows[-1]]
        for k in range(len(rows[0])):
            low = [row[k][0] or 0.0 for row in rows]
            high = [row[k][1] or top for row in rows]
            panel.fill_between(ends, low, high, color=color, alpha=0.22, linewidth=0, zorder=0)
