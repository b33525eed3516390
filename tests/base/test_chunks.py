"""Chunks of work: on any executor, kept, resumed."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.chunks import FileStore, MemoryStore, compute_chunks
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import process_pool
from tests.points import COLUMNS, small_chunks, small_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.points import ListedPoints

    Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]


@pytest.fixture(scope="module")
def likelihood() -> Likelihood:
    return small_likelihood()


@pytest.fixture
def chunks(likelihood: Likelihood) -> list[ListedPoints]:
    return small_chunks(likelihood)


def factories(chunks: list[ListedPoints]) -> list[Callable[[], ListedPoints]]:
    return [partial(lambda points: points, points) for points in chunks]


def contents(store: MemoryStore | FileStore, count: int) -> list[dict[str, bytes]]:
    return [{name: store.load(i, name).tobytes() for name in store.names(i)} for i in range(count)]


# ---------------------------------------------------------------- executors


class Backwards(Executor):
    """Finishes the last chunk given first, on a thread of its own."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._lock = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._open = True
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((future, partial(fn, *args, **kwargs)))
            self._lock.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del cancel_futures
        with self._lock:
            self._open = False
            self._lock.notify()
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._waiting or not self._open)
                if not self._waiting:
                    return
                future, call = self._waiting.pop()
            future.set_result(call())


@pytest.mark.parametrize("make", [Backwards, partial(ThreadPoolExecutor, 3), partial(process_pool, 2)])
def test_the_executor_does_not_matter(chunks: list[ListedPoints], make: Callable[[], Executor]) -> None:
    here, there = MemoryStore(), MemoryStore()
    compute_chunks(factories(chunks), here)
    with make() as executor:
        compute_chunks(factories(chunks), there, executor=executor)
    assert contents(there, len(chunks)) == contents(here, len(chunks))


@pytest.mark.parametrize("in_flight", [1, 3, 8, 50])
def test_no_more_chunks_are_made_than_may_be_in_flight(chunks: list[ListedPoints], in_flight: int) -> None:
    class Counting(MemoryStore):
        saved = 0

        def save(self, index: int, columns: Columns) -> None:
            self.saved += 1
            super().save(index, columns)

    store, made, open_chunks = Counting(), [], []

    def make(points: ListedPoints) -> ListedPoints:
        made.append(points)
        open_chunks.append(len(made) - store.saved)
        return points

    with Backwards() as executor:
        compute_chunks([partial(make, points) for points in chunks], store, executor=executor, in_flight=in_flight)
    assert store.saved == len(made) == len(chunks)
    assert max(open_chunks) == min(in_flight, len(chunks))


@pytest.mark.parametrize("make", [None, Backwards])
def test_chunks_that_are_there_are_not_made_again(
    chunks: list[ListedPoints], make: Callable[[], Executor] | None
) -> None:
    store = MemoryStore()
    compute_chunks(factories(chunks[:7]), store)
    made: list[int] = []

    def remember(index: int) -> ListedPoints:
        made.append(index)
        return chunks[index]

    told: list[tuple[int, int]] = []
    executor = None if make is None else make()
    compute_chunks(
        [partial(remember, i) for i in range(20)],
        store,
        executor=executor,
        report=lambda done, total: told.append((done, total)),
    )
    if executor is not None:
        executor.shutdown()
    assert sorted(made) == list(range(7, 20))
    assert told == [(done, 20) for done in range(7, 21)]


class Failing(Backwards):
    """Takes two chunks, and fails with the next: when it is given, or when its result is asked for."""

    def __init__(self, error: BaseException, *, given: bool) -> None:
        super().__init__()
        self._error, self._given, self._left = error, given, 2

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._left -= 1
        if self._left >= 0:
            return super().submit(fn, *args, **kwargs)
        if self._given:
            raise self._error
        future: Future[Any] = Future()
        if isinstance(self._error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self._error)
        return future


KilledWorker = type("KilledWorker", (Exception,), {"__module__": "distributed.scheduler"})


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (BrokenProcessPool(), True),
        (BrokenProcessPool(), False),
        (CancelledError(), False),
        (ConnectionResetError(), True),
        (TimeoutError(), False),
        (KilledWorker("task", 3), False),
    ],
    ids=repr,
)
def test_a_lost_worker_is_told_and_the_scan_goes_on(
    chunks: list[ListedPoints], error: BaseException, given: bool
) -> None:
    store, made = MemoryStore(), []

    def remember(index: int) -> ListedPoints:
        made.append(index)
        return chunks[index]

    work = [partial(remember, i) for i in range(len(chunks))]
    with (
        Failing(error, given=given) as executor,
        pytest.raises(SpecBuilderError, match=r"^a worker was lost; run again to go on where the scan stood$"),
    ):
        compute_chunks(work, store, executor=executor, in_flight=1)
    assert made == [0, 1, 2]
    compute_chunks(work, store)
    assert made == [0, 1, 2, *range(2, len(chunks))]


def test_a_mistake_in_the_work_is_not_a_lost_worker(chunks: list[ListedPoints]) -> None:
    with Failing(ZeroDivisionError(), given=False) as executor, pytest.raises(ZeroDivisionError):
        compute_chunks(factories(chunks), MemoryStore(), executor=executor)


# ---------------------------------------------------------------- chunks as files


@pytest.fixture
def folder(tmp_path: Path, chunks: list[ListedPoints]) -> Path:
    """Four chunks of the scan 'job'."""
    compute_chunks(factories(chunks[:4]), FileStore(tmp_path / "scan.npz", "job"))
    return tmp_path / "scan.npz.parts"


def test_files_hold_what_was_computed(folder: Path, chunks: list[ListedPoints]) -> None:
    memory, files = MemoryStore(), FileStore(folder.with_name("scan.npz"), "job")
    compute_chunks(factories(chunks[:4]), memory)
    assert [index in files for index in range(5)] == [True] * 4 + [False]
    assert contents(files, 4) == contents(memory, 4)
    assert files.names(0) == list(COLUMNS)


def test_the_output_takes_the_place_of_the_folder(folder: Path) -> None:
    output = folder.with_name("scan.npz")
    store = FileStore(output, "job")
    assert not store.finished
    store.finish(lambda draft: draft.write_bytes(b"all of it"))
    assert output.read_bytes() == b"all of it"
    assert not folder.exists()
    assert not store.finished


class Killed(BaseException):
    """Stands for SIGKILL at one moment."""


@pytest.mark.parametrize("moment", ["writing", "moving", "before removing", "while removing"])
def test_whenever_the_last_step_is_killed_the_next_run_ends_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    output = folder.with_name("scan.npz")

    def kill(*_: object, **__: object) -> None:
        raise Killed

    def write(draft: Path) -> None:
        (folder / ".output-abcdefgh.npz").write_bytes(b"all")  # the temporary name of a draft
        if moment == "writing":
            kill()
        draft.write_bytes(b"all of it")

    with monkeypatch.context() as patch:
        if moment == "moving":
            patch.setattr(Path, "replace", kill)
        elif moment == "before removing":
            patch.setattr(FileStore, "remove", kill)
        elif moment == "while removing":
            unlink = Path.unlink
            patch.setattr(
                Path, "unlink", lambda path, **how: kill() if path.name == "output.sha256" else unlink(path, **how)
            )
        with pytest.raises(Killed):
            FileStore(output, "job").finish(write)
    assert folder.exists()
    store = FileStore(output, "job")
    assert store.finished == output.exists() == moment.endswith("removing")
    if store.finished:
        store.remove()
    else:
        assert [index in store for index in range(4)] == [True] * 4
        store.finish(lambda draft: draft.write_bytes(b"all of it"))
    assert [path.name for path in output.parent.iterdir()] == ["scan.npz"]
    assert output.read_bytes() == b"all of it"


def test_another_file_in_the_place_of_the_output_is_not_this_scans(folder: Path) -> None:
    output = folder.with_name("scan.npz")
    output.write_bytes(b"older")
    file, job, other = (hashlib.sha256(name).hexdigest() for name in (b"newer", b"job", b"another job"))
    (folder / "output.sha256").write_text(f"{file} {job}", "utf-8")
    assert not FileStore(output, "job").finished
    output.write_bytes(b"newer")
    assert FileStore(output, "job").finished
    (folder / "output.sha256").write_text(f"{file} {other}", "utf-8")
    assert not FileStore(output, "job").finished


def test_a_store_makes_no_folder_before_it_has_a_chunk(tmp_path: Path) -> None:
    assert 0 not in FileStore(tmp_path / "scan.npz", "job")
    assert not (tmp_path / "scan.npz.parts").exists()


def test_what_a_killed_write_leaves_behind_is_not_a_chunk(folder: Path) -> None:
    (folder / ".chunk-000009-abcdefgh.npz").write_bytes(b"half a fi")
    assert 9 not in FileStore(folder.with_name("scan.npz"), "job")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="first half"),
        pytest.param(lambda content: content[:-1], id="a byte short"),
        pytest.param(lambda content: content[1:], id="without its first byte"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda content: b"\0" * len(content), id="zeros"),
        pytest.param(lambda _: b"twice_nll,edm\n1.0,2.0\n", id="a table"),
        pytest.param(lambda content: b"\x93NUMPY" + content, id="another kind of numpy file"),
    ],
)
def test_a_damaged_chunk_is_named(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    damaged = folder / "chunk-000002.npz"
    damaged.write_bytes(damage(damaged.read_bytes()))
    with pytest.raises(
        SpecBuilderError, match=r"scan\.npz\.parts/chunk-000002\.npz: corrupted chunk of a scan; delete it"
    ) as told:
        FileStore(folder.with_name("scan.npz"), "job")
    assert "\n" not in str(told.value)
    damaged.unlink()
    assert 2 not in FileStore(folder.with_name("scan.npz"), "job")


def test_no_flipped_bit_goes_unnoticed(folder: Path) -> None:
    """Anywhere in the file: either the chunk is refused, or its content is the same."""
    file = folder / "chunk-000003.npz"
    sound, expected = file.read_bytes(), contents(FileStore(folder.with_name("scan.npz"), "job"), 4)
    rng = np.random.default_rng(3)
    refused = 0
    for place, bit in zip(rng.permutation(len(sound))[:400], rng.integers(0, 8, 400), strict=True):
        flipped = bytearray(sound)
        flipped[place] ^= 1 << int(bit)
        file.write_bytes(flipped)
        try:
            store = FileStore(folder.with_name("scan.npz"), "job")
        except SpecBuilderError:
            refused += 1
        else:
            assert contents(store, 4) == expected
    assert refused > 200


def test_a_chunk_of_another_scan_is_named(folder: Path) -> None:
    with pytest.raises(
        SpecBuilderError, match=r"parts/chunk-000000\.npz: chunk of another scan; delete scan\.npz\.parts or give"
    ):
        FileStore(folder.with_name("scan.npz"), "another job")


def test_a_chunk_in_the_place_of_another_is_named(folder: Path) -> None:
    (folder / "chunk-000001.npz").rename(folder / "chunk-000007.npz")
    with pytest.raises(SpecBuilderError, match=r"chunk-000007\.npz: chunk of another scan"):
        FileStore(folder.with_name("scan.npz"), "job")


def test_files_that_are_not_a_scans_own_are_left_alone(folder: Path) -> None:
    strange = {
        "notes.txt": b"mine",
        "chunk-mine.npz": b"mine too",
        ".hidden": b"",
        "output.txt": b"a",
        "chunk-000001.npz.bak": b"b",
    }
    for name, content in strange.items():
        (folder / name).write_bytes(content)
    (folder / "deep").mkdir()
    (folder / ".chunk-000001-abcdefgh.npz").write_bytes(b"half a chunk")
    store = FileStore(folder.with_name("scan.npz"), "job")
    store.finish(lambda draft: draft.write_bytes(b"all of it"))
    assert {path.name for path in folder.iterdir()} == {*strange, "deep"}
    assert all((folder / name).read_bytes() == content for name, content in strange.items())


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    kept = sorted(path.name for path in folder.iterdir())
    for target in (folder, tmp_path / "nowhere"):
        link = tmp_path / "other.npz.parts"
        link.symlink_to(target)
        with pytest.raises(SpecBuilderError, match=r"other\.npz\.parts: is a link, expected a scan's own") as told:
            FileStore(tmp_path / "other.npz", "job")
        assert "\n" not in str(told.value)
        link.unlink()
    assert sorted(path.name for path in folder.iterdir()) == kept
    (tmp_path / "file.npz.parts").write_text("mine")
    with pytest.raises(SpecBuilderError, match=r"file\.npz\.parts: is a file, expected a scan's own folder"):
        FileStore(tmp_path / "file.npz", "job")


@pytest.mark.parametrize("name", ["chunk-000009.npz", "output.npz", "output.sha256", ".chunk-000009-abcdefgh.npz"])
def test_a_link_within_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    """Written through, it would destroy what it leads to."""
    victim = tmp_path / "thesis.tex"
    victim.write_text("precious")
    (folder / name).symlink_to(victim)
    with pytest.raises(SpecBuilderError, match=rf"{name}: is no plain file, expected one of a scan; remove it"):
        FileStore(folder.with_name("scan.npz"), "job")
    assert victim.read_text() == "precious"


def test_the_folder_is_private(folder: Path, chunks: list[ListedPoints]) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    compute_chunks(factories(chunks[:5]), FileStore(folder.with_name("scan.npz"), "job"))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_users_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(SpecBuilderError, match=r"scan\.npz\.parts: belongs to another user"):
        FileStore(folder.with_name("scan.npz"), "job")


def test_a_digest_that_is_no_text_is_not_this_scans(folder: Path) -> None:
    output = folder.with_name("scan.npz")
    output.write_bytes(b"older")
    (folder / "output.sha256").write_bytes(b"\xff")
    assert not FileStore(output, "job").finished


class _Evil:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("unpickled",)


def _signed(**content: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **content)  # type: ignore[arg-type]
    return stream.getvalue() + hashlib.sha256(stream.getvalue()).digest()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"index": 0, "x": [1.0]}, id="no job"),
        pytest.param({"job": "j", "index": "a", "x": [1.0]}, id="index is text"),
        pytest.param({"job": "j", "index": np.inf, "x": [1.0]}, id="index without end"),
        pytest.param({"job": "j", "index": 0}, id="no columns"),
        pytest.param({"job": "j", "index": 0, "x": [1.0], "y": [1.0, 2.0]}, id="columns of two lengths"),
        pytest.param({"job": "j", "index": 0, "x": ["=cmd", "b"]}, id="text"),
        pytest.param({"job": "j", "index": 0, "x": np.array([_Evil()], dtype=object)}, id="pickled"),
    ],
)
def test_a_signed_file_that_is_no_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "s.npz.parts"
    folder.mkdir()
    (folder / "chunk-000000.npz").write_bytes(_signed(**content))
    with pytest.raises(SpecBuilderError, match=r"chunk-000000\.npz: corrupted chunk of a scan; delete it"):
        FileStore(tmp_path / "s.npz", "j")
    assert not (tmp_path / "unpickled").exists()


def test_a_chunk_that_unpacks_to_more_than_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spec_builder.base.chunks._MOST_UNPACKED", 2**20)
    folder = tmp_path / "s.npz.parts"
    folder.mkdir()
    (folder / "chunk-000000.npz").write_bytes(_signed(job="j", index=0, x=np.zeros(2**18)))
    with pytest.raises(SpecBuilderError, match="corrupted chunk of a scan"):
        FileStore(tmp_path / "s.npz", "j")
