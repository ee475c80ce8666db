/* Continuous piecewise-linear tables in fixed point, written by NeuralMatrix.
 *
 * A value is its integer times the part's step. The entry that serves x is the number of knots at or below x:
 * 0 is the left tail, 1 to segments are the segments, segments + 1 is the right tail. */
#ifndef NEURALMATRIX_TABLES_H
#define NEURALMATRIX_TABLES_H

#include <stdint.h>

typedef struct {
    const char *site;       /* where in the network it is evaluated */
    const char *function;   /* what it approximates */
    int segments;
    int bits;               /* width of every integer, sign included */
    int midpoint;           /* 1: an offset is the value at its segment's middle; 0, and in tails: at x = 0 */
    double knot_step, slope_step, offset_step;
    const int32_t *knots;   /* segments + 1 */
    const int32_t *slopes;  /* segments + 2 */
    const int32_t *offsets; /* segments + 2 */
} nm_table;

static inline double nm_evaluate(const nm_table *t, double x) {
    int entry = 0, inside;
    double centre = 0.0, slope;
    if (x != x) return x;
    while (entry <= t->segments && t->knots[entry] * t->knot_step <= x) ++entry;
    inside = entry >= 1 && entry <= t->segments;
    if (t->midpoint && inside) centre = 0.5 * ((double)t->knots[entry - 1] + t->knots[entry]) * t->knot_step;
    slope = t->slopes[entry] * t->slope_step;
    return (slope == 0.0 ? 0.0 : slope * (x - centre)) + t->offsets[entry] * t->offset_step;
}

static const int32_t nm_gelu_knots[] = {-32767, -28672, -24576, -20480, -16384, -12288, -8192, -4096, 0, 4096, 8192, 12288,
    16384, 20480, 24576, 28672, 32767};
static const int32_t nm_gelu_slopes[] = {0, 0, 0, 0, -2, 553, -1113, -2656, 2599, 13785, 19040, 17497,
    15831, 16386, 16384, 16384, 16384, 16384};
static const int32_t nm_gelu_offsets[] = {0, 0, 0, 0, 0, 69, -1, -472, -480, 1568, 5672, 10239,
    14405, 18432, 22528, 26624, 30720, 0};
static const nm_table nm_gelu = {
    "gelu", "gelu", 16, 16, 1,
    0x1.0000000000000p-12, 0x1.0000000000000p-14, 0x1.0000000000000p-12,
    nm_gelu_knots, nm_gelu_slopes, nm_gelu_offsets};

static const int32_t nm_relu_knots[] = {-32767, 0, 32767};
static const int32_t nm_relu_slopes[] = {0, 0, 16384, 16384};
static const int32_t nm_relu_offsets[] = {0, 0, 32767, 0};
static const nm_table nm_relu = {
    "relu", "relu", 2, 16, 1,
    0x1.0000000000000p-12, 0x1.0000000000000p-14, 0x1.0000000000000p-13,
    nm_relu_knots, nm_relu_slopes, nm_relu_offsets};

static const nm_table *const nm_tables[] = {&nm_gelu, &nm_relu};
enum { NM_TABLES = 2 };

#endif
