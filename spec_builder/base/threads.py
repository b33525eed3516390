"""Threads of numpy's linear algebra: one, where processes share the cores, unless the user has said how many."""

from __future__ import annotations

import os

__all__ = ["BLAS_THREADS", "one_thread_of_blas"]

#: What OpenBLAS reads when it is loaded, and before it what it shares with others.
BLAS_THREADS, _ALL_THREADS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"


def one_thread_of_blas() -> None:
    """Have BLAS take one thread, here if it is not loaded yet, and in processes that begin later.

    Threads on cores that are taken wait for each other. Where the user has said how many there are, they stay.
    """
    if BLAS_THREADS not in os.environ and _ALL_THREADS not in os.environ:
        os.environ[BLAS_THREADS] = "1"
