"""The version of the package; the build reads it here."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.8.1"
