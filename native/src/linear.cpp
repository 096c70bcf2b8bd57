// A linear layer with what comes after it: activation, rotary positions, residual.
//
// Rows of x are tiles A, rows of the weights are columns of tiles B. Each product of 32 rows and 32 outputs is finished
// while it lies in the innermost cache.

#include "kernels.h"
#include "tiles.h"

namespace {

constexpr int64_t SIDE = 2 * TILE;          // rows and outputs of one product
constexpr int64_t ROWS_SIZE = 128 * 1024;   // bfloat16 of x that a thread works on at once: half of its cache
constexpr int64_t MOST_ROWS = 512;

INLINE __m512 widened(const bf16 *x, __mmask16 mask) {
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, x)), 16);
}
INLINE __m512 widened(const float *x, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, x); }

// erf(x) within 3e-7, Abramowitz and Stegun 7.1.26; with P = 1 within 3e-5, 7.1.25.
template <int P> INLINE __m512 gelu(__m512 x) {
    const __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678f));
    const __m512 down = power<P>(_mm512_mul_ps(_mm512_mul_ps(z, z), _mm512_set1_ps(-1.44269504f)));
    const __m512 base = _mm512_fmadd_ps(z, _mm512_set1_ps(P == 1 ? 0.47047f : 0.3275911f), _mm512_set1_ps(1));
    __m512 t = _mm512_rcp14_ps(base), y;
    if constexpr (P == 1) {
        y = _mm512_fmadd_ps(_mm512_set1_ps(0.7478556f), t, _mm512_set1_ps(-0.0958798f));
        y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.3480242f));
    } else {
        t = _mm512_mul_ps(t, _mm512_fnmadd_ps(base, t, _mm512_set1_ps(2))); // one step of Newton's
        y = _mm512_fmadd_ps(_mm512_set1_ps(1.061405429f), t, _mm512_set1_ps(-1.453152027f));
        y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(1.421413741f));
        y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-0.284496736f));
        y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.254829592f));
    }
    // x / 2 (1 + erf(x / sqrt 2)), where 1 - |erf| is known: of x < 0 it is all there is.
    const __m512 rest = _mm512_mul_ps(_mm512_mul_ps(_mm512_mul_ps(y, t), down), _mm512_set1_ps(0.5f));
    const __m512 share = _mm512_mask_sub_ps(rest, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ), _mm512_set1_ps(1), rest);
    return _mm512_mul_ps(x, share);
}

template <typename T> struct Layer {
    static constexpr int P = PARTS<T>;
    const masklet_linear &task;

    const T *x(int64_t row) const { return static_cast<const T *>(task.x) + row * task.x_stride; }
    int64_t steps() const { return round_up(task.inputs, DEEP) / DEEP; }
    int64_t panels() const { return round_up(task.outputs, SIDE) / SIDE; }

    void pack_panel(int64_t panel, bf16 *out) const {
        for (int64_t half = 0; half < 2; ++half) {
            const int64_t row = panel * SIDE + half * TILE;
            pack_columns(out + half * P * TILE_SIZE, PAIR<P>, static_cast<const T *>(task.weight) + row * task.inputs,
                         task.inputs, task.outputs - row, task.inputs);
        }
    }

    template <int ACTIVATION, bool TURNED, bool ADDED>
    void finish(const float *block, int64_t start, int64_t column) const {
        const int64_t rows = std::min(SIDE, task.rows - start);
        for (int64_t half = 0; half < 2; ++half) {
            const int64_t channel = column + half * TILE;
            const __mmask16 mask = first(task.outputs - channel) & 0xffff;
            const __m512 bias = widened(static_cast<const T *>(task.bias) + channel, mask);
            for (int64_t row = 0; row < rows; ++row) {
                __m512 y = _mm512_add_ps(_mm512_load_ps(block + row * SIDE + half * TILE), bias);
                if constexpr (ACTIVATION == MASKLET_RELU) y = _mm512_max_ps(y, _mm512_setzero_ps());
                if constexpr (ACTIVATION == MASKLET_GELU) y = gelu<P>(y);
                if constexpr (TURNED) { // (a cos - b sin, b cos + a sin)
                    const int64_t place = (start + row) % task.places * task.outputs + channel;
                    const __m512 cos = widened(static_cast<const T *>(task.cos) + place, mask);
                    const __m512 sin = widened(static_cast<const T *>(task.sin) + place, mask);
                    y = _mm512_fmaddsub_ps(y, cos, _mm512_mul_ps(_mm512_permute_ps(y, 0xb1), sin));
                }
                if constexpr (ADDED) {
                    const T *const residual = static_cast<const T *>(task.residual) + (start + row) * task.residual_stride;
                    y = _mm512_add_ps(y, widened(residual + channel, mask));
                }
                store(static_cast<T *>(task.out) + (start + row) * task.out_stride + channel, y, mask);
            }
        }
    }

    using Finish = void (Layer::*)(const float *, int64_t, int64_t) const;

    Finish finishing() const {
        if (task.cos) return &Layer::finish<MASKLET_NONE, true, false>;
        if (task.residual) return &Layer::finish<MASKLET_NONE, false, true>;
        if (task.activation == MASKLET_RELU) return &Layer::finish<MASKLET_RELU, false, false>;
        if (task.activation == MASKLET_GELU) return &Layer::finish<MASKLET_GELU, false, false>;
        return &Layer::finish<MASKLET_NONE, false, false>;
    }

    void run(int64_t begin, int64_t end, const bf16 *weights) const {
        static thread_local Scratch<bf16> space;
        const int64_t depth = steps();
        // Rows of bfloat16 are read where they lie, but for the last ones.
        const bool lies_well = P == 1 && task.inputs % DEEP == 0;
        const int64_t in_place = lies_well ? (end - begin) / SIDE * SIDE : 0;
        bf16 *const packed_rows = space.at_least(round_up(end - begin, SIDE) / SIDE * depth * PAIR<P>);
        for (int64_t i = in_place; i < end - begin; i += TILE) {
            bf16 *const out = packed_rows + i / SIDE * depth * PAIR<P> + i % SIDE / TILE * P * TILE_SIZE;
            pack_rows(out, PAIR<P>, x(begin + i), task.x_stride, end - begin - i, task.inputs);
        }
        const Finish done = finishing();
        alignas(64) float blocks[2][SIDE * SIDE];
        for (int64_t panel = 0; panel < panels(); ++panel)
            for (int64_t i = 0; i < end - begin; i += SIDE) {
                float *const block = blocks[i / SIDE % 2];
                const Rows rows = i < in_place ? Rows{reinterpret_cast<const bf16 *>(x(begin + i)), task.x_stride * 2,
                                                      TILE * task.x_stride, 0, DEEP}
                                               : packed<P>(packed_rows + i / SIDE * depth * PAIR<P>);
                multiply<P>(block, SIDE * 4, false, rows, weights + panel * depth * PAIR<P>, depth);
                (this->*done)(block, begin + i, panel * SIDE);
            }
    }
};

template <typename T> void project(const masklet_linear &task, int threads, Parallel parallel) {
    static thread_local Scratch<bf16> space;
    const Layer<T> layer{task};
    const int64_t size = layer.steps() * PAIR<PARTS<T>>;
    bf16 *const weights = space.at_least(layer.panels() * size);
    spread(layer.panels(), threads, parallel, [&](int64_t i) { layer.pack_panel(i, weights + i * size); });
    const int64_t fits = ROWS_SIZE / (PARTS<T> * round_up(task.inputs, DEEP)), fair = task.rows / (4 * threads);
    const int64_t step = round_up(std::clamp<int64_t>(std::min(fits, fair), SIDE, MOST_ROWS), SIDE);
    spread(round_up(task.rows, step) / step, threads, parallel,
           [&](int64_t i) { layer.run(i * step, std::min((i + 1) * step, task.rows), weights); });
}

} // namespace

extern "C" void masklet_project(const masklet_linear *task, int threads, void *parallel) {
    const auto run = task->single ? project<float> : project<bf16>;
    run(*task, threads, reinterpret_cast<Parallel>(parallel));
}
