/* Sums of products of 16-bit pairs in int32: the one part of a product that is written for each instruction set.
 *
 * A kernel adds up, for some lines of the left operand (a row's digits are lines) and some panels of the right one, what some
 * pairs of k give: parts [line][column of the panels], int32. Included by _products.h.
 */
typedef struct Kernel {
    int64_t lines, panels;
    void (*run)(int32_t *parts, const int32_t *left, int64_t length, const int16_t *right, int64_t panel, int64_t pairs);
    const struct Kernel *narrow; /* for a right operand of one panel; NULL: this one */
} Kernel;

#define WIDEST 2 /* panels */
#define MOST_LINES 8

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#ifndef WITHOUT_AVX512
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

/* AVX-512 VNNI: a multiplication and both additions in one instruction. */
WITH_AVX512 static inline __attribute__((always_inline)) void sums_avx512(int32_t *parts, const int32_t *left, int64_t length,
                                                                          const int16_t *right, int64_t panel, int64_t pairs,
                                                                          const int panels) {
    __m512i sums[8][2];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) sums[i][0] = sums[i][1] = _mm512_setzero_si512();
    for (int64_t k = 0; k < pairs; k++, right += 2 * PANEL) {
        __m512i columns[2];
        for (int j = 0; j < panels; j++) columns[j] = _mm512_loadu_si512(right + j * panel);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
#pragma GCC unroll 2
            for (int j = 0; j < panels; j++)
                sums[i][j] = _mm512_dpwssd_epi32(sums[i][j], columns[j], _mm512_set1_epi32(left[i * length + k]));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < panels; j++) _mm512_storeu_si512(parts + (panels * i + j) * PANEL, sums[i][j]);
}

WITH_AVX512 static void dots_avx512(int32_t *parts, const int32_t *left, int64_t length, const int16_t *right, int64_t panel,
                                    int64_t pairs) {
    sums_avx512(parts, left, length, right, panel, pairs, 2);
}

WITH_AVX512 static void dots_avx512_narrow(int32_t *parts, const int32_t *left, int64_t length, const int16_t *right,
                                           int64_t panel, int64_t pairs) {
    sums_avx512(parts, left, length, right, panel, pairs, 1);
}
static const Kernel AVX512_NARROW = {8, 1, dots_avx512_narrow, NULL}, AVX512 = {8, 2, dots_avx512, &AVX512_NARROW};
#endif

/* AVX2: half a panel at a time, a multiplication with one addition and an addition. */
__attribute__((target("avx2"))) static void dots_avx2(int32_t *parts, const int32_t *left, int64_t length,
                                                      const int16_t *right, int64_t panel, int64_t pairs) {
    __m256i sums[4][2];
    (void)panel;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) sums[i][0] = sums[i][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < pairs; k++, right += 2 * PANEL) {
        const __m256i first = _mm256_loadu_si256((const void *)right);
        const __m256i second = _mm256_loadu_si256((const void *)(right + PANEL));
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const __m256i pair = _mm256_set1_epi32(left[i * length + k]);
            sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(first, pair));
            sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(second, pair));
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_si256((void *)(parts + PANEL * i), sums[i][0]);
        _mm256_storeu_si256((void *)(parts + PANEL * i + PANEL / 2), sums[i][1]);
    }
}
static const Kernel AVX2 = {4, 1, dots_avx2, NULL};

/* The kernel of an instruction set ("avx512", "avx2", "best" for the widest), or NULL where this CPU has it not. */
static const Kernel *kernel_of(const char *name) {
    __builtin_cpu_init();
    const int best = strcmp(name, "best") == 0;
#ifndef WITHOUT_AVX512
    const int wide = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512vnni");
    if (wide && (best || strcmp(name, "avx512") == 0)) return &AVX512;
#endif
    return __builtin_cpu_supports("avx2") && (best || strcmp(name, "avx2") == 0) ? &AVX2 : NULL;
}
#else
static const Kernel *kernel_of(const char *name) { return (void)name, NULL; }
#endif
