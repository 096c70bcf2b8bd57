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

// Scores S^T [keys x 32 queries] in two passes that can be done bit by bit, while tiles multiply.

// First pass: the maximum over keys.
class Highest {
  public:
    Highest(const float *scores, int64_t keys) : at_(scores), end_(scores + keys * SIDE) {}

    INLINE void some(int64_t keys) {
        for (; keys > 0 && at_ < end_; --keys, at_ += SIDE)
            for (int half = 0; half < 2; ++half) most[half] = _mm512_max_ps(most[half], _mm512_load_ps(at_ + half * TILE));
    }
    INLINE void rest() { some((end_ - at_) / SIDE); }

    __m512 most[2] = {_mm512_set1_ps(LOWEST), _mm512_set1_ps(LOWEST)};

  private:
    const float *at_, *end_;
};

// Second pass: weights P^T = 2^(scale S^T - top), as tiles B, and their sums.
template <int P> class Weights {
  public:
    // `top` and `total` of the queries are those of all keys before, and move on.
    Weights(const float *scores, int64_t keys, float scale, const __m512 *most, float *top, float *total, bf16 *out)
        : at_(scores), end_(scores + keys * SIDE), out_(out), total_(total), factor_(_mm512_set1_ps(scale)) {
        for (int half = 0; half < 2; ++half) {
            const __m512 before = _mm512_load_ps(top + half * TILE);
            top_[half] = _mm512_max_ps(before, _mm512_mul_ps(most[half], factor_));
            shrink[half] = power<2>(_mm512_sub_ps(before, top_[half]));
            moved |= _mm512_cmp_ps_mask(before, top_[half], _CMP_NEQ_OQ) != 0;
            sum_[half] = _mm512_mul_ps(_mm512_load_ps(total + half * TILE), shrink[half]);
            _mm512_store_ps(top + half * TILE, top_[half]);
        }
    }

    INLINE void some(int64_t pairs) {
        const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                               21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
        for (; pairs > 0 && at_ < end_; --pairs, at_ += 2 * SIDE) {
            for (int half = 0; half < 2; ++half) {
                const float *const s = at_ + half * TILE;
                const __m512 a = power<P>(_mm512_fmsub_ps(_mm512_load_ps(s), factor_, top_[half]));
                const __m512 b = power<P>(_mm512_fmsub_ps(_mm512_load_ps(s + SIDE), factor_, top_[half]));
                sum_[half] = _mm512_add_ps(sum_[half], _mm512_add_ps(a, b));
                bf16 *const out = out_ + half * P * TILE_SIZE;
                if constexpr (P == 1) {
                    _mm512_store_si512(out, _mm512_permutexvar_epi16(order, narrowed(a, b)));
                } else {
                    const Split<float> parts = split(a, b);
                    _mm512_store_si512(out, _mm512_permutexvar_epi16(order, parts.part[0]));
                    _mm512_store_si512(out + TILE_SIZE, _mm512_permutexvar_epi16(order, parts.part[1]));
                }
            }
            out_ += DEEP;
            if (++pair_ % TILE == 0) out_ += PAIR<P> - TILE_SIZE; // the next 32 keys
        }
    }
    INLINE void rest() {
        some(end_ - at_);
        for (int half = 0; half < 2; ++half) _mm512_store_ps(total_ + half * TILE, sum_[half]);
    }

    bool moved = false; // whether a maximum has; what was summed before is to `shrink`
    __m512 shrink[2];

  private:
    const float *at_, *end_;
    bf16 *out_;
    float *total_;
    int pair_ = 0;
    __m512 factor_, top_[2], sum_[2];
};

template <typename T> void attend(const Memory<T> &memory, const Queries<T> &queries, float scale) {
    constexpr int P = PARTS<T>;
    Workspace<T> &mine = Workspace<T>::mine();
    const int64_t depth = memory.depth(), wide = memory.wide(), blocks = memory.blocks();
    const int64_t groups = round_up(queries.count, SIDE) / SIDE; // of 32 queries
    const int64_t sums_size = wide * SIDE * SIDE;
    bf16 *const q = mine.queries.at_least(groups * depth * PAIR<P>);
    bf16 *const weights = mine.weights.at_least(KEYS / SIDE * PAIR<P>);
    float *const scores = mine.scores.at_least(2 * KEYS * SIDE);
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

    // One item after the other: 256 keys with 32 queries. The weights of one are made while the next one's scores are
    // multiplied, and the next one's maxima are found while this one's values are.
    const int64_t items = round_up(blocks * SIDE, KEYS) / KEYS * groups;
    const auto first_block = [&](int64_t item) { return item / groups * (KEYS / SIDE); };
    const auto past_block = [&](int64_t item) { return std::min(first_block(item) + KEYS / SIDE, blocks); };
    const auto scores_of = [&](int64_t item) { return scores + item % 2 * KEYS * SIDE; };
    const auto score = [&](int64_t item, auto &&meanwhile) {
        const int64_t start = first_block(item), end = past_block(item);
        for (int64_t block = start; block < end; ++block)
            multiply<P>(scores_of(item) + (block - start) * SIDE * SIDE, SIDE * 4, false, memory.keys(block),
                        q + item % groups * depth * PAIR<P>, depth, meanwhile);
        if (end == blocks && memory.count < blocks * SIDE)
            std::fill(scores_of(item) + (memory.count - start * SIDE) * SIDE, scores_of(item) + (end - start) * SIDE * SIDE,
                      LOWEST);
    };

    score(0, Idle());
    Highest highest(scores_of(0), past_block(0) * SIDE);
    highest.rest();
    for (int64_t item = 0; item < items; ++item) {
        const int64_t start = first_block(item), end = past_block(item), group = item % groups;
        const bool more = item + 1 < items;
        Weights<P> made(scores_of(item), (end - start) * SIDE, scale, highest.most, mine.top + group * SIDE,
                        mine.total + group * SIDE, weights);
        const int64_t pairs = round_up(TILE, depth) / depth;
        if (more) score(item + 1, [&]() __attribute__((always_inline)) { made.some(pairs); });
        made.rest();

        float *const sum = sums + group * sums_size;
        if (made.moved && start > 0)
            for (int64_t i = 0; i < sums_size; i += TILE)
                _mm512_store_ps(sum + i, _mm512_mul_ps(_mm512_load_ps(sum + i), made.shrink[i / TILE % 2]));
        highest = Highest(scores_of(item + 1), more ? (past_block(item + 1) - first_block(item + 1)) * SIDE : 0);
        const int64_t keys = round_up(SIDE, wide) / wide;
        for (int64_t column = 0; column < wide; ++column)
            multiply<P>(sum + column * SIDE * SIDE, SIDE * 4, start > 0, memory.values(start, column), weights, end - start,
                        [&]() __attribute__((always_inline)) { highest.some(keys); });
        highest.rest();
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
