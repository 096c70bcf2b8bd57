// What the kernels share: AMX tiles, splitting of float32 into bfloat16, packing, and the work given to threads.
//
// A tile holds 16 rows of 64 bytes. The product of tiles adds A [16 x 32] B [32 x 16] to C [16 x 16], where A and B are
// bfloat16 and C is float32; B is stored with its rows in pairs: 16 rows of 16 pairs.
//
// A float32 x is split into bfloat16 parts, x = high + low + (2^-17 |x| at most), so that three products of parts come
// within about 2^-16 of one in float32. A bfloat16 is its own high part.

#pragma once

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#define INLINE inline __attribute__((always_inline))

using bf16 = uint16_t;

constexpr int TILE = 16;               // rows of a tile, and columns of float32
constexpr int DEEP = 32;               // columns of bfloat16
constexpr int TILE_SIZE = TILE * DEEP; // bfloat16 of a tile

// The type of numbers -> how many bfloat16 parts they are split into.
template <typename T> constexpr int PARTS = sizeof(T) / sizeof(bf16);

INLINE int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// Memory of one thread that only grows, aligned to cache lines: no page is faulted in twice.
template <typename T> class Scratch {
  public:
    T *at_least(size_t count) {
        if (count > count_) {
            data_.reset(static_cast<T *>(std::aligned_alloc(64, round_up(count * sizeof(T), 64))));
            if (!data_) throw std::bad_alloc();
            count_ = count;
        }
        return data_.get();
    }

  private:
    struct Free {
        void operator()(T *data) const { std::free(data); }
    };
    std::unique_ptr<T, Free> data_;
    size_t count_ = 0;
};

// GOMP_parallel of the OpenMP runtime that PyTorch has loaded: its threads are ours.
using Parallel = void (*)(void (*)(void *), void *, unsigned threads, unsigned flags);

struct alignas(64) TileConfig {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr unsigned FLUSH_DENORMALS = 0x8040; // numbers too small to be normal are zero: they take a hundred times as long

// Calls work(0) .. work(count - 1) on up to `threads` threads, each with its tiles set up.
template <typename Work> void spread(int64_t count, int threads, Parallel parallel, const Work &work) {
    struct Shared {
        const Work &work;
        int64_t count;
        std::atomic<int64_t> next{0};
    } shared{work, count};
    auto run = [](void *data) {
        auto &mine = *static_cast<Shared *>(data);
        const TileConfig config;
        _tile_loadconfig(&config);
        const unsigned mode = _mm_getcsr();
        _mm_setcsr(mode | FLUSH_DENORMALS);
        for (int64_t i; (i = mine.next.fetch_add(1, std::memory_order_relaxed)) < mine.count;) mine.work(i);
        _mm_setcsr(mode);
        _tile_release();
    };
    const unsigned used = static_cast<unsigned>(std::min<int64_t>(threads, count));
    if (used > 1 && parallel != nullptr)
        parallel(run, &shared, used, 0);
    else
        run(&shared);
}

INLINE __mmask32 first(int64_t count) {
    return count >= 32 ? 0xffffffffu : count <= 0 ? 0u : (1u << count) - 1;
}

// The parts of 32 numbers.
template <typename T> struct Split {
    __m512i part[PARTS<T>];
};

INLINE __m512i narrowed(__m512 low, __m512 high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }
INLINE __m512 widened_low(__m512i x) {
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(x)), 16);
}
INLINE __m512 widened_high(__m512i x) {
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(x, 1)), 16);
}

INLINE Split<float> split(__m512 a, __m512 b) {
    const __m512i high = narrowed(a, b);
    return {high, narrowed(_mm512_sub_ps(a, widened_low(high)), _mm512_sub_ps(b, widened_high(high)))};
}

// The first `count` of 32 numbers at `x`, zeros behind them.
INLINE Split<bf16> load(const bf16 *x, int64_t count) { return {_mm512_maskz_loadu_epi16(first(count), x)}; }
INLINE Split<float> load(const float *x, int64_t count) {
    const __mmask32 mask = first(count);
    return split(_mm512_maskz_loadu_ps(mask & 0xffff, x), _mm512_maskz_loadu_ps(mask >> 16, x + 16));
}

// 32 numbers a0 .. a15, b0 .. b15 -> a0 b0 a1 b1 ..
INLINE __m512i interleaved(__m512i x) {
    const __m512i even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(x));
    const __m512i odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(x, 1));
    return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
}

// The first `count` of 16 numbers of two rows, in pairs.
INLINE Split<bf16> load_pairs(const bf16 *a, const bf16 *b, int64_t count) {
    const __mmask16 mask = first(count) & 0xffff;
    const __m256i x = _mm256_maskz_loadu_epi16(a ? mask : 0, a), y = _mm256_maskz_loadu_epi16(b ? mask : 0, b);
    return {interleaved(_mm512_inserti64x4(_mm512_castsi256_si512(x), y, 1))};
}
INLINE Split<float> load_pairs(const float *a, const float *b, int64_t count) {
    const __mmask16 mask = first(count) & 0xffff;
    Split<float> both = split(_mm512_maskz_loadu_ps(a ? mask : 0, a), _mm512_maskz_loadu_ps(b ? mask : 0, b));
    return {interleaved(both.part[0]), interleaved(both.part[1])};
}

INLINE void store(bf16 *out, __m512 x, __mmask16 mask) {
    _mm256_mask_storeu_epi16(out, mask, (__m256i)_mm512_cvtneps_pbh(x));
}
INLINE void store(float *out, __m512 x, __mmask16 mask) { _mm512_mask_storeu_ps(out, mask, x); }

// 2^x for x <= 0, within 8e-5 (rounded to bfloat16 afterwards) or 1e-7.
template <int P> INLINE __m512 power(__m512 x) {
    const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); // x - floor(x)
    __m512 y;
    if constexpr (P == 1) {
        y = _mm512_fmadd_ps(_mm512_set1_ps(0.07802452f), f, _mm512_set1_ps(0.22606716f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.69583356f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.99992520f));
    } else {
        y = _mm512_fmadd_ps(_mm512_set1_ps(0.0018775767f), f, _mm512_set1_ps(0.0089893406f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.055826318f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.24015361f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.69315308f));
        y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.99999994f));
    }
    return _mm512_scalef_ps(y, x); // y 2^floor(x)
}

// 16 rows of 16 dwords, rows and columns exchanged.
INLINE void transpose(__m512i (&r)[16]) {
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// Packs 16 rows of `count` numbers, `stride` apart, of which `rows` are there, as tiles A: the next 32 columns come `step`
// numbers later, the low parts one tile after the high ones.
template <typename T> void pack_rows(bf16 *out, int64_t step, const T *x, int64_t stride, int64_t rows, int64_t count) {
    for (int64_t column = 0; column < count; column += DEEP, out += step)
        for (int row = 0; row < TILE; ++row) {
            const auto values = load(x + row * stride + column, row < rows ? count - column : 0);
            for (int part = 0; part < PARTS<T>; ++part)
                _mm512_store_si512(out + part * TILE_SIZE + row * DEEP, values.part[part]);
        }
}

// The same as tiles B: columns become rows.
template <typename T>
void pack_columns(bf16 *out, int64_t step, const T *x, int64_t stride, int64_t rows, int64_t count) {
    for (int64_t column = 0; column < count; column += DEEP, out += step) {
        __m512i tile[PARTS<T>][TILE];
        for (int row = 0; row < TILE; ++row) {
            const auto values = load(x + row * stride + column, row < rows ? count - column : 0);
            for (int part = 0; part < PARTS<T>; ++part) tile[part][row] = values.part[part];
        }
        for (int part = 0; part < PARTS<T>; ++part) {
            transpose(tile[part]);
            for (int row = 0; row < TILE; ++row)
                _mm512_store_si512(out + part * TILE_SIZE + row * DEEP, tile[part][row]);
        }
    }
}

// Two tiles A (rows 0 to 15 and 16 to 31), for one step of 32 columns after the other: distances in numbers, but the rows'
// in bytes.
struct Rows {
    const bf16 *at;
    int64_t row_bytes, half, part, step;
};

template <int P> constexpr int64_t PAIR = 2 * P * TILE_SIZE; // of tiles, with all their parts

// Packed as `pack_rows` and `pack_columns` with step PAIR do.
template <int P> INLINE Rows packed(const bf16 *at) { return {at, 64, P * TILE_SIZE, TILE_SIZE, PAIR<P>}; }

// What `multiply` does meanwhile: nothing.
struct Idle {
    INLINE void operator()() const {}
};

// out [32 x 32] = (out +) A B over `steps` steps; B packed. Tiles multiply beside the rest of the processor: `meanwhile()`
// is called at each step to give that something to do.
template <int P, typename Meanwhile = Idle>
INLINE void multiply(float *out, int64_t out_bytes, bool add, const Rows &a, const bf16 *b, int64_t steps,
                     Meanwhile &&meanwhile = {}) {
    float *const below = reinterpret_cast<float *>(reinterpret_cast<char *>(out) + TILE * out_bytes);
    asm volatile("" ::: "memory"); // the compiler does not know that tiles read memory
    if (add) {
        _tile_loadd(0, out, out_bytes);
        _tile_loadd(1, out + TILE, out_bytes);
        _tile_loadd(2, below, out_bytes);
        _tile_loadd(3, below + TILE, out_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    const bf16 *x = a.at;
    for (int64_t step = 0; step < steps; ++step, x += a.step, b += PAIR<P>) {
        const bf16 *const right = b + P * TILE_SIZE;
        if constexpr (P == 2) { // low high, then high high, then high low
            _tile_loadd(4, x + a.part, a.row_bytes);
            _tile_loadd(5, x + a.half + a.part, a.row_bytes);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, right, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(4, x, a.row_bytes);
            _tile_loadd(5, x + a.half, a.row_bytes);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(6, b + TILE_SIZE, 64);
            _tile_loadd(7, right + TILE_SIZE, 64);
        } else {
            _tile_loadd(4, x, a.row_bytes);
            _tile_loadd(5, x + a.half, a.row_bytes);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, right, 64);
        }
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        meanwhile();
    }
    _tile_stored(0, out, out_bytes);
    _tile_stored(1, out + TILE, out_bytes);
    _tile_stored(2, below, out_bytes);
    _tile_stored(3, below + TILE, out_bytes);
}
