"""Files in one folder, as a reproducible ``.tar.gz``, with checksums that tell which line of which file has changed.

``SHA256SUMS`` is what ``sha256sum -c`` reads. ``LINES`` holds, for each file, four hexadecimal digits for every line:
far too short to protect anything, and just long enough to name the place.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.reading import read_bytes
from spec_builder.sharing.unpacking import tar_members, unzipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spec_builder.sharing.unpacking import Member

__all__ = [
    "HS3",
    "LINES",
    "METADATA",
    "SUBMISSION",
    "SUMS",
    "WORKSPACE",
    "broken_seals",
    "is_archive",
    "is_submission",
    "pack",
    "read_archive",
    "seal",
]

Files = dict[str, bytes]

#: Of every analysis: the workspace, what it cannot say, and the same model in HS3.
WORKSPACE, METADATA, HS3 = "BkgOnly.json", "BkgOnly.meta.json", "BkgOnly.hs3.json"
SUMS = "SHA256SUMS"
LINES = "LINES"
SUBMISSION = "submission.yaml"
SUFFIXES = (".tar.gz", ".tgz")
#: No archive of ours comes near; what is larger is not read into memory.
MAX_BYTES = 128 * 2**20
MAX_FILES = 1000
MAX_LINES = 1_000_000
#: Of the two lists of checksums.
_MAX_LISTS = {SUMS: 2**20, LINES: 8 * 2**20}
_NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*")
_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def is_archive(name: str) -> bool:
    """Whether a command-line argument stands for an archive, or for the folder that it was unpacked to."""
    return name.endswith(SUFFIXES) or Path(name).is_dir()


def is_submission(name: str) -> bool:
    """Whether a command-line argument stands for a folder with a HEPData submission, or its ``submission.yaml``."""
    path = Path(name)
    return path.name == SUBMISSION or (path / SUBMISSION).is_file()


def seal(files: Mapping[str, bytes]) -> Files:
    """The same files, sorted, with ``LINES`` and ``SHA256SUMS`` added."""
    content = dict(files)
    content[LINES] = "".join(f"{name} {_marks(data)}\n" for name, data in sorted(files.items())).encode()
    content[SUMS] = "".join(f"{_sha256(data)}  {name}\n" for name, data in sorted(content.items())).encode()
    return dict(sorted(content.items()))


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz`` of files in one folder: the same files give the same bytes, whoever packs them and when.

    The tar inside is the same everywhere; how it is compressed is up to the machine's zlib.

    Args:
        folder: name of the folder.
        files: content by name.
    """
    stream, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode = len(data), 0o644  # time, user and group are 0
            tar.addfile(member, io.BytesIO(data))
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipping:
        zipping.write(stream.getvalue())
    return packed.getvalue()


def read_archive(path: Path) -> Files:
    """The files of an archive, read into memory; nothing is written anywhere.

    Args:
        path: a ``.tar.gz``, or the folder that it was unpacked to.

    Raises:
        SpecBuilderError: if it is truncated, too large, or holds links, paths that lead elsewhere or several folders.
    """
    files = _read_folder(path) if path.is_dir() else _read_tar(path)
    if SUMS not in files:
        what = "a directory" if path.is_dir() else "an archive"
        raise SpecBuilderError(f"{path}: {what} without {SUMS}: not one of ours; give the files in it instead")
    for name, data in files.items():
        if len(data) > _MAX_LISTS.get(name, MAX_BYTES) or data.count(b"\n") + data.count(b"\r") > MAX_LINES:
            raise SpecBuilderError(f"{path}: {name} is larger than any of an archive of ours")
    return files


def _read_folder(path: Path) -> Files:
    files: Files = {}
    total = 0
    for entry in sorted(path.iterdir()):
        if entry.is_symlink():
            raise SpecBuilderError(f"{entry}: a link, expected a file")
        if not entry.is_file() or entry.name.startswith("."):
            continue
        total += entry.stat().st_size
        if total > MAX_BYTES or len(files) >= MAX_FILES:
            raise SpecBuilderError(
                f"{path}: more than {MAX_BYTES >> 20} MB or {MAX_FILES} files: not an archive of ours"
            )
        files[entry.name] = read_bytes(entry)
    return files


def _read_tar(path: Path) -> Files:
    packed = read_bytes(path, most=MAX_BYTES)
    if not packed:
        raise SpecBuilderError(f"{path}: is empty, expected a .tar.gz")
    content = unzipped(packed, str(path), most=MAX_BYTES)
    files: Files = {}
    folders: set[str] = set()
    for member in tar_members(content, str(path)):
        folder, name = _checked_name(path, member)
        if name in files:
            raise SpecBuilderError(f"{path}: member '{member.name}' stands twice")
        if len(files) >= MAX_FILES:
            raise SpecBuilderError(f"{path}: more than {MAX_FILES} files: not an archive of ours")
        files[name] = member.data
        folders.add(folder)
    if len(folders) > 1:
        raise SpecBuilderError(f"{path}: holds several folders ({', '.join(sorted(folders))}), expected one")
    return files


def _checked_name(path: Path, member: Member) -> tuple[str, str]:
    """Folder and name of a member.

    Raises:
        SpecBuilderError: if it is no file, or its name leads elsewhere.
    """
    folder, _, name = member.name.rpartition("/")
    if not member.is_file:
        raise SpecBuilderError(f"{path}: member '{member.name}' is a link or a device, expected a file")
    if not _NAME.fullmatch(name) or (folder and not _NAME.fullmatch(folder)):
        raise SpecBuilderError(f"{path}: member '{member.name}': expected FOLDER/NAME, of plain letters")
    return folder, name


def broken_seals(files: Mapping[str, bytes], *, extra: bool) -> Iterator[str]:
    """What differs from ``SHA256SUMS`` and ``LINES``, as ``file:line: what``.

    Args:
        files: of an archive.
        extra: whether files that are not listed are a problem.
    """
    sums, problems = _read_sums(files[SUMS])
    yield from problems
    marks = dict(line.rpartition(" ")[::2] for line in files.get(LINES, b"").decode("ascii", "replace").splitlines())
    for name, wanted in sums.items():
        if name not in files:
            yield f"{name}: is listed in {SUMS} but missing"
            continue
        changed = [] if name == LINES else list(_changed_lines(files[name], marks.get(name)))
        if _sha256(files[name]) != wanted and not changed:
            yield f"{name}: differs from its sum in {SUMS}: one of the two was changed"
        for line, text in changed[:3]:
            yield f"{name}:{line}: was changed: {text}"
        if len(changed) > 3:
            yield f"{name}: {len(changed) - 3} more lines were changed"
    for name in marks:
        if name not in sums:
            yield f"{LINES}: '{name}' is not listed in {SUMS}"
    if extra:
        for name in sorted(set(files) - set(sums) - {SUMS}):
            yield f"{name}: is not listed in {SUMS}"


def _read_sums(data: bytes) -> tuple[dict[str, str], list[str]]:
    sums: dict[str, str] = {}
    problems = []
    for i, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            problems.append(f"{SUMS}:{i}: expected a SHA-256 and a file name")
        elif match[2] in sums:
            problems.append(f"{SUMS}:{i}: '{match[2]}' stands twice")
        else:
            sums[match[2]] = match[1]
    return sums, problems


def _changed_lines(data: bytes, marks: str | None) -> Iterator[tuple[int, str]]:
    if marks is None:
        yield 1, f"its row is missing in {LINES}"
        return
    lines = data.splitlines(keepends=True)
    wanted = [marks[i : i + 4] for i in range(0, len(marks), 4)]
    for i, (line, mark) in enumerate(zip(lines, wanted, strict=False), 1):
        if _mark(line) != mark:
            yield i, _shown(line)
    if len(lines) != len(wanted):
        yield min(len(lines), len(wanted)) + 1, f"{len(lines)} lines, expected {len(wanted)}"


def _shown(line: bytes) -> str:
    text = " ".join(line.decode("utf-8", "replace").split())
    return text if len(text) <= 100 else f"{text[:100]}..."


def _marks(data: bytes) -> str:
    return "".join(_mark(line) for line in data.splitlines(keepends=True))


def _mark(line: bytes) -> str:
    return _sha256(line)[:4]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
