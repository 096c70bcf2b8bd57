"""Builds the shared library. It has a plain C interface and includes nothing of Python's or PyTorch's."""

import platform
import sys

from setuptools import Extension, setup

if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
    msg = f"expected Linux on x86_64, got {sys.platform} on {platform.machine()}; masklet runs without this package too"
    raise SystemExit(msg)

# The library asks the processor before any of this runs (available.cpp).
INSTRUCTIONS = ("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512bf16", "fma", "amx-tile", "amx-bf16")

setup(
    ext_modules=[
        Extension(
            "masklet_native.kernels",
            ["src/available.cpp", "src/attention.cpp", "src/linear.cpp"],
            depends=["src/kernels.h", "src/tiles.h"],
            language="c++",
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-fvisibility=hidden",
                *(f"-m{name}" for name in INSTRUCTIONS),
                "-Wno-uninitialized",  # GCC 12 finds its own intrinsics uninitialised
                "-Wno-maybe-uninitialized",
            ],
        )
    ]
)
