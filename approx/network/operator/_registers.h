/* Tables of up to 128 segments, held in AVX-512 registers: no memory is touched for them but what does not fit beside the
 * rest. Included by _cpwl.c.
 *
 * The segment of x is found by a binary search. Step l has 2^l knots to choose from, laid out by the path that leads to
 * them, so that the first five steps each take one permutation of one register. Slope and intercept are fetched by
 * permutations too; the two tails are put in by a comparison with the outer knots.
 */
#define REGISTER_SEGMENTS 128
#define GROUPS (REGISTER_SEGMENTS / 16)
#define IN_REGISTERS __attribute__((target("avx512f"), always_inline)) static inline

/* A table of up to 16 * groups segments. */
typedef struct {
    int segments;
    int groups;                  /* 1, 2, 4 or 8 */
    __m512 early[5];             /* knots of steps 0 to 4 */
    __m512 fifth[2], sixth[4];   /* of steps 5 and 6 */
    __m512 slopes[GROUPS], intercepts[GROUPS];
    __m512 first, last;          /* the outer knots */
    Line left, right;
} Registers;

static int fits_registers(const Map *map) { return map->knot_count - 1 <= REGISTER_SEGMENTS; }

static int have_avx512(void) { return __builtin_cpu_supports("avx512f"); }

/* Knots of step `step` of a search among `total` segments; NaN, which no x reaches, for those that are not there. */
__attribute__((target("avx512f"))) static void fill_step(__m512 *registers, int step, int total, const Map *map) {
    float knots[64];
    const int count = 1 << step, size = count < 16 ? 16 : count;
    for (int i = 0; i < size; i++) {
        const int64_t knot = (2 * (int64_t)i + 1) * (total >> (step + 1));
        knots[i] = i < count && knot < map->knot_count - 1 ? map->knots[knot] : NAN;
    }
    for (int i = 0; i < size / 16; i++) registers[i] = _mm512_loadu_ps(knots + 16 * i);
}

__attribute__((target("avx512f"))) static void fill_registers(Registers *r, const Line *lines, const Map *map) {
    const int64_t segments = map->knot_count - 1;
    float slopes[REGISTER_SEGMENTS] = {0}, intercepts[REGISTER_SEGMENTS] = {0};
    r->segments = (int)segments;
    r->groups = segments <= 16 ? 1 : segments <= 32 ? 2 : segments <= 64 ? 4 : 8;
    const int total = 16 * r->groups;
    for (int step = 0; step < 5 && (total >> (step + 1)); step++) fill_step(r->early + step, step, total, map);
    if (r->groups >= 4) fill_step(r->fifth, 5, total, map);
    if (r->groups == 8) fill_step(r->sixth, 6, total, map);
    for (int64_t i = 0; i < segments; i++) slopes[i] = lines[i + 1].slope, intercepts[i] = lines[i + 1].intercept;
    for (int i = 0; i < r->groups; i++) {
        r->slopes[i] = _mm512_loadu_ps(slopes + 16 * i);
        r->intercepts[i] = _mm512_loadu_ps(intercepts + 16 * i);
    }
    r->first = _mm512_set1_ps(map->knots[0]);
    r->last = _mm512_set1_ps(map->knots[segments]);
    r->left = lines[0];
    r->right = lines[segments + 1];
}

/* Entry `at` of 16 * groups floats. */
IN_REGISTERS __m512 fetch(const __m512 *table, __m512i at, int groups) {
    if (groups == 1) return _mm512_permutexvar_ps(at, table[0]);
    const __m512 low = _mm512_permutex2var_ps(table[0], at, table[1]);
    if (groups == 2) return low;
    const __mmask16 second = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
    const __m512 half = _mm512_mask_mov_ps(low, second, _mm512_permutex2var_ps(table[2], at, table[3]));
    if (groups == 4) return half;
    const __m512 high = _mm512_mask_mov_ps(_mm512_permutex2var_ps(table[4], at, table[5]), second,
                                           _mm512_permutex2var_ps(table[6], at, table[7]));
    return _mm512_mask_mov_ps(half, _mm512_test_epi32_mask(at, _mm512_set1_epi32(64)), high);
}

/* One step down: twice the path, and one more where its knot is reached. */
IN_REGISTERS __m512i stepped(__m512 x, __m512i path, __m512 knot) {
    const __m512i twice = _mm512_add_epi32(path, path);
    return _mm512_mask_add_epi32(twice, _mm512_cmp_ps_mask(x, knot, _CMP_GE_OQ), twice, _mm512_set1_epi32(1));
}

IN_REGISTERS __m512i segment_of(__m512 x, const Registers *r, int groups) {
    __m512i path = stepped(x, _mm512_setzero_si512(), _mm512_permutexvar_ps(_mm512_setzero_si512(), r->early[0]));
    for (int step = 1; step < (groups == 1 ? 4 : 5); step++)
        path = stepped(x, path, _mm512_permutexvar_ps(path, r->early[step]));
    if (groups >= 4) path = stepped(x, path, fetch(r->fifth, path, 2));
    if (groups == 8) path = stepped(x, path, fetch(r->sixth, path, 4));
    return path;
}

IN_REGISTERS void line_at(__m512 x, const Registers *r, int groups, __m512 *slope, __m512 *intercept) {
    const __m512i segment = segment_of(x, r, groups);
    const __mmask16 left = _mm512_cmp_ps_mask(x, r->first, _CMP_LT_OQ), right = _mm512_cmp_ps_mask(x, r->last, _CMP_GE_OQ);
    *slope = _mm512_mask_mov_ps(fetch(r->slopes, segment, groups), left, _mm512_set1_ps(r->left.slope));
    *slope = _mm512_mask_mov_ps(*slope, right, _mm512_set1_ps(r->right.slope));
    *intercept = _mm512_mask_mov_ps(fetch(r->intercepts, segment, groups), left, _mm512_set1_ps(r->left.intercept));
    *intercept = _mm512_mask_mov_ps(*intercept, right, _mm512_set1_ps(r->right.intercept));
}

IN_REGISTERS int64_t forward_in(int groups, const float *x, float *y, int64_t start, int64_t stop, const Registers *r) {
    const __m512 largest = _mm512_set1_ps(FLT_MAX), smallest = _mm512_set1_ps(-FLT_MAX);
    for (; start + 16 <= stop; start += 16) {
        __m512 value = _mm512_loadu_ps(x + start), slope, intercept;
        line_at(value, r, groups, &slope, &intercept);
        value = _mm512_min_ps(largest, _mm512_max_ps(smallest, value));
        _mm512_storeu_ps(y + start, _mm512_fmadd_ps(slope, value, intercept));
    }
    return start;
}

IN_REGISTERS int64_t backward_in(int groups, const float *x, const float *gradient, float *to_x, int64_t start, int64_t stop,
                                 const Registers *r) {
    for (; start + 16 <= stop; start += 16) {
        __m512 slope, intercept;
        line_at(_mm512_loadu_ps(x + start), r, groups, &slope, &intercept);
        _mm512_storeu_ps(to_x + start, _mm512_mul_ps(slope, _mm512_loadu_ps(gradient + start)));
    }
    return start;
}

IN_REGISTERS int64_t lines_in(int groups, const float *x, int32_t *line, int64_t count, const Registers *r) {
    const __m512i after = _mm512_set1_epi32(r->segments + 1);
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512 value = _mm512_loadu_ps(x + i);
        __m512i found = _mm512_add_epi32(segment_of(value, r, groups), _mm512_set1_epi32(1));
        found = _mm512_mask_mov_epi32(found, _mm512_cmp_ps_mask(value, r->first, _CMP_LT_OQ), _mm512_setzero_si512());
        found = _mm512_mask_mov_epi32(found, _mm512_cmp_ps_mask(value, r->last, _CMP_GE_OQ), after);
        _mm512_storeu_si512(line + i, found);
    }
    return i;
}

/* A loop for each number of groups, so that none asks how many there are. */
#define BY_GROUPS(loop, ...)                                                                    \
    (r.groups == 1   ? loop(1, __VA_ARGS__)                                                     \
     : r.groups == 2 ? loop(2, __VA_ARGS__)                                                     \
     : r.groups == 4 ? loop(4, __VA_ARGS__)                                                     \
                     : loop(8, __VA_ARGS__))

__attribute__((target("avx512f"))) static int64_t lines_avx512(const float *x, int32_t *line, int64_t count, const Map *map) {
    static const Line none[REGISTER_SEGMENTS + 2]; /* the lines themselves are not asked for */
    Registers r;
    fill_registers(&r, none, map);
    return BY_GROUPS(lines_in, x, line, count, &r);
}

__attribute__((target("avx512f"))) static int64_t forward_avx512(const float *x, float *y, int64_t start, int64_t stop,
                                                                 const Line *lines, const Map *map) {
    Registers r;
    fill_registers(&r, lines, map);
    return BY_GROUPS(forward_in, x, y, start, stop, &r);
}

__attribute__((target("avx512f"))) static int64_t backward_avx512(const float *x, const float *gradient, float *to_x,
                                                                  int64_t start, int64_t stop, const Line *lines,
                                                                  const Map *map) {
    Registers r;
    fill_registers(&r, lines, map);
    return BY_GROUPS(backward_in, x, gradient, to_x, start, stop, &r);
}

/* The rest by one gather of 64-bit pairs for the cells and one for the lines, eight elements at a time. */
__attribute__((target("avx512f,avx2,fma"), always_inline)) static inline void gather_pairs(const void *base, __m256i at, __m256 *first, __m256 *second) {
    const __m512 pairs = _mm512_castpd_ps(_mm512_i32gather_pd(at, base, 8));
    const __m256 low = _mm512_castps512_ps256(pairs);
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(pairs), 1));
    const __m256 a = _mm256_permute2f128_ps(low, high, 0x20), b = _mm256_permute2f128_ps(low, high, 0x31);
    *first = _mm256_shuffle_ps(a, b, 0x88);
    *second = _mm256_shuffle_ps(a, b, 0xdd);
}

__attribute__((target("avx512f,avx2,fma"))) static int64_t lines_by_gathers(const float *x, int32_t *line, int64_t count,
                                                                            const Map *map) {
    int64_t i = 0;
    cells_avx2(x, line, count, map);
    for (; i + 8 <= count; i += 8) {
        __m256 knot, below;
        gather_pairs(map->cells, _mm256_loadu_si256((const __m256i *)(line + i)), &knot, &below);
        const __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(x + i), knot, _CMP_GE_OQ);
        const __m256i found = _mm256_sub_epi32(_mm256_castps_si256(below), _mm256_castps_si256(reached));
        _mm256_storeu_si256((__m256i *)(line + i), found);
    }
    return i;
}

__attribute__((target("avx512f,avx2,fma"))) static int64_t apply_by_gathers(const float *x, float *y, const int32_t *line,
                                                                            int64_t count, const Line *lines) {
    const __m256 largest = _mm256_set1_ps(FLT_MAX), smallest = _mm256_set1_ps(-FLT_MAX);
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 slope, intercept;
        gather_pairs(lines, _mm256_loadu_si256((const __m256i *)(line + i)), &slope, &intercept);
        const __m256 value = _mm256_min_ps(largest, _mm256_max_ps(smallest, _mm256_loadu_ps(x + i)));
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(slope, value, intercept));
    }
    return i;
}

__attribute__((target("avx512f,avx2,fma"))) static int64_t scale_by_gathers(const float *gradient, float *to_x,
                                                                            const int32_t *line, int64_t count,
                                                                            const Line *lines) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 slope, intercept;
        gather_pairs(lines, _mm256_loadu_si256((const __m256i *)(line + i)), &slope, &intercept);
        _mm256_storeu_ps(to_x + i, _mm256_mul_ps(slope, _mm256_loadu_ps(gradient + i)));
    }
    return i;
}
