"""Packing, checksums and the reading of what others packed."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.sharing import bundle
from spec_builder.sharing.bundle import LINES, SUMS, broken_seals, is_archive, pack, read_archive, seal

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = {"b.txt": b"one\ntwo\nthree\n", "a.json": b"[1, 2]"}
TEXT = st.binary(min_size=1, max_size=200)


def write(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_packing_depends_on_nothing_but_the_content() -> None:
    packed = pack("combined", CONTENT)
    assert packed == pack("combined", dict(reversed(CONTENT.items())))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == ["combined/a.json", "combined/b.txt"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
    assert packed[3] == 0, "no file name in the gzip header"
    assert packed[4:8] == bytes(4), "no time in the gzip header"


def test_what_is_packed_is_read(tmp_path: Path) -> None:
    sealed = seal(CONTENT)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(pack("x", sealed))
    assert read_archive(path) == sealed
    assert list(broken_seals(sealed, extra=True)) == []


def test_sha256sum_accepts_the_sums(tmp_path: Path) -> None:
    for name, data in seal(CONTENT).items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(["sha256sum", "--check", SUMS], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["LINES: OK", "a.json: OK", "b.txt: OK"]


@given(data=TEXT, place=st.integers(min_value=0), byte=st.integers(0, 255))
def test_any_changed_byte_is_found(data: bytes, place: int, byte: int) -> None:
    sealed = seal({"file": data})
    place %= len(data)
    changed = data[:place] + bytes([byte]) + data[place + 1 :]
    problems = list(broken_seals(sealed | {"file": changed}, extra=True))
    assert bool(problems) == (changed != data)
    assert all(problem.startswith("file") for problem in problems)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"b.txt": b"one\ntwO\nthree\n"}, "b.txt:2: was changed: twO"),
        ({"b.txt": b"one\ntwo\n"}, "b.txt:3: was changed: 2 lines, expected 3"),
        ({"b.txt": b"one\ntwo\nthree\nfour\n"}, "b.txt:4: was changed: 4 lines, expected 3"),
        ({"c.txt": b""}, "c.txt: is not listed in SHA256SUMS"),
        ({SUMS: seal(CONTENT)[SUMS].replace(b"b.txt", b"c.txt")}, "c.txt: is listed in SHA256SUMS but missing"),
        ({SUMS: seal(CONTENT)[SUMS] + b"what\n"}, "SHA256SUMS:4: expected a SHA-256 and a file name"),
        ({SUMS: seal(CONTENT)[SUMS] * 2}, "SHA256SUMS:4: 'LINES' stands twice"),
        ({LINES: b"a.json 0000\n"}, "LINES: differs from its sum in SHA256SUMS: one of the two was changed"),
    ],
)
def test_the_place_of_a_change_is_named(change: dict[str, bytes], expected: str) -> None:
    assert expected in list(broken_seals(seal(CONTENT) | change, extra=True))


def test_a_digit_of_the_sums_themselves() -> None:
    sealed = seal(CONTENT)
    digit = sealed[SUMS][-9:-8]  # of a hash
    first = sealed[SUMS].split(b"\n")[1]
    wrong = (b"1" if first[:1] != b"1" else b"2") + first[1:]
    assert digit
    problems = list(broken_seals(sealed | {SUMS: sealed[SUMS].replace(first, wrong)}, extra=True))
    assert problems == ["a.json: differs from its sum in SHA256SUMS: one of the two was changed"]


def test_many_changed_lines_are_counted() -> None:
    data = b"".join(b"%d\n" % i for i in range(10))
    problems = list(broken_seals(seal({"x": data}) | {"x": data.replace(b"\n", b"!\n")}, extra=True))
    assert len(problems) == 4
    assert problems[-1] == "x: 7 more lines were changed"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([(member("x/../../evil"), b"1")], "member 'x/../../evil': expected FOLDER/NAME, of plain letters"),
        ([(member("/etc/passwd"), b"1")], "member '/etc/passwd': expected FOLDER/NAME, of plain letters"),
        ([(member("x/.hidden"), b"1")], "member 'x/.hidden': expected FOLDER/NAME, of plain letters"),
        ([(member("x/a", tarfile.SYMTYPE, "/etc/passwd"), b"")], "member 'x/a' is a link or a device, expected a file"),
        ([(member("x/a", tarfile.LNKTYPE, "x/b"), b"")], "member 'x/a' is a link or a device, expected a file"),
        ([(member("x/a", tarfile.FIFOTYPE), b"")], "member 'x/a' is a link or a device, expected a file"),
        ([(member("x/a"), b"1"), (member("x/a"), b"2")], "member 'x/a' stands twice"),
        ([(member("x/a"), b"1"), (member("y/b"), b"2")], "holds several folders (x, y), expected one"),
        ([(member("x/a"), b"1")], "an archive without SHA256SUMS: not one of ours; give the files in it instead"),
    ],
)
def test_dangerous_and_foreign_tars(
    members: list[tuple[tarfile.TarInfo, bytes]], expected: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "bad.tar.gz", *members)
    with pytest.raises(SpecBuilderError) as error:
        read_archive(path)
    assert str(error.value) == f"{path}: {expected}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.tar.gz"], "nothing is unpacked anywhere"


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_truncated(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(pack("x", seal(CONTENT))[:cut])
    with pytest.raises(SpecBuilderError, match=r"is empty, expected|truncated, damaged or not a \.tar\.gz"):
        read_archive(path)


def test_a_tar_that_ends_inside_a_member(tmp_path: Path) -> None:
    path = tmp_path / "cut.tar.gz"
    content = gzip.decompress(pack("x", seal({"a": b"1" * 3000})))
    path.write_bytes(gzip.compress(content[:2000]))
    with pytest.raises(SpecBuilderError, match=r"truncated, damaged or not a \.tar\.gz"):
        read_archive(path)


def test_not_even_gzip(tmp_path: Path) -> None:
    path = tmp_path / "text.tar.gz"
    path.write_text("hello, this is text", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"truncated, damaged or not a \.tar\.gz"):
        read_archive(path)


@given(place=st.integers(min_value=0), bit=st.integers(0, 7), packed=st.booleans())
def test_a_damaged_archive_is_refused_or_its_content_is_whole(
    place: int, bit: int, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sealed = seal(CONTENT)
    data = bytearray(pack("x", sealed))
    if not packed:  # whoever repacks it makes the checksum of gzip anew
        data = bytearray(gzip.decompress(data))
    data[place % len(data)] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "x.tar.gz"
    path.write_bytes(bytes(data) if packed else gzip.compress(bytes(data)))
    try:
        files = read_archive(path)
    except SpecBuilderError:
        return
    assert list(broken_seals(files, extra=True)) or files == sealed


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 2**20)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(2**22)))
    with pytest.raises(SpecBuilderError, match="unpacks to more than 1 MB: not an archive of ours"):
        read_archive(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("x.json", b"\n" * 1_100_000, id="many lines"),
        pytest.param(LINES, b"x.json " + b"0" * 9_000_000, id="long list of marks"),
        pytest.param(SUMS, b"\x0b" * 2_000_000, id="long list of sums"),
    ],
)
def test_more_lines_than_any_archive_has(tmp_path: Path, name: str, data: bytes) -> None:
    files = {SUMS: b"", LINES: b""} | {name: data}
    (tmp_path / "x.tar.gz").write_bytes(pack("x", files))
    with pytest.raises(SpecBuilderError, match=rf"x\.tar\.gz: {name} is larger than any of an archive of ours"):
        read_archive(tmp_path / "x.tar.gz")


def test_folders(tmp_path: Path) -> None:
    for name, data in seal(CONTENT).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "point.json").write_text("[]", encoding="utf-8")
    (tmp_path / ".cache").mkdir()
    assert list(broken_seals(read_archive(tmp_path), extra=False)) == []
    (tmp_path / "link").symlink_to("a.json")
    with pytest.raises(SpecBuilderError, match="link: a link, expected a file"):
        read_archive(tmp_path)


def test_what_counts_as_an_archive(tmp_path: Path) -> None:
    assert is_archive("x.tar.gz")
    assert is_archive("x.tgz")
    assert is_archive(str(tmp_path))
    assert not is_archive("BkgOnly.json")
    assert not is_archive("-")
