"""``python -m spec_builder`` is the command ``spec-builder``."""

from __future__ import annotations

from spec_builder.cli import main

if __name__ == "__main__":
    main()
