"""Where work is computed: in worker processes or on a Dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.threads import BLAS_THREADS, one_thread_of_blas
from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import BaseContext
    from types import TracebackType

__all__ = ["executor_for", "loss_is_told", "process_pool", "submit", "worker_count", "workers"]

Found = TypeVar("Found")

#: Seconds that a Dask scheduler has to say what it is.
_PATIENCE = 10
#: Seconds between looks at workers that are to end.
_GLANCE = 0.2
#: Worker processes of any machine, and of each core: more only take memory.
_MOST_JOBS, _MOST_PER_CORE = 64, 4


@contextlib.contextmanager
def executor_for(
    jobs: int, dask: str | None = None, *, preload: Sequence[str] = ()
) -> Iterator[concurrent.futures.Executor | None]:
    """Worker processes, a Dask cluster, or None for this process.

    Args:
        jobs: worker processes; 1 computes here.
        dask: address of a Dask scheduler; needs the extra ``[dask]``.
        preload: modules that worker processes will need; see :func:`process_pool`.

    Raises:
        SpecBuilderError: for fewer than one job, no Dask installed, or a scheduler that does not answer.
    """
    if jobs < 1:
        raise SpecBuilderError(f"jobs {jobs}: expected at least 1")
    most = max(_MOST_JOBS, _MOST_PER_CORE * (os.cpu_count() or 1))
    if jobs > most:
        raise SpecBuilderError(f"jobs {jobs}: expected at most {most} on a machine of {os.cpu_count()} cores")
    if dask is not None:
        try:
            from distributed import Client  # noqa: PLC0415
            from distributed.utils import silence_logging_cmgr  # noqa: PLC0415
        except ImportError:
            raise SpecBuilderError("a Dask scheduler needs Dask: pip install 'spec_builder[dask]'") from None
        with silence_logging_cmgr(logging.CRITICAL):  # a cluster that is lost is told in one line
            _knock(dask)
            client = Client(dask, timeout=10, set_as_default=False)
            with client, client.get_executor(pure=False) as executor:
                yield executor
    elif jobs == 1:
        yield None
    else:
        with process_pool(jobs, preload) as pool:
            yield pool


@contextlib.contextmanager
def workers(
    executor: concurrent.futures.Executor | None, jobs: int | None, *, preload: Sequence[str] = ()
) -> Iterator[concurrent.futures.Executor | None]:
    """What a call from Python computes with: the executor that it was given, worker processes, or None for itself.

    Args:
        executor: of the caller's own, which stays open.
        jobs: worker processes, which end with the call; 1 or None computes here.
        preload: modules that they will need.

    Raises:
        SpecBuilderError: for both, or as :func:`executor_for`.
    """
    if executor is not None and jobs is not None:
        raise SpecBuilderError(f"jobs {jobs}: an executor is given too, expected one of them")
    if executor is not None:
        yield executor
        return
    with executor_for(1 if jobs is None else jobs, preload=preload) as own:
        yield own


def _knock(address: str) -> None:
    """See whether a scheduler listens before Dask's client tries, which says much when none does, or waits for ever.

    Raises:
        SpecBuilderError: if nobody or somebody else listens, or the address is not one of TCP.
    """
    from distributed.core import rpc  # noqa: PLC0415

    scheme, found, rest = address.rpartition("://")
    host, _, port = rest.rpartition(":") if ":" in rest else (rest, "", "8786")
    if found and scheme not in ("tcp", "tls"):
        raise SpecBuilderError(f"dask scheduler {address}: not reachable (expected tcp://HOST:PORT)")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SpecBuilderError(f"dask scheduler {address}: not reachable ({error})") from None

    async def identify() -> Any:
        async with rpc(address) as listener:
            return await asyncio.wait_for(listener.identity(), _PATIENCE)

    try:
        is_scheduler = asyncio.run(identify())["type"] == "Scheduler"
    except Exception:  # noqa: BLE001  # whatever comes of reading another protocol as Dask's
        is_scheduler = False
    if not is_scheduler:
        raise SpecBuilderError(f"dask scheduler {address}: not reachable (what listens there is not one)")


def worker_count(executor: concurrent.futures.Executor) -> int:
    """Workers of an executor; 1 where it does not tell."""
    client = getattr(executor, "_client", None)  # Dask's executor, which has no public name for it
    if client is not None:
        return max(sum(int(threads) for threads in client.nthreads().values()), 1)
    return int(getattr(executor, "_max_workers", 1))


def submit(
    executor: concurrent.futures.Executor, call: Callable[..., Found], *arguments: object
) -> concurrent.futures.Future[Found]:
    """Have a worker compute something, if it has the same version of this package.

    Args:
        executor: any.
        call: what to compute.
        arguments: of the call.

    Raises:
        SpecBuilderError: from the future, where the worker has another version.
    """
    return executor.submit(_computed, __version__, call, *arguments)


def _computed(version: str, call: Callable[..., Found], *arguments: object) -> Found:
    """In the worker."""
    if version != __version__:
        raise SpecBuilderError(f"a worker on {socket.gethostname()} has spec_builder {__version__}, expected {version}")
    return call(*arguments)


def process_pool(jobs: int, preload: Sequence[str] = ()) -> concurrent.futures.ProcessPoolExecutor:
    """An executor of worker processes that start quickly, inherit no threads and end with this process.

    The process that forks them starts here, and imports what they need while this one goes on. Workers pay no heed to
    Ctrl-C and to the end of the terminal, which are sent to them too: they end with the ``with`` of this executor.

    Args:
        jobs: worker processes.
        preload: names of the modules that they need.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415  # not on Windows

        context: BaseContext = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preload))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        try:
            with _surroundings():
                resource_tracker.ensure_running()  # it unblocks the other signal
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
                forkserver.ensure_running()  # it and its children inherit what is blocked, and the surroundings
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        context = multiprocessing.get_context("spawn")
    return _Pool(jobs, mp_context=context, initializer=_start_worker)


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """What processes inherit that begin here: one thread of BLAS, and modules from where this process has them.

    Of itself the process that forks looks for modules in the current folder first, where another file may have the name
    of any, and another copy of this package may lie.
    """
    places = [place or os.curdir for place in sys.path if os.pathsep not in place]
    settings = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(places)}
    before = {name: os.environ.get(name) for name in (BLAS_THREADS, *settings)}
    one_thread_of_blas()
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class _Pool(concurrent.futures.ProcessPoolExecutor):
    """Worker processes that finish what they do, and take up nothing else, when an exception ends the work."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._end()
        self.shutdown(wait=True)

    def _end(self) -> None:
        """Take up nothing else, and do not wait for what was lost on its way.

        A worker that SIGTERM ends while it sends leaves half an answer, and the thread that reads it waits for the rest
        as long as the other end is open, as it is in this process.
        """
        reader: Any = self._executor_manager_thread
        workers, answers = list((self._processes or {}).values()), self._result_queue
        self.shutdown(wait=False, cancel_futures=True)
        while reader is not None and reader.is_alive():
            reader.join(_GLANCE)
            if not any(worker.is_alive() for worker in workers):
                answers._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001


def _start_worker() -> None:
    """Leave Ctrl-C to the process that started the pool, and end when that is gone, even if it was killed.

    A worker would wait for work for ever: every worker holds both ends of the queue. The parent is the process that
    started the pool, whoever forked the worker, and the fork server ends with the last worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import numpy as np  # noqa: PLC0415  # only where there are numbers

    np.seterr(all="ignore")  # what is not finite is told in words
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


@contextlib.contextmanager
def loss_is_told() -> Iterator[None]:
    """Around what is asked of an executor: say in one line that its workers were lost.

    Raises:
        SpecBuilderError: if a worker process, or the cluster, ended before its work was done.
    """
    try:
        yield
    except Exception as error:
        # the work itself neither reads nor writes, and the end of a stream is that of the process that forks workers;
        # Dask has exceptions of its own
        lost = (concurrent.futures.BrokenExecutor, concurrent.futures.CancelledError, EOFError, OSError)
        if not isinstance(error, lost) and type(error).__module__.partition(".")[0] != "distributed":
            raise
        raise SpecBuilderError("a worker was lost; run again to go on where the scan stood") from None
