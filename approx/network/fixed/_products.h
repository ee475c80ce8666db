/* Matrix products of integers of up to 16 bits on the CPU's dot products of 16-bit pairs (AVX-512 VNNI). Included by _words.c.
 *
 * Sums are int32. Where the range of the operands says that these could overflow, the left operand is two digits,
 * a = 256 h + l with -128 <= l <= 127 and |h| <= 128, whose sums are taken apart, and K is cut into blocks that int32 holds.
 * Blocks are added in double, which holds every sum of an accumulator of 48 bits.
 *
 * A convolution is such a product of the windows of an image, gathered with its channels innermost, and the weights.
 */
#define PANEL 16 /* columns of a panel: the 32-bit lanes of a register */
#define BLOCK 64 /* rows of a matrix that are packed at a time: they stay in the first-level cache */

typedef struct {
    int64_t outer, inner; /* matrices: outer * inner, each operand with its own strides */
    int64_t m, k, n;
    int64_t a[4], b[4];   /* strides: outer, inner, then row and column of a matrix */
    int64_t digits, block; /* of the left operand; of K, even */
    int64_t packed;        /* the right operand is what `pack_right` wrote */
    int64_t channels;      /* of an image; 0 where the left operand is a matrix */
    int64_t image[3];      /* strides: channel, row and column */
    int64_t in[2], out[2], window[2], stride[2], padding[2], dilation[2]; /* down and across */
    double left, right;    /* units in 1 of what the operands hold */
} Shape;

typedef struct {
    const float *a;
    const void *b;
    float *y;
    const double *bias, *factor; /* of every column; no bias: NULL */
    Shape shape;
    Rounding rounding;
} Product;

/* Blocks of rows of a matrix, or one of an image. */
static int64_t blocks(const Shape *s) { return s->channels ? 1 : (s->m + BLOCK - 1) / BLOCK; }

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WITH_DOTS __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define ROWS 4

static int have_dot_products(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

static inline int64_t padded(const Shape *s, int axis) { return s->in[axis] + 2 * s->padding[axis]; }

static inline int64_t up_to(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

static inline int32_t integer(float value, double units) { return (int32_t)(value * (float)units); }

/* The low digit of an integer, or all of it where there is one. */
static inline int32_t low_digit(int32_t value, int64_t digits) { return digits == 1 ? value : ((value + 128) & 255) - 128; }

/* A matrix's digits, [row][digit][k], each k an even number of int16. */
WITH_DOTS static void pack_left(int16_t *to, const float *a, const Shape *s) {
    const int64_t length = up_to(s->k, 2), step = s->a[3];
    for (int64_t i = 0; i < s->m; i++, to += s->digits * length) {
        const float *row = a + i * s->a[2];
        int16_t *high = to + length;
        if (s->digits == 1 && step == 1)
            for (int64_t k = 0; k < s->k; k++) to[k] = (int16_t)integer(row[k], s->left);
        else if (s->digits == 1)
            for (int64_t k = 0; k < s->k; k++) to[k] = (int16_t)integer(row[k * step], s->left);
        else
            for (int64_t k = 0; k < s->k; k++) {
                const int32_t value = integer(row[k * step], s->left), low = low_digit(value, 2);
                to[k] = (int16_t)low, high[k] = (int16_t)((value - low) >> 8);
            }
    }
}

/* An image's digits with its padding, [digit][row][column][channel]; what is padded is 0 already. */
WITH_DOTS static void pad(int16_t *planes, const float *image, const Shape *s) {
    const int64_t width = padded(s, 1), plane = padded(s, 0) * width * s->channels;
    for (int64_t y = 0; y < s->in[0]; y++)
        for (int64_t x = 0; x < s->in[1]; x++) {
            const float *from = image + y * s->image[1] + x * s->image[2];
            int16_t *to = planes + ((y + s->padding[0]) * width + x + s->padding[1]) * s->channels;
            for (int64_t c = 0; c < s->channels; c++) {
                const int32_t value = integer(from[c * s->image[0]], s->left), low = low_digit(value, s->digits);
                to[c] = (int16_t)low;
                if (s->digits == 2) to[plane + c] = (int16_t)((value - low) >> 8);
            }
        }
}

/* The windows of an image as the rows of a left operand; k runs over rows, columns and channels of the window. */
WITH_DOTS static void pack_windows(int16_t *to, int16_t *planes, const float *image, const Shape *s) {
    const int64_t width = padded(s, 1), plane = padded(s, 0) * width * s->channels, length = up_to(s->k, 2);
    const int64_t runs = s->dilation[1] == 1 ? 1 : s->window[1], run = s->window[1] / runs * s->channels;
    pad(planes, image, s);
    for (int64_t i = 0; i < s->m * s->digits; i++, to += length) {
        const int64_t position = i / s->digits, y = position / s->out[1] * s->stride[0];
        const int16_t *from = planes + i % s->digits * plane + position % s->out[1] * s->stride[1] * s->channels;
        int16_t *at = to;
        for (int64_t down = 0; down < s->window[0]; down++)
            for (int64_t across = 0; across < runs; across++, at += run) {
                const int64_t start = (y + down * s->dilation[0]) * width + across * s->dilation[1];
                memcpy(at, from + start * s->channels, sizeof(int16_t) * (size_t)run);
            }
    }
}

/* The right operand, [panel][pair of k][column] as pairs of int16. */
WITH_DOTS static void pack_right(int16_t *to, const float *b, const Shape *s) {
    const int64_t pairs = up_to(s->k, 2) / 2;
    if (s->n % PANEL || s->k % 2) memset(to, 0, sizeof(int16_t) * (size_t)(up_to(s->n, PANEL) * pairs * 2));
    for (int64_t first = 0; first < s->n; first += PANEL) {
        const int64_t columns = s->n - first < PANEL ? s->n - first : PANEL;
        for (int64_t k = 0; k < s->k; k++) {
            int16_t *at = to + (first * pairs + k / 2 * PANEL) * 2 + k % 2;
            const float *from = b + k * s->b[2] + first * s->b[3];
            for (int64_t j = 0; j < columns; j++) at[2 * j] = (int16_t)integer(from[j * s->b[3]], s->right);
        }
    }
}

typedef struct {
    __m512d half[2]; /* sums of the panel's columns */
} Sums;

WITH_DOTS static inline __attribute__((always_inline)) __m512d wide(__m512i sums, int half) {
    return _mm512_cvtepi32_pd(half ? _mm512_extracti64x4_epi64(sums, 1) : _mm512_castsi512_si256(sums));
}

/* Add what some pairs of k give to the sums of ROWS rows and so many panels. */
WITH_DOTS static inline __attribute__((always_inline)) void add_block(Sums *sums, const int32_t *left,
                                                                      int64_t length, const int16_t *right, int64_t panel,
                                                                      int64_t pairs, const int digits, const int panels) {
    __m512i parts[2][ROWS][2];
    for (int d = 0; d < digits; d++)
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < panels; j++) parts[d][i][j] = _mm512_setzero_si512();
    for (int64_t k = 0; k < pairs; k++, right += 2 * PANEL) {
        __m512i columns[2];
        for (int j = 0; j < panels; j++) columns[j] = _mm512_loadu_si512(right + j * panel);
#pragma GCC unroll 2
        for (int d = 0; d < digits; d++)
#pragma GCC unroll 4
            for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
                for (int j = 0; j < panels; j++)
                    parts[d][i][j] =
                        _mm512_dpwssd_epi32(parts[d][i][j], columns[j], _mm512_set1_epi32(left[(i * digits + d) * length + k]));
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < panels; j++)
            for (int half = 0; half < 2; half++) {
                __m512d sum = wide(parts[0][i][j], half);
                if (digits == 2) sum = _mm512_fmadd_pd(wide(parts[1][i][j], half), _mm512_set1_pd(256.0), sum);
                Sums *to = sums + i * 2 + j;
                to->half[half] = _mm512_add_pd(to->half[half], sum);
            }
}

/* Round the sums of a row in a panel and write so many of them. */
WITH_DOTS static inline __attribute__((always_inline)) void write_row(const Product *p, const Sums *sums, float *to,
                                                                      int64_t column, int64_t count) {
    const __m512d limit = _mm512_set1_pd(p->rounding.limit), least = _mm512_set1_pd(-p->rounding.limit);
    for (int half = 0; half < 2 && count > 8 * half; half++) {
        const int64_t left = count - 8 * half, at = column + 8 * half;
        const __mmask8 mask = left >= 8 ? 0xff : (__mmask8)((1 << left) - 1);
        __m512d x = sums->half[half];
        if (p->bias) x = _mm512_add_pd(x, _mm512_maskz_loadu_pd(mask, p->bias + at));
        x = _mm512_mul_pd(x, _mm512_maskz_loadu_pd(mask, p->factor + at));
        x = _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        x = _mm512_min_pd(limit, _mm512_max_pd(least, x)); /* in this order NaN stays */
        _mm256_mask_storeu_ps(to + 8 * half, mask, _mm512_cvtpd_ps(_mm512_mul_pd(x, _mm512_set1_pd(p->rounding.step))));
    }
}

WITH_DOTS static inline __attribute__((always_inline)) void tile(const Product *p, const int16_t *left, const int16_t *right,
                                                                 float *y, int64_t row, int64_t column, const int digits,
                                                                 const int panels) {
    const Shape *s = &p->shape;
    const int64_t pairs = up_to(s->k, 2) / 2, block = s->block / 2, panel = pairs * PANEL * 2;
    Sums sums[ROWS * 2];
    for (int i = 0; i < ROWS * 2; i++) sums[i].half[0] = sums[i].half[1] = _mm512_setzero_pd();
    for (int64_t k = 0; k < pairs; k += block) {
        const int64_t n = pairs - k < block ? pairs - k : block;
        add_block(sums, (const int32_t *)(const void *)left + k, pairs, right + k * PANEL * 2, panel, n, digits, panels);
    }
    for (int64_t i = 0; i < ROWS && row + i < s->m; i++)
        for (int64_t j = 0; j < panels; j++) {
            const int64_t at = column + j * PANEL, count = s->n - at < PANEL ? s->n - at : PANEL;
            write_row(p, sums + i * 2 + j, y + (row + i) * s->n + at, at, count);
        }
}

WITH_DOTS static void tiles(const Product *p, const int16_t *left, const int16_t *right, float *y) {
    const Shape *s = &p->shape;
    const int64_t pairs = up_to(s->k, 2) / 2;
    for (int64_t row = 0; row < s->m; row += ROWS, left += pairs * s->digits * ROWS * 2) {
        for (int64_t column = 0; column < s->n; column += 2 * PANEL) {
            const int16_t *panel = right + column * pairs * 2;
            const int two = s->n - column > PANEL;
            if (s->digits == 1 && two) tile(p, left, panel, y, row, column, 1, 2);
            else if (s->digits == 1) tile(p, left, panel, y, row, column, 1, 1);
            else if (two) tile(p, left, panel, y, row, column, 2, 2);
            else tile(p, left, panel, y, row, column, 2, 1);
        }
    }
}

/* int16 that the packed operands take. */
static size_t left_size(const Shape *s) { return (size_t)(up_to(s->channels ? s->m : BLOCK, ROWS) * up_to(s->k, 2) * s->digits); }
static size_t right_size(const Shape *s) { return (size_t)(up_to(s->n, PANEL) * up_to(s->k, 2)); }
static size_t planes_size(const Shape *s) { return (size_t)(padded(s, 0) * padded(s, 1) * s->channels * s->digits); }

/* Blocks start..stop-1 of all matrices; right operands are packed once where they stay the same. False: no memory. */
static int products(const Product *p, int64_t start, int64_t stop) {
    const Shape *s = &p->shape;
    int16_t *left = calloc(left_size(s) + 1, sizeof(int16_t)), *planes = calloc(planes_size(s) + 1, sizeof(int16_t));
    int16_t *own = malloc(sizeof(int16_t) * (s->packed ? 1 : right_size(s) + 1));
    const int16_t *right = s->packed ? p->b : own;
    const int ready = left != NULL && planes != NULL && own != NULL;
    for (int64_t i = start; ready && i < stop; i++) {
        const int64_t matrix = i / blocks(s), outer = matrix / s->inner, inner = matrix % s->inner;
        const int64_t row = i % blocks(s) * BLOCK;
        Product part = *p;
        if (!s->channels) part.shape.m = s->m - row < BLOCK ? s->m - row : BLOCK;
        const float *a = p->a + outer * s->a[0] + inner * s->a[1] + row * s->a[2];
        if (s->channels) pack_windows(left, planes, a, s);
        else pack_left(left, a, &part.shape);
        if (!s->packed && (i == start || (row == 0 && (s->b[0] || s->b[1]))))
            pack_right(own, (const float *)p->b + outer * s->b[0] + inner * s->b[1], s);
        tiles(&part, left, right, p->y + (matrix * s->m + row) * s->n);
    }
    free(left), free(planes), free(own);
    return ready;
}

#else
static int have_dot_products(void) { return 0; }
static void pack_right(int16_t *to, const float *b, const Shape *s) { (void)to, (void)b, (void)s; }
static int products(const Product *p, int64_t start, int64_t stop) { return (void)p, (void)start, (void)stop, 1; }
#endif
