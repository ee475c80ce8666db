/* Tables of up to 32 segments, held in AVX-512 registers: no memory is touched for them. Included by _cpwl.c.
 *
 * The segment of x is found by a binary search whose steps fetch 16 knots at once by permutation, and slope and intercept are
 * fetched the same way; the two tails are put in by a comparison with the outer knots.
 */
#define REGISTER_SEGMENTS 32
#define IN_REGISTERS __attribute__((target("avx512f"), always_inline)) static inline

/* A table of up to 16 * groups segments. */
typedef struct {
    int segments;
    int groups;         /* 1 or 2 */
    __m512 knots[2], slopes[2], intercepts[2];
    __m512 first, last; /* the outer knots */
    Line left, right;
} Registers;

static int fits_registers(const Map *map) { return map->knot_count - 1 <= REGISTER_SEGMENTS; }

static int have_avx512(void) { return __builtin_cpu_supports("avx512f"); }

__attribute__((target("avx512f"))) static void fill_registers(Registers *r, const Line *lines, const Map *map) {
    const int64_t segments = map->knot_count - 1;
    float knots[REGISTER_SEGMENTS], slopes[REGISTER_SEGMENTS] = {0}, intercepts[REGISTER_SEGMENTS] = {0};
    for (int64_t i = 0; i < REGISTER_SEGMENTS; i++) knots[i] = i < segments ? map->knots[i] : NAN; /* NaN: never reached */
    for (int64_t i = 0; i < segments; i++) slopes[i] = lines[i + 1].slope, intercepts[i] = lines[i + 1].intercept;
    r->segments = (int)segments;
    r->groups = segments <= 16 ? 1 : 2;
    for (int i = 0; i < 2; i++) {
        r->knots[i] = _mm512_loadu_ps(knots + 16 * i);
        r->slopes[i] = _mm512_loadu_ps(slopes + 16 * i);
        r->intercepts[i] = _mm512_loadu_ps(intercepts + 16 * i);
    }
    r->first = _mm512_set1_ps(map->knots[0]);
    r->last = _mm512_set1_ps(map->knots[segments]);
    r->left = lines[0];
    r->right = lines[segments + 1];
}

IN_REGISTERS __m512 fetch(const __m512 *table, __m512i at, int groups) {
    if (groups == 1) return _mm512_permutexvar_ps(at, table[0]);
    return _mm512_permutex2var_ps(table[0], at, table[1]);
}

/* The bit `step` of the segment's number, where the knots with it are reached. */
IN_REGISTERS __m512i with_bit(__m512 x, const __m512 *knots, int groups, __m512i segment, int step) {
    const __m512i further = _mm512_or_si512(segment, _mm512_set1_epi32(step));
    const __mmask16 reached = _mm512_cmp_ps_mask(x, fetch(knots, further, groups), _CMP_GE_OQ);
    return _mm512_mask_mov_epi32(segment, reached, further);
}

IN_REGISTERS __m512i segment_of(__m512 x, const Registers *r, int groups) {
    __m512i segment = _mm512_setzero_si512();
    for (int step = 8 * groups; step; step /= 2) segment = with_bit(x, r->knots, groups, segment, step);
    return segment;
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
__attribute__((target("avx512f"))) static int64_t lines_avx512(const float *x, int32_t *line, int64_t count, const Map *map) {
    static const Line none[REGISTER_SEGMENTS + 2]; /* the lines themselves are not asked for */
    Registers r;
    fill_registers(&r, none, map);
    return r.groups == 1 ? lines_in(1, x, line, count, &r) : lines_in(2, x, line, count, &r);
}

__attribute__((target("avx512f"))) static int64_t forward_avx512(const float *x, float *y, int64_t start, int64_t stop,
                                                                 const Line *lines, const Map *map) {
    Registers r;
    fill_registers(&r, lines, map);
    return r.groups == 1 ? forward_in(1, x, y, start, stop, &r) : forward_in(2, x, y, start, stop, &r);
}

__attribute__((target("avx512f"))) static int64_t backward_avx512(const float *x, const float *gradient, float *to_x,
                                                                  int64_t start, int64_t stop, const Line *lines,
                                                                  const Map *map) {
    Registers r;
    fill_registers(&r, lines, map);
    return r.groups == 1 ? backward_in(1, x, gradient, to_x, start, stop, &r) : backward_in(2, x, gradient, to_x, start, stop, &r);
}
