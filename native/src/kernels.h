// The functions of this library. All pointers are to memory of the caller's; strides are in numbers, innermost ones are 1.

#pragma once

#include <cstdint>

#define MASKLET_EXPORT __attribute__((visibility("default")))

extern "C" {

// Whether this processor and this system have what the kernels need; asks the system for the tiles.
MASKLET_EXPORT int masklet_available();

// Counts up whenever one of the following changes.
constexpr int MASKLET_INTERFACE = 1;
MASKLET_EXPORT int masklet_interface();

struct masklet_attention {
    void *q, *k, *v, *out;                                       // [batch, heads, rows, numbers]
    int64_t q_strides[3], k_strides[3], v_strides[3], out_strides[3]; // of batch, heads and rows
    int64_t batch, heads, queries, keys, channels, width;        // at least 1 each; `width` numbers a value
    float scale;
    int32_t single; // float32, otherwise bfloat16
};

// out = softmax(scale q k^T) v. `parallel` is GOMP_parallel of the caller's OpenMP runtime, or null for one thread.
MASKLET_EXPORT void masklet_attend(const masklet_attention *task, int threads, void *parallel);

enum masklet_activation { MASKLET_NONE, MASKLET_RELU, MASKLET_GELU };

struct masklet_linear {
    const void *x, *weight, *bias, *residual; // [rows, inputs], [outputs, inputs], [outputs], [rows, outputs] or null
    const void *cos, *sin;                    // [places, outputs] or null: pairs of outputs turn by the row's place
    void *out;                                // [rows, outputs]
    int64_t x_stride, residual_stride, out_stride;
    int64_t rows, inputs, outputs, places; // row i has place i % places
    int32_t activation, single;
};

// out = turned(activation(weight x + bias)) + residual.
MASKLET_EXPORT void masklet_project(const masklet_linear *task, int threads, void *parallel);
}
