/* The CPWL operator in one pass, and the two compositions of it that networks spend their time in; see native.py.
 *
 * Every function works on elements (or rows) start..stop-1 of dense float32 arrays given by address, without the
 * interpreter's lock. x86-64 takes eight elements at a time with AVX2 and FMA, their pairs loaded one by one or, with AVX-512,
 * gathered, or sixteen for tables held in AVX-512 registers: a map says which way, after a trial (native.py). Other machines
 * take the scalar path, to the same index and within one unit in the last place.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2_PATH 1
#include <immintrin.h>
#endif

typedef struct {
    float knot;    /* the cell's own knot; NaN, which no x reaches, if it has none */
    int32_t below; /* knots in the cells before it */
} Cell;

typedef struct {
    float slope, intercept;
} Line;

typedef struct {
    const float *knots;
    int64_t knot_count;
    const Cell *cells;
    int64_t cell_count;
    float origin, scale;
    int axis, crowded;
    int way;
} Map;

/* How a table is looked up. A way that the machine lacks, or the table does not fit, is WAY_PAIRS. */
enum { WAY_PAIRS, WAY_GATHERS, WAY_REGISTERS };

/* What the axis that is cut into cells measures. Bits of positive floats, read as integers, ascend with the number and are
 * a logarithmic axis; negative numbers are negative integers, below all of them. Ranks are that on both sides of 0. */
enum { AXIS_VALUE, AXIS_BITS, AXIS_RANK };

static inline float coordinate(float x, int axis) {
    if (axis == AXIS_VALUE) return x;
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (float)(axis == AXIS_BITS ? bits : bits ^ ((bits >> 31) & INT32_MAX));
}

/* NaN falls into any cell: its comparisons are all false, and slope * NaN is NaN whatever the line. */
static inline int64_t cell_of(float x, const Map *map) {
    const float last = (float)(map->cell_count - 1);
    float position = (coordinate(x, map->axis) - map->origin) * map->scale;
    position = position > 0.0f ? position : 0.0f;
    return (int64_t)(position < last ? position : last);
}

static inline int64_t line_of(float x, const Map *map) {
    const Cell cell = map->cells[cell_of(x, map)];
    int64_t line = cell.below + (x >= cell.knot);
    if (map->crowded && x >= cell.knot)
        while (line < map->knot_count && x >= map->knots[line]) line++;
    return line;
}

static inline float bounded(float x) {
    return x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : x;
}

#ifdef HAVE_AVX2_PATH

/* Two 64-bit pairs, their numbers in the halves of `at`. */
__attribute__((target("avx2,fma"))) static inline __m128d two_pairs(const double *pairs, uint64_t at) {
    return _mm_loadh_pd(_mm_load_sd(pairs + (uint32_t)at), pairs + (at >> 32));
}

/* Eight 64-bit pairs of numbers `at`, separated into their first and second halves. The numbers are loaded two at a time:
 * loads are what this waits for (Zen 4; gather instructions take twice as long). */
__attribute__((target("avx2,fma"), always_inline)) static inline void load_pairs(const void *base, const int32_t *at,
                                                                                __m256 *first, __m256 *second) {
    const double *pairs = (const double *)base;
    uint64_t two[4];
    memcpy(two, at, sizeof two);
    const __m128d low_a = two_pairs(pairs, two[0]), low_b = two_pairs(pairs, two[1]);
    const __m128d high_a = two_pairs(pairs, two[2]), high_b = two_pairs(pairs, two[3]);
    const __m256 a = _mm256_castpd_ps(_mm256_insertf128_pd(_mm256_castpd128_pd256(low_a), high_a, 1));
    const __m256 b = _mm256_castpd_ps(_mm256_insertf128_pd(_mm256_castpd128_pd256(low_b), high_b, 1));
    *first = _mm256_shuffle_ps(a, b, 0x88);
    *second = _mm256_shuffle_ps(a, b, 0xdd);
}

__attribute__((target("avx2,fma"), always_inline)) static inline __m256 coordinates(__m256 x, int axis) {
    if (axis == AXIS_VALUE) return x;
    __m256i bits = _mm256_castps_si256(x);
    if (axis == AXIS_BITS) return _mm256_cvtepi32_ps(bits);
    __m256i flip = _mm256_and_si256(_mm256_srai_epi32(bits, 31), _mm256_set1_epi32(INT32_MAX));
    return _mm256_cvtepi32_ps(_mm256_xor_si256(bits, flip));
}

/* The operand order of max makes the position of NaN 0. */
__attribute__((target("avx2,fma"), always_inline)) static inline void cells_on(int axis, const float *x, int32_t *cell,
                                                                              int64_t count, const Map *map) {
    const __m256 origin = _mm256_set1_ps(map->origin), scale = _mm256_set1_ps(map->scale);
    const __m256 last = _mm256_set1_ps((float)(map->cell_count - 1));
    for (int64_t i = 0; i + 8 <= count; i += 8) {
        __m256 position = coordinates(_mm256_loadu_ps(x + i), axis);
        position = _mm256_mul_ps(_mm256_sub_ps(position, origin), scale);
        position = _mm256_min_ps(last, _mm256_max_ps(position, _mm256_setzero_ps()));
        _mm256_storeu_si256((__m256i *)(cell + i), _mm256_cvttps_epi32(position));
    }
}

/* A loop for each axis, so that none asks which one it is. */
__attribute__((target("avx2,fma"))) static void cells_avx2(const float *x, int32_t *cell, int64_t count, const Map *map) {
    if (map->axis == AXIS_VALUE) cells_on(AXIS_VALUE, x, cell, count, map);
    else if (map->axis == AXIS_BITS) cells_on(AXIS_BITS, x, cell, count, map);
    else cells_on(AXIS_RANK, x, cell, count, map);
}

/* Cells first, then lines from them: two loops whose loads do not wait for each other, where one loop of both is half as
 * fast again (Zen 4). Returns how many of the elements are done. */
__attribute__((target("avx2,fma"))) static int64_t lines_avx2(const float *x, int32_t *line, int64_t count,
                                                              const Map *map) {
    const Cell *cells = map->cells; /* map might be what is written */
    int64_t i = 0;
    cells_avx2(x, line, count, map);
    for (; i + 8 <= count; i += 8) {
        __m256 knot, below;
        load_pairs(cells, line + i, &knot, &below);
        const __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(x + i), knot, _CMP_GE_OQ);
        const __m256i found = _mm256_sub_epi32(_mm256_castps_si256(below), _mm256_castps_si256(reached));
        _mm256_storeu_si256((__m256i *)(line + i), found);
    }
    return i;
}

__attribute__((target("avx2,fma"))) static int64_t apply_avx2(const float *x, float *y, const int32_t *line,
                                                              int64_t count, const Line *lines) {
    const __m256 largest = _mm256_set1_ps(FLT_MAX), smallest = _mm256_set1_ps(-FLT_MAX);
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 slope, intercept;
        load_pairs(lines, line + i, &slope, &intercept);
        const __m256 value = _mm256_min_ps(largest, _mm256_max_ps(smallest, _mm256_loadu_ps(x + i)));
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(slope, value, intercept));
    }
    return i;
}

__attribute__((target("avx2,fma"))) static int64_t scale_avx2(const float *gradient, float *to_x, const int32_t *line,
                                                              int64_t count, const Line *lines) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 slope, intercept;
        load_pairs(lines, line + i, &slope, &intercept);
        _mm256_storeu_ps(to_x + i, _mm256_mul_ps(slope, _mm256_loadu_ps(gradient + i)));
    }
    return i;
}

#define FEW 64 /* elements for which filling registers costs more than it saves */

static int have_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

#include "_registers.h"
#endif

/* The lines of `count` elements. */
static void find_lines(const float *x, int32_t *line, int64_t count, const Map *map) {
    int64_t i = 0;
#ifdef HAVE_AVX2_PATH
    if (count >= FEW && map->way == WAY_REGISTERS)
        i = lines_avx512(x, line, count, map);
    else if (map->way == WAY_GATHERS)
        i = lines_by_gathers(x, line, count, map);
    else if (!map->crowded && have_avx2())
        i = lines_avx2(x, line, count, map);
#endif
    for (; i < count; i++) line[i] = (int32_t)line_of(x[i], map);
}

/* y = slope * x + intercept of given lines. */
static void apply(const float *x, float *y, const int32_t *line, int64_t count, const Line *lines, int way) {
    int64_t i = 0;
#ifdef HAVE_AVX2_PATH
    if (way == WAY_GATHERS) i = apply_by_gathers(x, y, line, count, lines);
    else if (have_avx2()) i = apply_avx2(x, y, line, count, lines);
#endif
    for (; i < count; i++) y[i] = fmaf(lines[line[i]].slope, bounded(x[i]), lines[line[i]].intercept);
}

/* The gradient to x of given lines. */
static void scale(const float *gradient, float *to_x, const int32_t *line, int64_t count, const Line *lines, int way) {
    int64_t i = 0;
#ifdef HAVE_AVX2_PATH
    if (way == WAY_GATHERS) i = scale_by_gathers(gradient, to_x, line, count, lines);
    else if (have_avx2()) i = scale_avx2(gradient, to_x, line, count, lines);
#endif
    for (; i < count; i++) to_x[i] = lines[line[i]].slope * gradient[i];
}

#define PART 256 /* elements whose lines are found before they are used; they stay in the first-level cache */

static inline int64_t part(int64_t start, int64_t stop) { return stop - start < PART ? stop - start : PART; }

static void forward(const float *x, float *y, int64_t start, int64_t stop, const Line *lines, const Map *map) {
    _Alignas(64) int32_t line[PART];
#ifdef HAVE_AVX2_PATH
    if (stop - start >= FEW && map->way == WAY_REGISTERS)
        start = forward_avx512(x, y, start, stop, lines, map);
#endif
    for (; start < stop; start += PART) {
        find_lines(x + start, line, part(start, stop), map);
        apply(x + start, y + start, line, part(start, stop), lines, map->way);
    }
}

static void backward_input(const float *x, const float *gradient, float *to_x, int64_t start, int64_t stop,
                           const Line *lines, const Map *map) {
    _Alignas(64) int32_t line[PART];
#ifdef HAVE_AVX2_PATH
    if (stop - start >= FEW && map->way == WAY_REGISTERS)
        start = backward_avx512(x, gradient, to_x, start, stop, lines, map);
#endif
    for (; start < stop; start += PART) {
        find_lines(x + start, line, part(start, stop), map);
        scale(gradient + start, to_x + start, line, part(start, stop), lines, map->way);
    }
}

#define COPIES 4

/* Sums in COPIES copies (COPIES, lines, 2), neighbours in different ones: neither waits for the other's sum. */
static void backward_lines(const float *x, const float *gradient, double *to_lines, int64_t start, int64_t stop,
                           const Map *map) {
    _Alignas(64) int32_t line[PART];
    for (; start < stop; start += PART) {
        const int64_t count = part(start, stop);
        find_lines(x + start, line, count, map);
        for (int64_t i = 0; i < count; i++) {
            double *sums = to_lines + 2 * ((i % COPIES) * (map->knot_count + 1) + line[i]);
            sums[0] += (double)gradient[start + i] * bounded(x[start + i]);
            sums[1] += gradient[start + i];
        }
    }
}

#define LANES 8

/* Sums and maxima run in LANES independent lanes, which compilers turn into vector operations. */
static inline __attribute__((always_inline)) float row_maximum(const float *x, int64_t size) {
    float lane[LANES], largest = x[0];
    int64_t i = 0;
    for (int j = 0; j < LANES; j++) lane[j] = x[0];
    for (; i + LANES <= size; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (; i < size; i++) largest = x[i] > largest ? x[i] : largest;
    for (int j = 0; j < LANES; j++) largest = lane[j] > largest ? lane[j] : largest;
    return largest;
}

static inline __attribute__((always_inline)) float row_sum(const float *x, int64_t size) {
    float lane[LANES] = {0}, sum = 0.0f;
    int64_t i = 0;
    for (; i + LANES <= size; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += x[i + j];
    for (; i < size; i++) sum += x[i];
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum;
}

static inline __attribute__((always_inline)) float row_sum_of_squares(const float *x, int64_t size) {
    float lane[LANES] = {0}, sum = 0.0f;
    int64_t i = 0;
    for (; i + LANES <= size; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += x[i + j] * x[i + j];
    for (; i < size; i++) sum += x[i] * x[i];
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum;
}

/* Softmax over rows: exp and reciprocal by their tables. A row stays in the first-level cache throughout. */
static inline __attribute__((always_inline)) void softmax_rows(const float *x, float *y, int64_t rows, int64_t size,
                                                               const Line *exp_lines, const Map *exp_map,
                                                               const Line *reciprocal_lines,
                                                               const Map *reciprocal_map) {
    for (; rows > 0; rows--, x += size, y += size) {
        const float largest = row_maximum(x, size);
        for (int64_t i = 0; i < size; i++) y[i] = x[i] - largest;
        forward(y, y, 0, size, exp_lines, exp_map);
        const float sum = row_sum(y, size);
        float scale;
        forward(&sum, &scale, 0, 1, reciprocal_lines, reciprocal_map);
        for (int64_t i = 0; i < size; i++) y[i] *= scale;
    }
}

/* Layer norm over rows: the inverse deviation by the table of rsqrt. */
static inline __attribute__((always_inline)) void layer_norm_rows(const float *x, float *y, int64_t rows, int64_t size,
                                                                  float eps, const float *weight, const float *bias,
                                                                  const Line *lines, const Map *map) {
    for (; rows > 0; rows--, x += size, y += size) {
        const float mean = row_sum(x, size) / (float)size;
        for (int64_t i = 0; i < size; i++) y[i] = x[i] - mean;
        const float variance = row_sum_of_squares(y, size) / (float)size + eps;
        float scale;
        forward(&variance, &scale, 0, 1, lines, map);
        for (int64_t i = 0; i < size; i++) y[i] = y[i] * scale * weight[i] + bias[i];
    }
}

#ifdef HAVE_AVX2_PATH
__attribute__((target("avx2,fma"))) static void softmax_avx2(const float *x, float *y, int64_t rows, int64_t size,
                                                             const Line *exp_lines, const Map *exp_map,
                                                             const Line *reciprocal_lines, const Map *reciprocal_map) {
    softmax_rows(x, y, rows, size, exp_lines, exp_map, reciprocal_lines, reciprocal_map);
}

__attribute__((target("avx2,fma"))) static void layer_norm_avx2(const float *x, float *y, int64_t rows, int64_t size,
                                                                float eps, const float *weight, const float *bias,
                                                                const Line *lines, const Map *map) {
    layer_norm_rows(x, y, rows, size, eps, weight, bias, lines, map);
}
#endif

static void softmax(const float *x, float *y, int64_t rows, int64_t size, const Line *exp_lines, const Map *exp_map,
                    const Line *reciprocal_lines, const Map *reciprocal_map) {
#ifdef HAVE_AVX2_PATH
    if (have_avx2()) {
        softmax_avx2(x, y, rows, size, exp_lines, exp_map, reciprocal_lines, reciprocal_map);
        return;
    }
#endif
    softmax_rows(x, y, rows, size, exp_lines, exp_map, reciprocal_lines, reciprocal_map);
}

static void layer_norm(const float *x, float *y, int64_t rows, int64_t size, float eps, const float *weight,
                       const float *bias, const Line *lines, const Map *map) {
#ifdef HAVE_AVX2_PATH
    if (have_avx2()) {
        layer_norm_avx2(x, y, rows, size, eps, weight, bias, lines, map);
        return;
    }
#endif
    layer_norm_rows(x, y, rows, size, eps, weight, bias, lines, map);
}

/* Fill the cells and return the most knots that one of them holds. */
static int64_t fill(const Map *map, Cell *cells) {
    int64_t knot = 0, most = 0;
    for (int64_t cell = 0; cell < map->cell_count; cell++) {
        const int64_t below = knot;
        while (knot < map->knot_count && cell_of(map->knots[knot], map) == cell) knot++;
        cells[cell].knot = knot > below ? map->knots[below] : NAN;
        cells[cell].below = (int32_t)below;
        if (knot - below > most) most = knot - below;
    }
    return most;
}

/* The way that was asked for, if the machine and the table allow it. */
static int possible(int way, const Map *map) {
#ifdef HAVE_AVX2_PATH
    if (way == WAY_REGISTERS && fits_registers(map) && have_avx512()) return way;
    if (way == WAY_GATHERS && !map->crowded && have_avx512() && have_avx2()) return way;
#endif
    (void)way, (void)map;
    return WAY_PAIRS;
}

/* A map travels through Python as bytes that hold the struct; the arrays it points to are the caller's to keep. */
static PyObject *py_index(PyObject *self, PyObject *args) {
    unsigned long long knots, cells;
    long long count, cell_count;
    int by_bits, way;
    (void)self;
    if (!PyArg_ParseTuple(args, "KLKLpi", &knots, &count, &cells, &cell_count, &by_bits, &way)) return NULL;
    const float *at = (const float *)(uintptr_t)knots;
    const int axis = !by_bits ? AXIS_VALUE : at[0] > 0.0f ? AXIS_BITS : AXIS_RANK;
    const float origin = coordinate(at[0], axis), width = coordinate(at[count - 1], axis) - origin;
    const float scale = width > 0.0f ? (float)(cell_count - 1) / width : 1.0f;
    Map map = {at, count, (const Cell *)(uintptr_t)cells, cell_count, origin, scale, axis, 0, WAY_PAIRS};
    map.crowded = fill(&map, (Cell *)(uintptr_t)cells) > 1;
    map.way = possible(way, &map);
    return Py_BuildValue("y#ii", (const char *)&map, (Py_ssize_t)sizeof map, map.crowded, map.way);
}

static int map_of(const char *bytes, Py_ssize_t size, Map *map) {
    if (size != (Py_ssize_t)sizeof *map) {
        PyErr_SetString(PyExc_ValueError, "map: must be the bytes that index() returned");
        return 0;
    }
    memcpy(map, bytes, sizeof *map);
    return 1;
}

#define FLOATS(address) ((float *)(uintptr_t)(address))
#define LINES(address) ((const Line *)(uintptr_t)(address))

static PyObject *py_forward(PyObject *self, PyObject *args) {
    unsigned long long x, y, lines;
    long long start, stop;
    const char *bytes;
    Py_ssize_t size;
    Map map;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLKy#", &x, &y, &start, &stop, &lines, &bytes, &size)) return NULL;
    if (!map_of(bytes, size, &map)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    forward(FLOATS(x), FLOATS(y), start, stop, LINES(lines), &map);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_backward_input(PyObject *self, PyObject *args) {
    unsigned long long x, gradient, to_x, lines;
    long long start, stop;
    const char *bytes;
    Py_ssize_t size;
    Map map;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKLLKy#", &x, &gradient, &to_x, &start, &stop, &lines, &bytes, &size)) return NULL;
    if (!map_of(bytes, size, &map)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    backward_input(FLOATS(x), FLOATS(gradient), FLOATS(to_x), start, stop, LINES(lines), &map);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_backward_lines(PyObject *self, PyObject *args) {
    unsigned long long x, gradient, to_lines;
    long long start, stop;
    const char *bytes;
    Py_ssize_t size;
    Map map;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKLLy#", &x, &gradient, &to_lines, &start, &stop, &bytes, &size)) return NULL;
    if (!map_of(bytes, size, &map)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    backward_lines(FLOATS(x), FLOATS(gradient), (double *)(uintptr_t)to_lines, start, stop, &map);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_softmax(PyObject *self, PyObject *args) {
    unsigned long long x, y, exp_lines, reciprocal_lines;
    long long start, stop, row;
    const char *exp_bytes, *reciprocal_bytes;
    Py_ssize_t exp_size, reciprocal_size;
    Map exp_map, reciprocal_map;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLLKy#Ky#", &x, &y, &start, &stop, &row, &exp_lines, &exp_bytes, &exp_size,
                          &reciprocal_lines, &reciprocal_bytes, &reciprocal_size))
        return NULL;
    if (!map_of(exp_bytes, exp_size, &exp_map) || !map_of(reciprocal_bytes, reciprocal_size, &reciprocal_map))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    softmax(FLOATS(x) + start * row, FLOATS(y) + start * row, stop - start, row, LINES(exp_lines), &exp_map,
            LINES(reciprocal_lines), &reciprocal_map);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_layer_norm(PyObject *self, PyObject *args) {
    unsigned long long x, y, weight, bias, lines;
    long long start, stop, row;
    float eps;
    const char *bytes;
    Py_ssize_t size;
    Map map;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLLfKKKy#", &x, &y, &start, &stop, &row, &eps, &weight, &bias, &lines, &bytes,
                          &size))
        return NULL;
    if (!map_of(bytes, size, &map)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    layer_norm(FLOATS(x) + start * row, FLOATS(y) + start * row, stop - start, row, eps, FLOATS(weight), FLOATS(bias),
               LINES(lines), &map);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"index", py_index, METH_VARARGS, "Fill an index map; return it, whether a cell holds several knots, and the way it is looked up."},
    {"forward", py_forward, METH_VARARGS, "y = slope * x + intercept."},
    {"backward_input", py_backward_input, METH_VARARGS, "Gradient to x."},
    {"backward_lines", py_backward_lines, METH_VARARGS, "Gradient to the lines, added to (4, lines, 2) in parts."},
    {"softmax", py_softmax, METH_VARARGS, "Softmax over rows, exp and reciprocal by tables."},
    {"layer_norm", py_layer_norm, METH_VARARGS, "Layer norm over rows, rsqrt by a table."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_cpwl", "The CPWL operator in one pass.", -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cpwl(void) { return PyModule_Create(&module); }
