"""Reader of ``.tar.gz``: what strangers pack takes no more memory and time than its size says."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.sharing.unpacking import tar_members, unzipped

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 2**20


def info(name: str, headers: Mapping[str, str] | None = None, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.pax_headers, member.size = dict(headers or {}), size
    return member


def packed(
    *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT, of_all: Mapping[str, str] | None = None
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form, pax_headers=of_all) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_tarfile_reads(form: int) -> None:
    files = {"x/a": b"1" * 511, "x/b": b"1" * 512, "x/c": b"", "d" * 90 + "/" + "e": b"1" * 513}
    folder = info("x")
    folder.type = tarfile.DIRTYPE
    content = packed((folder, b""), *((info(name, size=len(data)), data) for name, data in files.items()), form=form)
    found = list(tar_members(content, "x.tar.gz"))
    assert {member.name: member.data for member in found} == files
    assert all(member.is_file for member in found)


def test_a_long_name_in_two_parts() -> None:
    name = "f" * 120 + "/" + "g" * 50
    content = packed((info(name), b""), form=tarfile.USTAR_FORMAT)
    assert [member.name for member in tar_members(content, "x.tar.gz")] == [name]


def test_headers_of_times_and_owners_are_passed_over() -> None:
    content = packed((info("x/a", {"mtime": "1.5", "LIBARCHIVE.xattr": "x"}, 1), b"1"), of_all={"comment": "a commit"})
    (member,) = tar_members(content, "x.tar.gz")
    assert (member.name, member.data) == ("x/a", b"1")


def test_a_link_is_no_file() -> None:
    link = info("x/a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    (member,) = tar_members(packed((link, b"")), "x.tar.gz")
    assert not member.is_file


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        pytest.param({"path": "../../evil"}, "path", id="another name"),
        pytest.param({"size": "9" * 30}, "size", id="another size"),
        pytest.param({"GNU.sparse.major": "1", "GNU.sparse.realsize": str(10**12)}, "GNU.sparse.", id="a hole"),
        pytest.param({"GNU.sparse.map": "0,1," * 1000}, "GNU.sparse.", id="many holes"),
    ],
)
def test_headers_that_make_much_of_little(headers: dict[str, str], key: str) -> None:
    content = packed((info("x/a", headers, 512), bytes(512)))
    with pytest.raises(SpecBuilderError, match=rf"x\.tar\.gz: an extended header changes the {key} of a member"):
        list(tar_members(content, "x.tar.gz"))


def test_headers_of_all_are_not_kept_for_each_member() -> None:
    members = [(info(f"x/{i}"), b"") for i in range(1000)]
    content = packed(*members, of_all={f"key{i}": "x" for i in range(5000)})
    tracemalloc.start()
    assert len(list(tar_members(content, "x.tar.gz"))) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(content) + 2**20


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.REGTYPE])
def test_many_members(kind: bytes) -> None:
    members = [info(f"x/{i}") for i in range(5001)]
    for member in members:
        member.type = kind
    with pytest.raises(SpecBuilderError, match="more than 5000 members: not an archive of ours"):
        list(tar_members(packed(*((member, b"") for member in members)), "x.tar.gz"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"x" * 512, "a header is none", id="text"),
        pytest.param(packed((info("x/a"), b"")).replace(b"x/a", b"x/b"), "a header has another sum", id="sum"),
        pytest.param(packed((info("x/a", size=9), b"1" * 9))[:515], "it ends within a member", id="cut"),
        pytest.param(packed((info("x/a", size=9), b"1" * 9))[:1024], "it ends without its end", id="cut behind"),
        pytest.param(packed((info("x/a"), b"")).replace(b"00000000000\0", b"\x80" + bytes(11), 1), "none", id="size"),
        pytest.param(b"", "it ends without its end", id="empty"),
    ],
)
def test_damaged_tars(content: bytes, why: str) -> None:
    with pytest.raises(SpecBuilderError, match=rf"x\.tar\.gz: truncated, damaged or not a \.tar\.gz \(.*{why}\)"):
        list(tar_members(content, "x.tar.gz"))


def test_gzip_is_read_up_to_its_bound() -> None:
    assert unzipped(gzip.compress(bytes(MOST)), "x.tar.gz", most=MOST) == bytes(MOST)
    assert unzipped(gzip.compress(b"1") + bytes(100), "x.tar.gz", most=MOST) == b"1", "padding of a tape"
    with pytest.raises(SpecBuilderError, match=r"x\.tar\.gz: unpacks to more than 1 MB"):
        unzipped(gzip.compress(bytes(MOST + 1)), "x.tar.gz", most=MOST)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(gzip.compress(b"1")[:-1], "it ends too early", id="cut"),
        pytest.param(gzip.compress(b"1") * 2, "something follows its end", id="two streams"),
        pytest.param(gzip.compress(b"1") + b"garbage", "something follows its end", id="garbage"),
        pytest.param(b"PK\x03\x04", "incorrect header check", id="zip"),
        pytest.param(gzip.compress(b"1")[:-8] + bytes(8), "incorrect data check", id="checksum"),
    ],
)
def test_damaged_gzip(data: bytes, why: str) -> None:
    with pytest.raises(SpecBuilderError, match=rf"x\.tar\.gz: truncated, damaged or not a \.tar\.gz \(.*{why}\)"):
        unzipped(data, "x.tar.gz", most=MOST)
