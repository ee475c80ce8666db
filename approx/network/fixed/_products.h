/* Matrix products of integers of up to 16 bits, and convolutions as such products. Included by _words.c.
 *
 * Sums are int32. Where the range of the operands says that these could overflow, the left operand is two digits,
 * a = 256 h + l with -128 <= l <= 127 and |h| <= 128, whose sums are taken apart, and K is cut into blocks that int32 holds.
 * Blocks are added in double, which holds every sum of an accumulator of 48 bits.
 *
 * A convolution is such a product of the windows of an image, gathered with its channels innermost, and the weights; where
 * every channel is a group of its own, the windows are added up as they lie.
 */
#include "_shape.h"
#include "_pack.h"
#include "_dots.h"
#include "_depthwise.h"

/* Add the parts of some rows to their sums, [row][column]. */
CLONED static void add_parts(double *sums, const int32_t *parts, int64_t rows, int64_t columns, int64_t digits) {
    if (digits == 1)
        for (int64_t i = 0; i < rows * columns; i++) sums[i] += parts[i];
    else
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                sums[i * columns + j] += parts[2 * i * columns + j] + 256.0 * parts[(2 * i + 1) * columns + j];
}

/* Rows of the left operand against all columns of a group. */
static void tiles(const Product *p, const Kernel *kernel, const int16_t *left, const int16_t *right, float *y, int64_t rows,
                  int64_t group) {
    const Shape *s = &p->shape;
    const int64_t pairs = up_to(s->k, 2) / 2, block = s->block / 2, panel = pairs * PANEL * 2, d = s->digits;
    const int64_t at_once = kernel->lines / d, width = kernel->panels * PANEL, across = s->channels ? s->n * s->inner : s->n;
    const double *bias = p->bias ? p->bias + group * s->n : NULL, *factor = p->factor + group * s->n;
    int32_t parts[MOST_LINES * WIDEST * PANEL];
    for (int64_t row = 0; row < rows; row += at_once, left += pairs * 2 * kernel->lines)
        for (int64_t column = 0; column < s->n; column += width) {
            double sums[MOST_LINES * WIDEST * PANEL] = {0};
            const int16_t *columns = right + column * pairs * 2;
            const int64_t second = s->n - column > PANEL ? panel : 0, n = s->n - column < width ? s->n - column : width;
            for (int64_t k = 0; k < pairs; k += block) {
                const int64_t count = pairs - k < block ? pairs - k : block;
                kernel->run(parts, (const int32_t *)(const void *)left + k, pairs, columns + k * PANEL * 2, second, count);
                add_parts(sums, parts, at_once, width, d);
            }
            for (int64_t i = 0; i < at_once && row + i < rows; i++)
                write_row(y + (row + i) * across + column, sums + i * width, bias ? bias + column : NULL, factor + column, n,
                          p->rounding);
        }
}

/* Blocks of rows of a matrix, or one of a group of an image. */
static int64_t blocks(const Shape *s) { return s->channels ? 1 : (s->m + BLOCK - 1) / BLOCK; }

/* int16 that the packed operands take. */
static size_t left_size(const Shape *s) { return (size_t)((BLOCK + MOST_LINES) * up_to(s->k, 2) * s->digits); }
static size_t right_size(const Shape *s) { return (size_t)(up_to(s->n, PANEL) * up_to(s->k, 2)); }

/* One group of one image, its windows block by block. */
static void image(const Product *p, const Kernel *kernel, int16_t *left, int16_t *planes, int64_t outer, int64_t group) {
    const Shape *s = &p->shape;
    const int16_t *right = (const int16_t *)p->b + group * (int64_t)right_size(s);
    float *y = p->y + outer * s->m * s->n * s->inner + group * s->n;
    pad(planes, p->a + outer * s->a[0] + group * s->a[1], s);
    for (int64_t first = 0; first < s->m; first += BLOCK) {
        const int64_t rows = s->m - first < BLOCK ? s->m - first : BLOCK;
        pack_windows(left, planes, s, first, rows);
        tiles(p, kernel, left, right, y + first * s->n * s->inner, rows, group);
    }
}

/* Blocks start..stop-1 of all matrices; right operands are packed once where they stay the same. False: no memory. */
static int products(const Product *p, const Kernel *kernel, int64_t start, int64_t stop) {
    const Shape *s = &p->shape;
    int16_t *left = calloc(left_size(s), sizeof(int16_t));
    int16_t *planes = calloc((size_t)(s->channels ? plane(s) * s->digits : 0) + 1, sizeof(int16_t));
    int16_t *own = malloc(sizeof(int16_t) * (s->packed ? 1 : right_size(s) + 1));
    const int16_t *right = s->packed ? p->b : own;
    const int ready = left != NULL && planes != NULL && own != NULL;
    if (s->n <= PANEL && kernel->narrow) kernel = kernel->narrow;
    for (int64_t i = start; ready && i < stop; i++) {
        const int64_t matrix = i / blocks(s), outer = matrix / s->inner, inner = matrix % s->inner;
        if (s->channels) {
            image(p, kernel, left, planes, outer, inner);
            continue;
        }
        const int64_t row = i % blocks(s) * BLOCK, rows = s->m - row < BLOCK ? s->m - row : BLOCK;
        pack_left(left, p->a + outer * s->a[0] + inner * s->a[1] + row * s->a[2], s, rows);
        if (!s->packed && (i == start || (row == 0 && (s->b[0] || s->b[1]))))
            pack_right(own, (const float *)p->b + outer * s->b[0] + inner * s->b[1], s);
        tiles(p, kernel, left, right, p->y + (matrix * s->m + row) * s->n, rows, 0);
    }
    free(left), free(planes), free(own);
    return ready;
}
