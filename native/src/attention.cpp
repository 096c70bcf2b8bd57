// softmax(scale Q K^T) V of many heads, without ever keeping the scores: FlashAttention (arXiv 2205.14135) for a CPU.
//
// Everything is computed transposed, S^T = K Q^T and O^T = V^T P^T. Then a vector holds 16 queries of one key, so that
// maxima and sums over keys need no exchange between its lanes, and K is a tile A just as it lies in memory.
//
// N queries, M keys, C channels of both, V channels of the values; D = C / 32 and W = V / 32, rounded up.

#include "kernels.h"
#include "tiles.h"

namespace {

constexpr int64_t SIDE = 2 * TILE;    // queries and keys of one product
constexpr int64_t KEYS = 256;         // keys between two looks at the maximum
constexpr int64_t QUERIES = 512;      // queries that read the keys together
constexpr int64_t SMALL = 256 * 1024; // bfloat16 of packed keys and values that a thread packs for itself
constexpr float LOWEST = -1e30f;      // of a key that is not there: finite, so that no difference is NaN

// Keys and values of one head as tiles A.
template <typename T> struct Memory {
    static constexpr int P = PARTS<T>;
    const T *k, *v;
    int64_t k_stride, v_stride, count, channels, width;
    bf16 *packed_keys, *packed_values;

    int64_t depth() const { return round_up(channels, DEEP) / DEEP; }
    int64_t wide() const { return round_up(width, SIDE) / SIDE; }
    int64_t blocks() const { return round_up(count, SIDE) / SIDE; }

    // Whole blocks of bfloat16 are read where they lie.
    int64_t in_place() const { return P == 1 && channels % DEEP == 0 ? count / SIDE : 0; }
    static int64_t packed_size(int64_t count, int64_t channels, int64_t width) {
        const int64_t rows = round_up(count, SIDE);
        return P * rows * (round_up(channels, DEEP) + round_up(width, SIDE));
    }

    void pack(int64_t block) const {
        const int64_t start = block * SIDE;
        if (block >= in_place())
            for (int64_t half = 0; half < 2; ++half) {
                const int64_t row = start + half * TILE;
                pack_rows(packed_keys + (block * depth() * 2 + half) * P * TILE_SIZE, PAIR<P>, k + row * k_stride, k_stride,
                          count - row, channels);
            }
        // V^T: pairs of keys are dwords of its rows.
        for (int64_t tile = 0; tile < 2 * wide(); ++tile) {
            __m512i rows[P][TILE];
            for (int64_t pair = 0; pair < TILE; ++pair) {
                const int64_t row = start + 2 * pair;
                const T *const a = row < count ? v + row * v_stride + tile * TILE : nullptr;
                const T *const b = row + 1 < count ? v + (row + 1) * v_stride + tile * TILE : nullptr;
                const auto both = load_pairs(a, b, width - tile * TILE);
                for (int part = 0; part < P; ++part) rows[part][pair] = both.part[part];
            }
            bf16 *const out = packed_values + ((tile / 2 * blocks() + block) * 2 + tile % 2) * P * TILE_SIZE;
            for (int part = 0; part < P; ++part) {
                transpose(rows[part]);
                for (int row = 0; row < TILE; ++row)
                    _mm512_store_si512(out + part * TILE_SIZE + row * DEEP, rows[part][row]);
            }
        }
    }

    Rows keys(int64_t block) const {
        if (block >= in_place()) return packed<P>(packed_keys + block * depth() * PAIR<P>);
        return {reinterpret_cast<const bf16 *>(k) + block * SIDE * k_stride, k_stride * 2, TILE * k_stride, 0, DEEP};
    }
    Rows values(int64_t block, int64_t column) const {
        return packed<P>(packed_values + (column * blocks() + block) * PAIR<P>);
    }
};

template <typename T> struct Queries {
    const T *q;
    T *out;
    int64_t q_stride, out_stride, count;
};

// What a thread needs for its queries.
template <typename T> struct Workspace {
    static constexpr int P = PARTS<T>;
    Scratch<bf16> queries, weights, memory;
    Scratch<float> scores, sums;
    alignas(64) float top[QUERIES], total[QUERIES];

    static Workspace &mine() {
        static thread_local Workspace workspace;
        return workspace;
    }
};

// Scores S^T of one block of keys and 32 queries -> weights P^T as tiles B; `top` and `total` of the queries move on.
// Returns whether the maxima have moved, with `shrink` for what was summed before.
template <int P>
INLINE bool weigh(const float *scores, bf16 *weights, int64_t keys, float scale, float *top, float *total, float *shrink) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                           20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 factor = _mm512_set1_ps(scale);
    bool moved = false;
    for (int half = 0; half < 2; ++half) {
        const float *const s = scores + half * TILE;
        __m512 most[4];
        for (int i = 0; i < 4; ++i) most[i] = _mm512_set1_ps(LOWEST);
        for (int64_t key = 0; key < keys; key += 4)
            for (int i = 0; i < 4; ++i) most[i] = _mm512_max_ps(most[i], _mm512_load_ps(s + (key + i) * SIDE));
        most[0] = _mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3]));
        const __m512 before = _mm512_load_ps(top + half * TILE);
        const __m512 after = _mm512_max_ps(before, _mm512_mul_ps(most[0], factor));
        const __m512 less = power<2>(_mm512_sub_ps(before, after));
        moved |= _mm512_cmp_ps_mask(before, after, _CMP_NEQ_OQ) != 0;
        _mm512_store_ps(top + half * TILE, after);
        _mm512_store_ps(shrink + half * TILE, less);
        __m512 sum[2] = {_mm512_mul_ps(_mm512_load_ps(total + half * TILE), less), _mm512_setzero_ps()};
        for (int64_t key = 0; key < keys; key += 2) {
            const __m512 a = power<P>(_mm512_fmsub_ps(_mm512_load_ps(s + key * SIDE), factor, after));
            const __m512 b = power<P>(_mm512_fmsub_ps(_mm512_load_ps(s + (key + 1) * SIDE), factor, after));
            sum[0] = _mm512_add_ps(sum[0], a);
            sum[1] = _mm512_add_ps(sum[1], b);
            bf16 *const out = weights + key / SIDE * PAIR<P> + half * P * TILE_SIZE + key % SIDE / 2 * DEEP;
            if constexpr (P == 1) {
                _mm512_store_si512(out, _mm512_permutexvar_epi16(order, narrowed(a, b)));
            } else {
                const Split<float> parts = split(a, b);
                _mm512_store_si512(out, _mm512_permutexvar_epi16(order, parts.part[0]));
                _mm512_store_si512(out + TILE_SIZE, _mm512_permutexvar_epi16(order, parts.part[1]));
            }
        }
        _mm512_store_ps(total + half * TILE, _mm512_add_ps(sum[0], sum[1]));
    }
    return moved;
}

template <typename T> void attend(const Memory<T> &memory, const Queries<T> &queries, float scale) {
    constexpr int P = PARTS<T>;
    Workspace<T> &mine = Workspace<T>::mine();
    const int64_t depth = memory.depth(), wide = memory.wide(), blocks = memory.blocks();
    const int64_t groups = round_up(queries.count, SIDE) / SIDE;
    const int64_t sums_size = wide * SIDE * SIDE;
    bf16 *const q = mine.queries.at_least(groups * depth * PAIR<P>);
    bf16 *const weights = mine.weights.at_least(KEYS / SIDE * PAIR<P>);
    float *const scores = mine.scores.at_least(KEYS * SIDE);
    float *const sums = mine.sums.at_least(groups * sums_size); // O^T of each 32 queries, [V x 32]
    scale *= static_cast<float>(M_LOG2E);

    for (int64_t group = 0; group < groups; ++group)
        for (int64_t half = 0; half < 2; ++half) {
            const int64_t row = group * SIDE + half * TILE;
            pack_columns(q + (group * depth * 2 + half) * P * TILE_SIZE, PAIR<P>, queries.q + row * queries.q_stride,
                         queries.q_stride, queries.count - row, memory.channels);
        }
    std::fill_n(mine.top, groups * SIDE, LOWEST);
    std::fill_n(mine.total, groups * SIDE, 0.0f);

    for (int64_t start = 0; start < blocks; start += KEYS / SIDE) {
        const int64_t end = std::min(start + KEYS / SIDE, blocks), keys = (end - start) * SIDE;
        for (int64_t group = 0; group < groups; ++group) {
            for (int64_t block = start; block < end; ++block)
                multiply<P>(scores + (block - start) * SIDE * SIDE, SIDE * 4, false, memory.keys(block),
                            q + group * depth * PAIR<P>, depth);
            if (end == blocks && memory.count < blocks * SIDE)
                std::fill(scores + (memory.count - start * SIDE) * SIDE, scores + keys * SIDE, LOWEST);
            alignas(64) float shrink[SIDE];
            const bool moved =
                weigh<P>(scores, weights, keys, scale, mine.top + group * SIDE, mine.total + group * SIDE, shrink);
            float *const sum = sums + group * sums_size;
            if (moved && start > 0)
                for (int64_t i = 0; i < sums_size; i += TILE)
                    _mm512_store_ps(sum + i, _mm512_mul_ps(_mm512_load_ps(sum + i), _mm512_load_ps(shrink + i % SIDE)));
            for (int64_t column = 0; column < wide; ++column)
                multiply<P>(sum + column * SIDE * SIDE, SIDE * 4, start > 0, memory.values(start, column), weights,
                            end - start);
        }
    }

    for (int64_t row = 0; row < queries.count; row += TILE) {
        const __m512 share = _mm512_div_ps(_mm512_set1_ps(1), _mm512_load_ps(mine.total + row));
        for (int64_t channel = 0; channel < memory.width; channel += TILE) {
            __m512i tile[TILE];
            const float *const sum = sums + row / SIDE * sums_size + channel * SIDE + row % SIDE;
            for (int i = 0; i < TILE; ++i) tile[i] = (__m512i)_mm512_mul_ps(_mm512_load_ps(sum + i * SIDE), share);
            transpose(tile);
            for (int i = 0; i < TILE && row + i < queries.count; ++i)
                store(queries.out + (row + i) * queries.out_stride + channel, (__m512)tile[i],
                      first(memory.width - channel) & 0xffff);
        }
    }
}

template <typename T> void attention(const masklet_attention &task, int threads, Parallel parallel) {
    const auto at = [&](void *data, const int64_t *strides, int64_t head) {
        return static_cast<T *>(data) + head / task.heads * strides[0] + head % task.heads * strides[1];
    };
    const auto memory = [&](int64_t head, bf16 *space) {
        const int64_t keys = PARTS<T> * round_up(task.keys, SIDE) * round_up(task.channels, DEEP);
        return Memory<T>{at(task.k, task.k_strides, head), at(task.v, task.v_strides, head), task.k_strides[2],
                         task.v_strides[2],                task.keys,                        task.channels,
                         task.width,                       space,                            space + keys};
    };
    const auto run = [&](int64_t head, int64_t start, int64_t count, const Memory<T> &memory) {
        const Queries<T> queries{at(task.q, task.q_strides, head) + start * task.q_strides[2],
                                 at(task.out, task.out_strides, head) + start * task.out_strides[2], task.q_strides[2],
                                 task.out_strides[2], std::min(count, task.queries - start)};
        attend(memory, queries, task.scale);
    };
    const int64_t heads = task.batch * task.heads;
    const int64_t size = Memory<T>::packed_size(task.keys, task.channels, task.width);
    if (size <= SMALL && heads >= 2 * threads) { // many small ones, such as windows: each is one thread's own
        spread(heads, threads, parallel, [&](int64_t head) {
            const Memory<T> own = memory(head, Workspace<T>::mine().memory.at_least(size));
            for (int64_t block = 0; block < own.blocks(); ++block) own.pack(block);
            for (int64_t start = 0; start < task.queries; start += QUERIES) run(head, start, QUERIES, own);
        });
        return;
    }
    bf16 *const space = Workspace<T>::mine().memory.at_least(size * heads);
    const int64_t blocks = round_up(task.keys, SIDE) / SIDE, some = 16;
    const int64_t chunks = round_up(blocks, some) / some;
    spread(heads * chunks, threads, parallel, [&](int64_t i) {
        const Memory<T> shared = memory(i / chunks, space + i / chunks * size);
        const int64_t begin = i % chunks * some, end = std::min(begin + some, blocks);
        for (int64_t block = begin; block < end; ++block) shared.pack(block);
    });
    const int64_t fair = round_up(std::max<int64_t>(heads * task.queries / (4 * threads), SIDE), SIDE);
    const int64_t step = std::min(QUERIES, fair), parts = round_up(task.queries, step) / step;
    spread(heads * parts, threads, parallel,
           [&](int64_t i) { run(i / parts, i % parts * step, step, memory(i / parts, space + i / parts * size)); });
}

} // namespace

extern "C" void masklet_attend(const masklet_attention *task, int threads, void *parallel) {
    const auto run = task->single ? attention<float> : attention<bf16>;
    run(*task, threads, reinterpret_cast<Parallel>(parallel));
}
