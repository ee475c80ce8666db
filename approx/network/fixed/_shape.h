/* The numbers that describe a product of integers or a convolution; native.py packs them. Included by _products.h. */
#define PANEL 16 /* columns of a panel: the 32-bit lanes of a 512-bit register */
#define BLOCK 64 /* rows of a matrix that are packed at a time: they stay in the first-level cache */
#define AXES 3   /* of an image: depth, height and width */

typedef struct {
    int64_t outer, inner;  /* matrices: outer * inner, each operand with its own strides; an image's inner are its groups */
    int64_t m, k, n;
    int64_t a[4], b[4];    /* strides: outer, inner, then row and column of a matrix */
    int64_t digits, block; /* of the left operand; of K, even */
    int64_t packed;        /* the right operand is what `pack_right` wrote, for one group after another */
    int64_t channels;      /* of an image's group; 0 where the left operand is a matrix */
    int64_t image[1 + AXES]; /* strides: channel, then the axes */
    int64_t in[AXES], out[AXES], window[AXES], stride[AXES], padding[AXES], dilation[AXES];
    double left, right;    /* units in 1 of what the operands hold */
} Shape;

typedef struct {
    const float *a;
    const void *b;
    float *y;
    const double *bias, *factor; /* of every column of every group; no bias: NULL */
    Shape shape;
    Rounding rounding;
} Product;

static inline int64_t up_to(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline int64_t padded(const Shape *s, int axis) { return s->in[axis] + 2 * s->padding[axis]; }

/* Words of a padded image, one digit. */
static inline int64_t plane(const Shape *s) { return padded(s, 0) * padded(s, 1) * padded(s, 2) * s->channels; }
