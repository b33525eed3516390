"""Pages: files of figures in three formats, each with its caption."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.drawing.page import Caption, check_pages, legend_above, new_figure, page_content, save_page, width_of
from spec_builder.figures.profiles import draw_pulls

if TYPE_CHECKING:
    from spec_builder.studies.fits import FitResult


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_two_saves_give_the_same_bytes(tmp_path: Path, flux_fits: list[FitResult], suffix: str) -> None:
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path in paths:
        save_page(draw_pulls(flux_fits), [path])
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 5000
    assert first == second


def test_a_user_s_settings_change_no_figure(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    """Of a matplotlibrc for dark slides, with other letters, and pages that are cut at what is drawn."""
    own: Any = {
        "savefig.bbox": "tight", "axes.facecolor": "black", "text.color": "white", "font.family": "serif",
        "hatch.color": "red", "axes.grid": True, "lines.markersize": 20, "xtick.color": "white", "legend.loc": "center",
    }  # fmt: skip
    save_page(draw_pulls(flux_fits), [tmp_path / "plain.pdf"])
    with mpl.rc_context(own):
        save_page(draw_pulls(flux_fits), [tmp_path / "own.pdf"])
        assert mpl.rcParams["font.family"] == ["serif"]
    assert (tmp_path / "own.pdf").read_bytes() == (tmp_path / "plain.pdf").read_bytes()


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_chooses_the_format(tmp_path: Path, flux_fits: list[FitResult], suffix: str, start: bytes) -> None:
    path = tmp_path / f"pulls{suffix}"
    save_page(draw_pulls(flux_fits), [path])
    assert path.read_bytes().startswith(start)


def test_unknown_suffix(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    with pytest.raises(SpecBuilderError, match=r"pulls\.jpg: expected a name that ends in \.png, \.pdf, \.svg"):
        save_page(draw_pulls(flux_fits), [tmp_path / "pulls.jpg"])


def test_figures_are_not_overwritten(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    path = tmp_path / "pulls.png"
    path.write_bytes(b"mine")
    with pytest.raises(SpecBuilderError, match=r"exists already; give another name$"):
        save_page(draw_pulls(flux_fits), [path])
    assert path.read_bytes() == b"mine"
    save_page(draw_pulls(flux_fits), [path], force=True)
    assert path.read_bytes() != b"mine"


def test_one_caption_stands_beside_all_formats(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    save_page(draw_pulls(flux_fits), [tmp_path / "pulls.png", tmp_path / "pulls.svg"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pulls.png", "pulls.svg", "pulls.txt"]
    text = (tmp_path / "pulls.txt").read_text()
    assert "law linear" in text
    assert "by construction (*):\n- xenonnt: the signal normalisation" in text
    assert "arXiv:2408.02877" in text


def test_names_of_one_place_are_one_file(
    tmp_path: Path, flux_fits: list[FitResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_page(draw_pulls(flux_fits), [Path("pulls.png"), tmp_path / "pulls.svg"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pulls.png", "pulls.svg", "pulls.txt"]
    with pytest.raises(SpecBuilderError, match="is named twice"):
        check_pages([Path("pulls.png"), tmp_path / "pulls.png"], force=True)


def test_a_caption_is_not_overwritten_and_never_stale(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    (tmp_path / "pulls.txt").write_text("mine")
    with pytest.raises(SpecBuilderError, match=r"pulls\.txt: exists already; give another name$"):
        save_page(draw_pulls(flux_fits), [tmp_path / "pulls.png"])
    assert not (tmp_path / "pulls.png").exists()
    save_page(draw_pulls(flux_fits), [tmp_path / "pulls.png"], force=True)
    assert (tmp_path / "pulls.txt").read_text().startswith("Pulls of the nuisance parameters\n")


def test_names_that_clash_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(SpecBuilderError, match=r"a\.png: is named twice"):
        check_pages([path, path], force=False)
    with pytest.raises(SpecBuilderError, match=r"a\.txt: is the output and the caption of a\.png too"):
        check_pages([path], force=True, taken=[tmp_path / "a.txt"])
    with pytest.raises(SpecBuilderError, match="width 'wide' is unknown, expected one of single, double"):
        width_of("wide")


def test_captions_are_wrapped_and_leave_out_what_is_empty() -> None:
    caption = Caption("What", ("word " * 40, ""), {"law": "linear"}, {"sources": ("one",), "notes": ()})
    lines = caption.to_text().split("\n")
    assert max(map(len, lines)) <= 100
    assert lines[0] == "What"
    assert lines[-4:] == ["", "sources:", "- one", ""]
    assert "notes:" not in lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_a_full_disk_is_told_as_one(tmp_path: Path, flux_fits: list[FitResult], suffix: str) -> None:
    full = tmp_path / f"full{suffix}"
    full.symlink_to("/dev/full")
    figure, caption = page_content(draw_pulls(flux_fits), [Path(f"pulls{suffix}")]).values()
    assert isinstance(caption, str)
    assert not isinstance(figure, str)
    with pytest.raises(OSError, match="No space left on device"):
        figure(full)


@pytest.mark.parametrize(
    ("entries", "columns", "rows"), [(5, 5, [5]), (5, 4, [3, 2]), (6, 4, [3, 3]), (7, 3, [3, 3, 1]), (1, 4, [1])]
)
def test_a_legend_above_is_read_row_by_row_and_its_last_row_is_as_full_as_can_be(
    entries: int, columns: int, rows: list[int]
) -> None:
    figure = new_figure("double", 2.0)
    panel = figure.subplots()
    lines = {f"{i}": panel.plot([0, 1], [0, i])[0] for i in range(entries)}
    legend_above(figure, lines, columns)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    places = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    read = sorted(places, key=lambda name: (-round(places[name].y0), places[name].x0))
    assert read == list(lines)
    heights = [round(places[name].y0) for name in read]
    assert [heights.count(height) for height in dict.fromkeys(heights)] == rows


def test_a_legend_above_has_fewer_columns_where_it_would_be_too_wide() -> None:
    figure = new_figure("single", 2.0)
    panel = figure.subplots()
    legend_above(figure, {f"{'a long name ' * 2}{i}": panel.plot([0, i])[0] for i in range(5)}, 5)
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
