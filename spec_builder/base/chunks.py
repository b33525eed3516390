"""Chunks of work on any executor: kept as they finish, and gone on with where they stood."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import io
import os
import re
import weakref
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import loss_is_told, submit, worker_count
from spec_builder.base.files import move_file, real_path, write_bytes, write_text
from spec_builder.base.folders import make_folder
from spec_builder.base.locks import FolderLock
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spec_builder.base.arrays import Column, Columns

__all__ = ["FileStore", "MemoryStore", "Store", "Work", "chunk_folder", "compute_chunks"]

_DIGEST_BYTES = 32
_CHUNK_NAME = re.compile(r"chunk-\d{6,}\.npz")
#: Everything that a scan may leave in its folder: chunks, the draft of the output and its digest, and the temporary
#: names that :func:`spec_builder.base.files.write_bytes` gives them. Nothing else is ever touched there.
_OWN_NAME = re.compile(
    r"chunk-\d{6,}\.npz|output\.(npz|csv|parquet|sha256)"
    r"|\.chunk-\d{6,}-\w{8}\.npz|\.output-\w{8}\.(npz|csv|parquet|sha256)"
)
#: Of deflate. A scan's columns shrink to three quarters at the first level, and hardly further at the others, which
#: take three times as long.
_LEVEL = 1
#: Bytes of the columns of a chunk, of which those of the largest models have a twentieth.
_MOST_UNPACKED = 2**28
#: What reading a file that is no chunk ends in.
_NO_CHUNK = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class Work(Protocol):
    """What there is to do for one chunk, as executors get it."""

    def compute(self) -> Columns:
        """Do it: columns of one length."""


class Store(Protocol):
    """Where finished chunks go."""

    def __contains__(self, index: int) -> bool:
        """Whether the chunk is there already."""

    def save(self, index: int, columns: Columns) -> None:
        """Keep a finished chunk."""

    def load(self, index: int, name: str) -> Column:
        """One column of a chunk."""

    def names(self, index: int) -> list[str]:
        """Columns of a chunk."""


class MemoryStore:
    """Chunks in memory."""

    def __init__(self) -> None:
        self._chunks: dict[int, Columns] = {}

    def __contains__(self, index: int) -> bool:
        return index in self._chunks

    def save(self, index: int, columns: Columns) -> None:
        """Keep a finished chunk."""
        self._chunks[index] = columns

    def load(self, index: int, name: str) -> Column:
        """One column of a chunk."""
        return self._chunks[index][name]

    def names(self, index: int) -> list[str]:
        """Columns of a chunk."""
        return list(self._chunks[index])


def chunk_folder(output: Path) -> Path:
    """Where the chunks of a run lie until its output is written."""
    return output.with_name(output.name + ".parts")


class FileStore:
    """Chunks as files in a folder beside the scan's output.

    Args:
        output: the file that the scan ends in; the folder, ``<output>.parts``, is made when the first chunk is saved,
            open to its owner alone. Files in it that are not a scan's own are left alone.
        job: what identifies the scan: a chunk of another one is refused.

    Raises:
        SpecBuilderError: for a chunk file that is corrupted or belongs to another scan, a folder that is a link, a
            file, or somebody else's, or one that another process works in.
    """

    def __init__(self, output: Path, job: str) -> None:
        self._output, self._job = real_path(output), job
        self._folder = chunk_folder(output)
        self._lock: FolderLock | None = None
        self._refuse_strange_folder()
        if self._folder.exists():
            self._hold()
        chunks = [path for path in self._own_files() if _CHUNK_NAME.fullmatch(path.name)]
        self._known = {self._check(path) for path in chunks}

    def _refuse_strange_folder(self) -> None:
        """Refuse to work, and above all to delete, where another's files may be."""
        folder = self._folder
        if folder.is_symlink():
            raise SpecBuilderError(
                f"{folder}: is a link, expected a scan's own folder; remove it or give another output"
            )
        if not folder.exists():
            return
        if not folder.is_dir():
            raise SpecBuilderError(
                f"{folder}: is a file, expected a scan's own folder; remove it or give another output"
            )
        if hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
            raise SpecBuilderError(f"{folder}: belongs to another user; give another output")
        for path in self._own_files():
            if path.is_symlink() or not path.is_file():
                raise SpecBuilderError(f"{path}: is no plain file, expected one of a scan; remove it")

    def _own_files(self) -> list[Path]:
        """What is in the folder under the names that a scan gives, sorted."""
        try:
            found = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SpecBuilderError(f"{self._folder}: cannot be read ({error.strerror})") from None
        return [path for path in found if _OWN_NAME.fullmatch(path.name)]

    def _open_folder(self) -> None:
        """Make the folder, and let nobody else into it."""
        make_folder(self._folder.parent, what=self._output)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._folder.chmod(0o700)
        except OSError as error:
            raise SpecBuilderError(f"{self._output}: cannot be written ({error.strerror})") from None
        self._hold()

    def _hold(self) -> None:
        """Keep other processes out of the folder, for as long as it is there."""
        if self._lock is None:
            self._lock = FolderLock(self._folder, self._output)
            weakref.finalize(self, self._lock.release)

    def _path(self, index: int) -> Path:
        return self._folder / f"chunk-{index:06d}.npz"

    def _check(self, path: Path) -> int:
        data = read_bytes(path)
        if hashlib.sha256(data[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
            raise SpecBuilderError(f"{path}: corrupted chunk of a scan; delete it and run again")
        try:
            job, index = _job_and_index(data)
        except _NO_CHUNK:
            raise SpecBuilderError(f"{path}: corrupted chunk of a scan; delete it and run again") from None
        if job != self._job or self._path(index) != path:
            raise SpecBuilderError(f"{path}: chunk of another scan; delete {self._folder.name} or give another output")
        return index

    def __contains__(self, index: int) -> bool:
        return index in self._known

    def save(self, index: int, columns: Columns) -> None:
        """Keep a finished chunk."""
        content: dict[str, Any] = {**columns, "job": np.array(self._job), "index": np.array(index)}
        data = _compressed(content)
        # numpy reads past the digest behind the archive
        signed = data + hashlib.sha256(data).digest()
        self._open_folder()
        write_bytes(self._path(index), lambda path: path.write_bytes(signed), force=True)
        self._known.add(index)

    def load(self, index: int, name: str) -> Column:
        """One column of a chunk."""
        with np.load(self._path(index), allow_pickle=False) as content:
            if name not in content.files:
                raise self.strange(index)
            column: Column = content[name]
        return column

    def strange(self, index: int) -> SpecBuilderError:
        """The error of a chunk that holds something else than this run's."""
        return SpecBuilderError(f"{self._path(index)}: corrupted chunk of a scan; delete it and run again")

    def names(self, index: int) -> list[str]:
        """Columns of a chunk."""
        with np.load(self._path(index), allow_pickle=False) as content:
            return [name for name in content.files if name not in ("job", "index")]

    def finish(self, write: Callable[[Path], object], *, force: bool = True) -> None:
        """Write the output and delete the folder; an output that has come meanwhile stays, unless ``force``.

        The output is written inside the folder, and its digest beside it before it is moved to its place: wherever
        this is killed, nothing is left that :attr:`finished` or the next run does not see.
        """
        self._open_folder()
        draft = self._folder / f"output{self._output.suffix}"
        write(draft)
        write_text(self._digest, self._seal(draft), force=True)
        move_file(draft, self._output, force=force)
        self.remove()

    @property
    def finished(self) -> bool:
        """Whether the output is this scan's, moved to its place by a run that was killed right after."""
        if not (self._digest.is_file() and self._output.is_file()):
            return False
        return read_bytes(self._digest) == self._seal(self._output).encode()

    def _seal(self, path: Path) -> str:
        """What says that a file is this scan's output: its digest, and that of the scan."""
        return f"{_file_digest(path)} {hashlib.sha256(self._job.encode()).hexdigest()}"

    @property
    def _digest(self) -> Path:
        return self._folder / "output.sha256"

    def remove(self) -> None:
        """Delete the scan's own files, the digest of the output last, and the folder if nothing else is in it."""
        for path in self._own_files():
            if path != self._digest:
                path.unlink(missing_ok=True)
        self._digest.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a file of somebody else's is in it: both stay
            self._folder.rmdir()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _job_and_index(data: bytes) -> tuple[str, int]:
    """What a chunk says of itself, if it is one: anybody can sign a file.

    Raises:
        ValueError: or another of :data:`_NO_CHUNK`, if it holds more than a chunk does, objects, or columns of several
            lengths.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MOST_UNPACKED:
            raise ValueError
    with np.load(io.BytesIO(data), allow_pickle=False) as content:
        job, index = str(content["job"]), int(content["index"])
        columns = [content[name] for name in content.files if name not in ("job", "index")]
    # a text beside the columns, such as the engine's name, stands alone
    lengths = {len(column) for column in columns if column.dtype.kind in "biuf"}
    others = [column for column in columns if column.dtype.kind not in "biuf"]
    if len(lengths) != 1 or not all(column.dtype.kind == "U" and column.size == 1 for column in others):
        raise ValueError
    return job, index


def _compressed(content: dict[str, Any]) -> bytes:
    """An NPZ file; numpy's own function has no quick level."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, array in content.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            archive.writestr(f"{name}.npy", member.getbuffer())
    return file.getvalue()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compute_chunks(
    chunks: Sequence[Callable[[], Work]],
    store: Store,
    *,
    executor: concurrent.futures.Executor | None = None,
    in_flight: int | None = None,
    report: Parts = silent,
) -> None:
    """Compute every chunk that the store does not hold yet.

    Args:
        chunks: makes the work of each chunk when its turn comes, so that memory holds only those in flight.
        store: where finished chunks go.
        executor: any ``concurrent.futures.Executor``; None computes here.
        in_flight: most chunks given to the executor at a time; two for each of its workers, or eight, by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: if a worker of the executor is lost, or has another version of the package.
    """
    total = len(chunks)
    waiting = [index for index in range(total) if index not in store]
    done = total - len(waiting)
    report(done, total)
    if executor is None:
        for index in waiting:
            store.save(index, chunks[index]().compute())
            done += 1
            report(done, total)
        return
    most = max(8, 2 * worker_count(executor)) if in_flight is None else in_flight
    running: dict[concurrent.futures.Future[Columns], int] = {}
    queue = iter(waiting)
    while True:
        for index in queue:
            work = chunks[index]()
            with loss_is_told():
                running[submit(executor, work.compute)] = index
            if len(running) >= most:
                break
        if not running:
            return
        finished, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in finished:
            with loss_is_told():
                columns = future.result()
            store.save(running.pop(future), columns)
            done += 1
            report(done, total)
