"""Reader of ``.tar.gz``: the plain members of it, within bounds that hold whatever the file says of itself.

Readers that know all of tar make files of many gigabytes from a few bytes: holes that are filled, extended headers that
are kept for every member. An archive of ours has plain files, and those of other programs at most headers of times and
owners, which are passed over.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Member", "tar_members", "unzipped"]

_BLOCK = 512
_END = bytes(_BLOCK)
#: Headers, folders and extended headers among them.
_MOST_HEADERS = 5000
#: Types of a member: a file, in two ways, a folder, headers of the next member and of all.
_FILES, _FOLDER, _EXTENDED = (b"0", b"\0"), b"5", (b"x", b"g")
#: Keys of extended headers that would change what a member is or where it ends.
_CHANGING = (b" path=", b" linkpath=", b" size=", b" GNU.sparse.")
#: ``zlib``'s code of a gzip header and nothing else.
_GZIP = 31


@dataclass(frozen=True)
class Member:
    """A member of a tar.

    Attributes:
        name: with its folders.
        is_file: whether it is a plain file; a link, a device and the like are not.
        data: its content.
    """

    name: str
    is_file: bool
    data: bytes


class _DamagedError(SpecBuilderError):
    """Not what it should be, said in one way."""

    def __init__(self, shown: str, why: str) -> None:
        super().__init__(f"{shown}: truncated, damaged or not a .tar.gz ({why})")


def unzipped(packed: bytes, shown: str, *, most: int) -> bytes:
    """Content of one gzip stream.

    Args:
        packed: the file's bytes.
        shown: what to call it in a message.
        most: bytes that it may have.

    Raises:
        SpecBuilderError: if it is truncated, damaged, larger, or followed by something else.
    """
    unpacking = zlib.decompressobj(wbits=_GZIP)
    try:
        content = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise _DamagedError(shown, str(error)) from None
    if len(content) > most:
        raise SpecBuilderError(f"{shown}: unpacks to more than {most >> 20} MB: not an archive of ours")
    if not unpacking.eof:
        raise _DamagedError(shown, "it ends too early")
    if unpacking.unused_data.strip(b"\0"):
        raise _DamagedError(shown, "something follows its end")
    return content


def tar_members(content: bytes, shown: str) -> Iterator[Member]:
    """Files of a tar, and what is neither file nor folder, in their order; folders are left out.

    Args:
        content: the tar's bytes.
        shown: what to call it in a message.

    Raises:
        SpecBuilderError: if it is truncated or damaged, or has an extended header that says what a member is.
    """
    place, headers = 0, 0
    while (header := content[place : place + _BLOCK]) != _END:
        if len(header) < _BLOCK:
            raise _DamagedError(shown, "it ends without its end")
        name, kind, size = _read_header(header, shown)
        place += _BLOCK
        headers += 1
        if headers > _MOST_HEADERS:
            raise SpecBuilderError(f"{shown}: more than {_MOST_HEADERS} members: not an archive of ours")
        has_content = kind in (*_FILES, *_EXTENDED)
        data = content[place : place + size] if has_content else b""
        if has_content and len(data) < size:
            raise _DamagedError(shown, "it ends within a member")
        if kind in _EXTENDED:
            _refuse_changes(data, shown)
        elif kind != _FOLDER:
            yield Member(name, kind in _FILES, data)
        place += -(-len(data) // _BLOCK) * _BLOCK


def _read_header(header: bytes, shown: str) -> tuple[str, bytes, int]:
    """Name, type and size of a member."""
    try:
        stated = _octal(header[148:156])
        size = _octal(header[124:136])
    except ValueError:
        raise _DamagedError(shown, "a header is none") from None
    # the sum counts itself as spaces
    if stated != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        raise _DamagedError(shown, "a header has another sum")
    name, prefix = (_text(header[begin:end]) for begin, end in ((0, 100), (345, 500)))
    if header[257:263] == b"ustar\0" and prefix:
        name = f"{prefix}/{name}"
    return name, header[156:157], size


def _octal(field: bytes) -> int:
    digits = field.split(b"\0")[0].strip(b" ")
    if not digits.isdigit():
        raise ValueError
    return int(digits, 8)


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")


def _refuse_changes(data: bytes, shown: str) -> None:
    changing = next((key for key in _CHANGING if key in data), None)
    if changing is not None:
        key = changing.strip(b" =").decode()
        raise SpecBuilderError(f"{shown}: an extended header changes the {key} of a member: not an archive of ours")
