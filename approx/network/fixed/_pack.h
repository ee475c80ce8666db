/* Operands as the products read them: int16, in the order of the sums. Included by _products.h. */
static inline int32_t integer(float value, double units) { return (int32_t)(value * (float)units); }

/* The low digit of an integer, or all of it where there is one. */
static inline int32_t low_digit(int32_t value, int64_t digits) { return digits == 1 ? value : ((value + 128) & 255) - 128; }

/* Some numbers as one digit or two, the high one `apart` behind the low one. */
CLONED static void digits_of(int16_t *to, int64_t apart, const float *from, int64_t step, int64_t n, double units,
                             int64_t digits) {
    if (digits == 1 && step == 1)
        for (int64_t k = 0; k < n; k++) to[k] = (int16_t)integer(from[k], units);
    else if (digits == 1)
        for (int64_t k = 0; k < n; k++) to[k] = (int16_t)integer(from[k * step], units);
    else if (step == 1)
        for (int64_t k = 0; k < n; k++) {
            const int32_t value = integer(from[k], units), low = low_digit(value, 2);
            to[k] = (int16_t)low, to[apart + k] = (int16_t)((value - low) >> 8);
        }
    else
        for (int64_t k = 0; k < n; k++) {
            const int32_t value = integer(from[k * step], units), low = low_digit(value, 2);
            to[k] = (int16_t)low, to[apart + k] = (int16_t)((value - low) >> 8);
        }
}

/* Rows of a matrix, [row][digit][k], each k an even number of int16. */
static void pack_left(int16_t *to, const float *a, const Shape *s, int64_t rows) {
    const int64_t length = up_to(s->k, 2);
    for (int64_t i = 0; i < rows; i++, to += s->digits * length)
        digits_of(to, length, a + i * s->a[2], s->a[3], s->k, s->left, s->digits);
}

/* An image's digits with its padding, [digit][depth][row][column][channel]; what is padded is 0 already. */
static void pad(int16_t *planes, const float *image, const Shape *s) {
    const int64_t height = padded(s, 1), width = padded(s, 2), apart = plane(s), c = s->channels;
    for (int64_t z = 0; z < s->in[0]; z++)
        for (int64_t y = 0; y < s->in[1]; y++) {
            const float *from = image + z * s->image[1] + y * s->image[2];
            int16_t *to = planes + (((z + s->padding[0]) * height + y + s->padding[1]) * width + s->padding[2]) * c;
            if (s->image[0] == 1 && s->image[3] == c) /* channels lie innermost already */
                digits_of(to, apart, from, 1, s->in[2] * c, s->left, s->digits);
            else if (s->image[0] == 1 || s->image[3] != 1)
                for (int64_t x = 0; x < s->in[2]; x++)
                    digits_of(to + x * c, apart, from + x * s->image[3], s->image[0], c, s->left, s->digits);
            else
                for (int64_t i = 0; i < c; i++) {
                    const float *row = from + i * s->image[0];
                    for (int64_t x = 0; x < s->in[2]; x++) {
                        const int32_t value = integer(row[x], s->left), low = low_digit(value, s->digits);
                        to[x * c + i] = (int16_t)low;
                        if (s->digits == 2) to[apart + x * c + i] = (int16_t)((value - low) >> 8);
                    }
                }
        }
}

/* Windows of a padded image as rows, from the position `first`; k runs over the window's axes and then channels. */
static void pack_windows(int16_t *to, const int16_t *planes, const Shape *s, int64_t first, int64_t rows) {
    const int64_t height = padded(s, 1), width = padded(s, 2), length = up_to(s->k, 2), c = s->channels;
    const int64_t runs = s->dilation[2] == 1 ? 1 : s->window[2], run = s->window[2] / runs * c;
    for (int64_t i = 0; i < rows * s->digits; i++, to += length) {
        const int64_t position = first + i / s->digits, x = position % s->out[2] * s->stride[2];
        const int64_t y = position / s->out[2] % s->out[1] * s->stride[1];
        const int64_t z = position / s->out[2] / s->out[1] * s->stride[0];
        const int16_t *from = planes + i % s->digits * plane(s);
        int16_t *at = to;
        for (int64_t deep = 0; deep < s->window[0]; deep++)
            for (int64_t down = 0; down < s->window[1]; down++) {
                const int64_t row = (z + deep * s->dilation[0]) * height + y + down * s->dilation[1];
                for (int64_t across = 0; across < runs; across++, at += run)
                    memcpy(at, from + (row * width + x + across * s->dilation[2]) * c, sizeof(int16_t) * (size_t)run);
            }
    }
}

/* The right operand, [panel][pair of k][column] as pairs of int16. */
static void pack_right(int16_t *to, const float *b, const Shape *s) {
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
