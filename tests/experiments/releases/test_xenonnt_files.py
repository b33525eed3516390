"""Files of XENONnT's release: each that is not the released one is named."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.releases.xenonnt import MODELS, import_xenonnt
from spec_builder.experiments.releases.xenonnt_files import pinned_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray

pytest.importorskip("h5py")

MONO = "templates/sr1/mono/template_XENONnT_sr1_mono_2.500_cevns_tly_0.0_tqy_1.0.h5"


# ---------------------------------------------------------------- what is refused


@contextmanager
def damaged(path: Path, change: Callable[[Path], object]) -> Iterator[None]:
    """The release with one file changed, and whole again afterwards."""
    content = path.read_bytes()
    try:
        change(path)
        yield
    finally:
        path.write_bytes(content)


def replaced(old: str, new: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return change


def with_template(change: Callable[[FloatArray], Any], *, edge: float = 0.0) -> Callable[[Path], object]:
    def rewrite(path: Path) -> None:
        import h5py

        with h5py.File(path, "r+") as file:
            content = change(file["templates/template"][()])
            del file["templates/template"]
            file["templates/template"] = content
            file["bins/3"][0] += edge

    return rewrite


def stored(**how: Any) -> Callable[[Path], object]:
    def rewrite(path: Path) -> None:
        import h5py

        with h5py.File(path, "r+") as file:
            del file["templates/template"]
            file.create_dataset("templates/template", shape=(3, 3, 3, 3), **how)

    return rewrite


def without(name: str) -> Callable[[Path], object]:
    def rewrite(path: Path) -> None:
        import h5py

        with h5py.File(path, "r+") as file:
            del file[name]
            file.create_group(name)

    return rewrite


MISTAKES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a file is missing": (MONO, lambda path: path.unlink(), "cannot be read (No such file or directory)"),
    "no HDF5": (MONO, lambda path: path.write_bytes(b"hello"), "not an HDF5 file with bins/0 to bins/3"),
    "half an HDF5 file": (
        MONO,
        lambda path: path.write_bytes(path.read_bytes()[:3000]),
        "not an HDF5 file with bins/0 to bins/3",
    ),
    "no template": (MONO, without("templates/template"), "not an HDF5 file with bins/0 to bins/3 and templates/"),
    "no edges": (MONO, without("bins/1"), "not an HDF5 file with bins/0 to bins/3 and templates/template"),
    "numbers of another file": (
        MONO,
        stored(dtype="f8", external=[("/dev/zero", 0, 648)]),
        "not an HDF5 file with bins",
    ),
    "numbers of any size": (
        MONO,
        stored(dtype=np.dtype(("f8", (3000, 3000)))),
        "not an HDF5 file with bins/0 to bins/3",
    ),
    "complex numbers": (MONO, stored(dtype="c16"), "not an HDF5 file with bins/0 to bins/3"),
    "three axes": (MONO, with_template(lambda t: t[0]), "shape (3, 3, 3), expected (3, 3, 3, 3)"),
    "other edges": (MONO, with_template(lambda t: t, edge=0.01), "edges of s2_bdt_score are [0.81, "),
    "negative": (MONO, with_template(lambda t: -t), "expected finite numbers >= 0"),
    "not a number": (MONO, with_template(lambda t: t * np.nan), "expected finite numbers >= 0"),
    "more than certain": (MONO, with_template(lambda t: t * 100), "probabilities sum to 13.75, expected at most 1"),
    "another number": (MONO, with_template(lambda t: t * 0.999), "differs from the file that was released"),
    "an event less": ("data/sr0.csv", replaced("8,100.0,0.1,0.1,0.85\n", ""), "8 events, expected the 9 that"),
    "an event outside": ("data/sr0.csv", replaced("499.0", "501.0"), "3: cs2 is 501, expected 90 to 500"),
    "a word in the data": ("data/sr0.csv", replaced("499.0", "many"), "3: expected a finite number, found 'many'"),
    "a column is missing": ("data/sr0.csv", replaced("cs2", "cs3"), "column 'cs2' is missing"),
    "an event elsewhere": ("data/sr0.csv", replaced("499.0", "100.0"), "differs from the file that was released"),
    "an edge is missing": ("binning/sr1.yaml", replaced("- 150.000000000000\n", ""), "four increasing edges of cs2"),
    "other YAML": ("binning/sr1.yaml", replaced("- 150", "- [150"), "3: expected a finite number, found '[150"),
    "a line of words": ("binning/sr1.yaml", replaced("cs2:", "cs2: [90, 150]"), "1: expected 'name:' or '- number'"),
}


@pytest.mark.parametrize(("file", "change", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_file_that_is_not_the_released_one_is_named(
    made_up: Any, tmp_path: Path, file: str, change: Callable[[Path], object], message: str
) -> None:
    with damaged(made_up.folder / file, change), pytest.raises(SpecBuilderError) as error:
        import_xenonnt(made_up.folder, "2024", tmp_path / "new", digests=made_up.digests)
    said = str(error.value)
    assert message in said
    assert "\n" not in said
    name = MONO.replace("2.500", "*") if "differs" in message and file == MONO else file
    assert said.startswith(str(made_up.folder / name))
    assert not (tmp_path / "new").exists()


def test_a_release_that_nobody_published_is_refused(made_up: Any, tmp_path: Path) -> None:
    with pytest.raises(
        SpecBuilderError, match=r"binning/sr0.yaml: differs from the file that was released, expected SHA"
    ):
        import_xenonnt(made_up.folder, "2026", tmp_path / "new")


def test_without_h5py_the_extra_is_named(made_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SpecBuilderError, match=r"needs h5py: pip install 'spec_builder\[release\]'"):
        import_xenonnt(made_up.folder, "2024", tmp_path / "new", digests=made_up.digests)


def test_every_file_that_is_read_has_a_digest() -> None:
    names = set(pinned_digests())
    assert len(names) == 3 * 5 + 11 + 11 + 5
    for model in MODELS.values():
        for run in model.runs:
            for light, charge in model.nodes:
                assert any(run in n and f"mono_*_cevns_tly_{light:.1f}_tqy_{charge:.1f}.h5" in n for n in names)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in pinned_digests().values())
