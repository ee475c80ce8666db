/* A convolution whose every channel is a group of its own: taps times shifted images, channels side by side.
 *
 * Sums are float where it holds them all exactly, else double. Included by _products.h.
 */
#define LANES 16 /* channels of a vector */
#define SIDE 4   /* vectors whose sums are independent of each other, so that additions overlap */

typedef float Floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef double Doubles __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

/* What one position of the result adds up, for c channels from where `from` and `taps` point. */
#define ADD_UP(name, Sum)                                                                                              \
    static inline __attribute__((always_inline)) void name##_vectors(double *to, const float *from, const float *taps, \
                                                                     const int64_t *offsets, int64_t count, int64_t c, \
                                                                     const int vectors) {                              \
        Sum sums[SIDE];                                                                                                \
        for (int v = 0; v < vectors; v++) sums[v] = (Sum){0};                                                          \
        for (int64_t tap = 0; tap < count; tap++) {                                                                    \
            const Floats *x = (const Floats *)(from + offsets[tap]), *weight = (const Floats *)(taps + tap * c);       \
            for (int v = 0; v < vectors; v++)                                                                          \
                sums[v] += __builtin_convertvector(x[v], Sum) * __builtin_convertvector(weight[v], Sum);               \
        }                                                                                                              \
        for (int v = 0; v < vectors; v++) ((Doubles *)to)[v] = __builtin_convertvector(sums[v], Doubles);              \
    }                                                                                                                  \
    CLONED static void name(double *to, const float *from, const float *taps, const int64_t *offsets, int64_t count,   \
                            int64_t c) {                                                                               \
        int64_t at = 0;                                                                                                \
        for (; at + LANES * SIDE <= c; at += LANES * SIDE)                                                             \
            name##_vectors(to + at, from + at, taps + at, offsets, count, c, SIDE);                                    \
        for (; at + LANES <= c; at += LANES) name##_vectors(to + at, from + at, taps + at, offsets, count, c, 1);      \
        for (; at < c; at++) {                                                                                         \
            double sum = 0;                                                                                            \
            for (int64_t tap = 0; tap < count; tap++) sum += (double)from[at + offsets[tap]] * taps[at + tap * c];     \
            to[at] = sum;                                                                                              \
        }                                                                                                              \
    }
ADD_UP(add_up_floats, Floats)
ADD_UP(add_up_doubles, Doubles)

/* Round so many sums and write them; NaN stays. */
CLONED static void write_row(float *to, const double *sums, const double *bias, const double *factor, int64_t n, Rounding r) {
    const double limit = r.limit, step = r.step;
    if (bias)
        for (int64_t j = 0; j < n; j++) to[j] = rounded(sums[j] + bias[j], (Rounding){factor[j], limit, step});
    else
        for (int64_t j = 0; j < n; j++) to[j] = rounded(sums[j], (Rounding){factor[j], limit, step});
}

/* A copy of an image in units, channels innermost, with its padding, which is 0 already. */
CLONED static void pad_row(float *to, const float *from, int64_t channel, int64_t column, int64_t width, int64_t c, float units) {
    if (channel == 1)
        for (int64_t x = 0; x < width; x++)
            for (int64_t i = 0; i < c; i++) to[x * c + i] = from[x * column + i] * units;
    else
        for (int64_t first = 0; first < c; first += LANES) /* a few channels at a time: their words stay in the cache */
            for (int64_t x = 0; x < width; x++)
                for (int64_t i = first; i < c && i < first + LANES; i++) to[x * c + i] = from[i * channel + x * column] * units;
}

static void pad_floats(float *planes, const float *image, const Shape *s) {
    const int64_t c = s->channels, height = padded(s, 1), width = padded(s, 2);
    for (int64_t z = 0; z < s->in[0]; z++)
        for (int64_t y = 0; y < s->in[1]; y++)
            pad_row(planes + (((z + s->padding[0]) * height + y + s->padding[1]) * width + s->padding[2]) * c,
                    image + z * s->image[1] + y * s->image[2], s->image[0], s->image[3], s->in[2], c, (float)s->left);
}

/* Where every tap reads, from the first. */
static void tap_offsets(int64_t *offsets, const Shape *s) {
    for (int64_t deep = 0; deep < s->window[0]; deep++)
        for (int64_t down = 0; down < s->window[1]; down++)
            for (int64_t across = 0; across < s->window[2]; across++)
                *offsets++ = ((deep * s->dilation[0] * padded(s, 1) + down * s->dilation[1]) * padded(s, 2) +
                              across * s->dilation[2]) * s->channels;
}

/* Images start..stop-1; the right operand is [tap][channel] in units. False: no memory. */
static int depthwise(const Product *p, int64_t start, int64_t stop, int floats) {
    const Shape *s = &p->shape;
    const int64_t c = s->channels;
    float *planes = calloc((size_t)plane(s) + 1, sizeof(float));
    double *sums = malloc(sizeof(double) * (size_t)c);
    int64_t *offsets = malloc(sizeof(int64_t) * (size_t)s->k);
    const int ready = planes != NULL && sums != NULL && offsets != NULL;
    if (ready) tap_offsets(offsets, s);
    for (int64_t i = start; ready && i < stop; i++) {
        float *y = p->y + i * s->m * c;
        pad_floats(planes, p->a + i * s->a[0], s);
        for (int64_t at = 0; at < s->m; at++, y += c) {
            const int64_t x = at % s->out[2] * s->stride[2], row = at / s->out[2];
            const int64_t lines = row / s->out[1] * s->stride[0] * padded(s, 1) + row % s->out[1] * s->stride[1];
            const float *from = planes + (lines * padded(s, 2) + x) * c;
            (floats ? add_up_floats : add_up_doubles)(sums, from, p->b, offsets, s->k, c);
            write_row(y, sums, p->bias, p->factor, c, p->rounding);
        }
    }
    free(planes), free(sums), free(offsets);
    return ready;
}
