"""The kernels of the optional package masklet-native (folder native/), where it is installed and the processor has AMX.

They compute what PyTorch would, sooner: bfloat16 with float32 sums; float32 as three products of bfloat16 parts, within
about 1e-5 of the largest result. `MASKLET_NATIVE=0` in the environment leaves them unused.

Legend: B batch, H heads, N queries, M keys, C their channels, V channels of the values, R rows, .. any leading
dimensions.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
from ctypes import POINTER, Structure, byref, c_float, c_int32, c_int64, c_void_p
from functools import cache

import torch
from torch import Tensor

INTERFACE = 1
"""MASKLET_INTERFACE of native/src/kernels.h, which the structures below repeat."""
ACTIVATIONS = {"none": 0, "relu": 1, "gelu": 2}
"""masklet_activation."""

_Strides = c_int64 * 3


class _Attention(Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("q", "k", "v", "out")),
        *((name, _Strides) for name in ("q_strides", "k_strides", "v_strides", "out_strides")),
        *((name, c_int64) for name in ("batch", "heads", "queries", "keys", "channels", "width")),
        ("scale", c_float),
        ("single", c_int32),
    )


class _Linear(Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("x", "weight", "bias", "residual", "cos", "sin", "out")),
        *((name, c_int64) for name in ("x_stride", "residual_stride", "out_stride")),
        *((name, c_int64) for name in ("rows", "inputs", "outputs", "places")),
        ("activation", c_int32),
        ("single", c_int32),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None where they are not installed, not wanted, or cannot run."""
    if os.environ.get("MASKLET_NATIVE") == "0" or importlib.util.find_spec("masklet_native") is None:
        return None
    kernels = ctypes.CDLL(str(importlib.import_module("masklet_native").LIBRARY))
    found = kernels.masklet_interface()
    if found != INTERFACE:
        msg = f"expected masklet-native with interface {INTERFACE}, got {found}; install the one beside this masklet"
        raise RuntimeError(msg)
    kernels.masklet_attend.argtypes = POINTER(_Attention), ctypes.c_int, c_void_p
    kernels.masklet_project.argtypes = POINTER(_Linear), ctypes.c_int, c_void_p
    kernels.masklet_attend.restype = kernels.masklet_project.restype = None
    return kernels if kernels.masklet_available() else None


@cache
def _parallel() -> c_void_p:
    """GOMP_parallel of the OpenMP runtime that PyTorch has brought: its threads serve the kernels too."""
    everything = ctypes.CDLL(None)
    return ctypes.cast(everything.GOMP_parallel, c_void_p) if hasattr(everything, "GOMP_parallel") else c_void_p()


def untraced(*tensors: Tensor) -> bool:
    """Whether kernels may be used that know nothing but memory of one type: no gradients, no autocast, no export."""
    return all(t.device.type == "cpu" and t.dtype == tensors[0].dtype for t in tensors) and not (
        torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    )


def usable(*tensors: Tensor) -> bool:
    """Whether the kernels take these tensors."""
    return (
        tensors[0].dtype in (torch.float32, torch.bfloat16)
        and untraced(*tensors)
        and all(t.numel() > 0 for t in tensors)
        and library() is not None
    )


def attend(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """softmax(scale queries keys^T) values: [B, H, N, C], [B, H, M, C], [B, H, M, V] -> [B, H, N, V].

    The result lies in memory as [B, N, H, V].
    """
    kernels = library()
    assert kernels is not None
    q, k, v = (t if t.stride(-1) == 1 else t.contiguous() for t in (queries, keys, values))
    batch, heads, count, channels = q.shape
    keys_count, width = v.shape[2:]
    assert k.shape == (batch, heads, keys_count, channels)
    assert v.shape[:2] == (batch, heads)
    out = q.new_empty(batch, count, heads, width).transpose(1, 2)
    parts = (q, k, v, out)
    task = _Attention(
        *(part.data_ptr() for part in parts),
        *(_Strides(*part.stride()[:3]) for part in parts),
        *(batch, heads, count, keys_count, channels, width),
        scale,
        q.dtype == torch.float32,
    )
    kernels.masklet_attend(byref(task), torch.get_num_threads(), _parallel())
    return out


def project(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    activation: str = "none",
    residual: Tensor | None = None,
    table: tuple[Tensor, Tensor] | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A linear layer [.., in] -> [.., out] and one of: an `activation`, a `residual` [.., out], a rotary `table`.

    Cosines and sines of the table are [N, out] and turn pairs of channels of the rows, N and N again. `out`, if given,
    takes the result: its rows may lie apart.
    """
    kernels = library()
    assert kernels is not None
    assert (activation != "none") + (residual is not None) + (table is not None) <= 1
    outputs, inputs = weight.shape
    rows = x.reshape(-1, inputs)
    rows = rows if rows.stride(1) == 1 else rows.contiguous()
    if out is None:
        out = x.new_empty(*x.shape[:-1], outputs)
    flat = out.view(-1, outputs)
    added = None if residual is None else residual.reshape(-1, outputs).contiguous()
    weight, bias = weight.contiguous(), bias.contiguous()
    cos, sin = (None, None) if table is None else table
    assert len(rows) == len(flat)
    assert added is None or added.shape == flat.shape
    if not len(rows):
        return out
    task = _Linear(
        *(None if t is None else t.data_ptr() for t in (rows, weight, bias, added, cos, sin, flat)),
        *(rows.stride(0), outputs, flat.stride(0)),
        *(len(rows), inputs, outputs, 1 if cos is None else len(cos)),
        ACTIVATIONS[activation],
        x.dtype == torch.float32,
    )
    kernels.masklet_project(byref(task), torch.get_num_threads(), _parallel())
    return out
