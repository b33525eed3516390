"""A page of planes of mass and coupling that needs nothing else: data, plotting library and own code in one file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_text
from spec_builder.base.names import shown
from spec_builder.drawing.spectra import bins_with_bars, poisson_interval
from spec_builder.drawing.style import ANALYSIS_LINES, PALETTE, Line, display_name, sample_name

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["LARGEST_PAGE", "check_page_name", "explorer_page", "plotting_library", "write_explorer"]

#: Bytes of a page.
LARGEST_PAGE = 8_000_000
_SCHEMA = "spec_builder/explorer/1"
_PARTS = Path(__file__).with_name("page")
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
#: Mathematics in names, as a page writes it.
_SUPERSCRIPT = re.compile(r"\$\^\{?(\d+)\}?\$")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def plotting_library() -> str:
    """Text of the plotting library that comes with plotly's Python package.

    Raises:
        SpecBuilderError: if plotly is not installed.
    """
    try:
        path = files("plotly") / "package_data" / "plotly.min.js"
    except ModuleNotFoundError:
        raise SpecBuilderError("a page needs plotly: pip install 'spec_builder[explore]'") from None
    return path.read_text(encoding="utf-8")


def explorer_page(content: Mapping[str, Any], library: str | None = None) -> str:
    """The page as text.

    Args:
        content: from :func:`spec_builder.studies.explorer.explore`.
        library: text of plotly.js; the one of the installed package by default.

    Raises:
        SpecBuilderError: if plotly is not installed, or the page would be larger than 8 MB.
    """
    names = list(dict.fromkeys(_as_text(display_name(model["analysis"])) for model in content["models"]))
    look = {
        "lines": _lines(content),
        "names": _analysis_names(content),
        "samples": _sample_names(content),
        "palette": [_line(line) for line in PALETTE],
        "bars": [_bars(model) for model in content["models"]],
    }
    title = "Excluded couplings"
    parts = {
        "title": escape(f"{title}: {', '.join(names)}"),
        "heading": escape(title),
        "style": _part("page.css"),
        "content": _embedded({**content, "look": look}),
        "plotly": _script(plotting_library() if library is None else library),
        "model": _part("model.js"),
        "page": _part("page.js"),
    }
    before, *sections = _part("page.html").split("{{")
    pieces = [before]
    for section in sections:  # what is put in is never looked at again
        key, _, after = section.partition("}}")
        pieces += [parts[key], after]
    page = "".join(pieces)
    size = len(page.encode("utf-8"))
    if size > LARGEST_PAGE:
        raise SpecBuilderError(
            f"the page would be {size / 1e6:.1f} MB, expected {LARGEST_PAGE / 1e6:g} at most: ask for fewer analyses, "
            "interactions, laws or points"
        )
    return page


@checked
def write_explorer(content: Mapping[str, Any], output: str | PathLike[str], *, force: bool = False) -> Path:
    """Write the page to explore what :func:`spec_builder.studies.explorer.explore` computed.

    Args:
        content: what that gives.
        output: the page's file, ``NAME.html``.
        force: replace a file that exists.

    Returns:
        The page's path.

    Raises:
        SpecBuilderError: as ``explorer_page``, and for other content, a name that does not end in ``.html``, or a
            file that exists.
    """
    page = Path(output)
    check_page_name(page)
    if not isinstance(content, Mapping) or content.get("schema") != _SCHEMA:
        raise SpecBuilderError(f"content {shown(content)}: expected what explore gives")
    write_text(page, explorer_page(content), force=force)
    return page


def check_page_name(path: Path) -> None:
    """Refuse a name that is no page's.

    Raises:
        SpecBuilderError: saying so.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise SpecBuilderError(f"{path}: expected a name that ends in .html")


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _embedded(content: Mapping[str, Any]) -> str:
    """JSON between tags: no character of it can end the element that holds it."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _script(text: str) -> str:
    """A script between tags; the two character sequences that HTML looks at inside one only stand in its strings."""
    return text.replace("</script", r"<\/script").replace("<!--", r"<\!--")


def _as_text(name: str) -> str:
    """A name in a figure, without its mathematics."""
    raised = _SUPERSCRIPT.sub(lambda found: found[1].translate(_RAISED), name)
    return raised.replace(r"$\nu$", "ν").replace(r"\$", "$")


def _sample_names(content: Mapping[str, Any]) -> dict[str, str]:
    """Names of the samples of all workspaces."""
    channels = [channel for model in content["models"] for channel in model["workspace"]["channels"]]
    return {
        sample["name"]: _as_text(sample_name(sample["name"])) for channel in channels for sample in channel["samples"]
    }


def _bars(model: Mapping[str, Any]) -> dict[str, list[list[float]]]:
    """Lengths (down, up) of the bars of what was counted, by channel and bin, as figures have them: 0 for none."""
    rows = {row["name"]: np.array(row["data"], dtype=np.float64) for row in model["workspace"]["observations"]}
    counts = np.concatenate(list(rows.values()))
    lengths = np.where(bins_with_bars(counts)[:, None], np.column_stack(poisson_interval(counts)), 0.0)
    ends = np.cumsum([row.size for row in rows.values()])
    return dict(zip(rows, [part.tolist() for part in np.split(lengths.round(6), ends[:-1])], strict=True))


def _analysis_names(content: Mapping[str, Any]) -> dict[str, str]:
    return {model["analysis"]: _as_text(display_name(model["analysis"])) for model in content["models"]}


def _lines(content: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Colour and dashes of each analysis: those of the figures, others by their place."""
    names = list(_analysis_names(content))
    return {name: _line(ANALYSIS_LINES.get(name, PALETTE[i % len(PALETTE)])) for i, name in enumerate(names)}


def _line(line: Line) -> dict[str, str]:
    """As plotly writes it."""
    if isinstance(line.style, str):
        return {"color": line.color, "dash": _DASHES[line.style]}
    _, lengths = line.style
    return {"color": line.color, "dash": ",".join(f"{2 * length}px" for length in lengths)}
