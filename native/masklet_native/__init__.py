"""A shared library of kernels that masklet uses where it is installed: see `masklet.model.native`."""

from pathlib import Path

LIBRARY = next(Path(__file__).parent.glob("kernels*.so"))
"""The library; its functions are in src/kernels.h."""
