"""Colours, dashes, markers, names and letters that all figures share; readable in grey and by the colour-blind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from spec_builder.base.printing import printable

__all__ = [
    "ANALYSIS_LINES",
    "MARKERS",
    "PALETTE",
    "STYLE",
    "Line",
    "axis_label",
    "display_name",
    "line_of",
    "plain",
    "sample_name",
]

#: Letters of a stranger's name in a figure; the caption has all of them.
_MOST_LETTERS = 32
#: Of names that are joined: XENONnT + PandaX-4T + COHERENT CsI.
_MOST_JOINED = 34


@dataclass(frozen=True)
class Line:
    """Colour and dashes of a line."""

    color: str
    style: str | tuple[int, tuple[int, ...]]


#: Colours and dashes by place in a list, to be told apart by the colour-blind (Okabe and Ito) and, by dashes, in grey.
PALETTE = (
    Line("#0072B2", "-"),
    Line("#D55E00", "--"),
    Line("#009E73", "-."),
    Line("#CC79A7", (0, (1, 1))),
    Line("#E69F00", (0, (5, 1, 1, 1, 1, 1))),
    Line("#56B4E9", (0, (9, 3))),
    Line("#000000", (0, (1, 3))),
)
#: The same in every figure; dashes as in Fig. 2 of arXiv:2411.11749 where it has them, those of other data unlike them.
ANALYSIS_LINES = {
    "pandax4t": Line("#009E73", "--"),
    "xenonnt": Line("#0072B2", "-."),
    "combined": Line("#CC79A7", "-"),
    "xenonnt_2024": Line("#0072B2", (0, (4, 1))),
    "xenonnt_2026": Line("#0072B2", "-"),
    "coherent_csi": Line("#D55E00", (0, (1, 1))),
    "eves": Line("#E69F00", (0, (9, 3))),
    "eves_all": Line("#E69F00", (0, (2, 1))),
    "texono": Line("#56B4E9", (0, (3, 1, 1, 1, 1, 1))),
    "global": Line("#000000", "-"),
}
#: The same in every figure.
MARKERS = {"pandax4t": "D", "xenonnt": "s", "combined": "o", "coherent_csi": "^", "eves": "v", "global": "P"}
_NAMES = {
    "xenonnt": "XENONnT",
    "pandax4t": "PandaX-4T",
    "combined": "XENONnT + PandaX-4T",
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
    "global": "all in one likelihood",
}
_SAMPLES = {
    "eves": "EvES",
    "cevns": r"CE$\nu$NS",
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
#: Parameters as they are set in print.
_SYMBOLS = {
    "g": "$g$",
    "epsilon": r"$\varepsilon$",
    "mu_nu": r"$\mu_\nu$",
    "q_nu": r"$q_\nu$",
    "mu_B": r"$\mu_\mathrm{B}$",
    "sin2thetaw": r"$\sin^2\theta_W$",
    "flux": r"$^8$B flux",
    "flux_pp": "pp flux",
    "count": "signal events",
    "signal": "signal / Standard Model",
    "rate": "rate / Standard Model",
    "1e6 cm-2 s-1": r"$10^6$ cm$^{-2}$ s$^{-1}$",
    "1e10 cm-2 s-1": r"$10^{10}$ cm$^{-2}$ s$^{-1}$",
}

STYLE: Any = {
    "axes.formatter.use_mathtext": True,
    "text.usetex": False,  # labels are written for matplotlib's own TeX
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.frameon": True,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.borderpad": 0.2,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.handlelength": 2.4,
    "legend.labelspacing": 0.3,
    "hatch.linewidth": 0.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "svg.hashsalt": "spec_builder",
    "pdf.fonttype": 42,  # TrueType: journals refuse letters of type 3, matplotlib's default
}


def plain(text: str, most: int = _MOST_LETTERS) -> str:
    r"""A stranger's text as it is drawn: dollars are no formula, letters without a glyph are marks, the middle is cut.

    Args:
        text: any.
        most: letters that stay; names that belong together often differ at their end, which is kept.

    Examples:
        >>> plain("5 $ of my_files"), plain("a name that is much too long", 12)
        ('5 \\$ of my_files', 'a name t…ong')
    """
    if len(text) > most:
        end = (most - 1) // 3
        text = f"{text[: most - 1 - end].rstrip()}…{text[len(text) - end :].lstrip()}"
    if not (text.isascii() and text.isprintable()):
        words = " ".join(text.split())
        text = "".join(letter if ord(letter) in _glyphs() and printable(letter) == letter else "?" for letter in words)
    return text.replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    """Code points of the letters in figures."""
    from matplotlib import font_manager  # noqa: PLC0415

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())


def display_name(key: str) -> str:
    """What an analysis is called in figures."""
    if "+" in key and "/" not in key:
        return plain(" + ".join(_NAMES.get(part, part.replace("_", " ")) for part in key.split("+")), _MOST_JOINED)
    return _NAMES.get(key) or plain(key.rpartition("/")[2].replace("_", " "))


def sample_name(key: str) -> str:
    """What a sample is called in figures; a stranger's may have the name of an analysis."""
    return _SAMPLES.get(key) or plain(key.replace("_", " "))


def line_of(analysis: str, place: int = 0) -> Line:
    """The line of an analysis: its own wherever it is drawn; another's by its place in a list."""
    return ANALYSIS_LINES.get(analysis, PALETTE[place % len(PALETTE)])


def axis_label(parameter: str, unit: str = "1") -> str:
    r"""A parameter with its unit as an axis names it.

    Examples:
        >>> axis_label("g"), axis_label("mu_nu", "mu_B")
        ('coupling $g$', '$\\mu_\\nu$ [$\\mu_\\mathrm{B}$]')
    """
    symbol = _SYMBOLS.get(parameter) or plain(parameter.replace("_", " "))
    named = f"coupling {symbol}" if parameter == "g" else symbol
    return named if unit in ("", "1", "events") else f"{named} [{_SYMBOLS.get(unit) or plain(unit)}]"
