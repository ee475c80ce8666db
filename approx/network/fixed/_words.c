/* Words in one pass: element-wise steps, lookups and matrix products of integers, each with its one rounding; see native.py.
 *
 * Arrays are given by address and values are float32, as the emulation keeps them. Sums and products are exact, in double or
 * in int32, so that any order of additions and any instruction set gives the same bits. Everything runs without the
 * interpreter's lock.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Loops are compiled for each instruction set, and the widest that the CPU has is taken. WITHOUT_AVX512 builds what a CPU
 * without it runs, to measure it on one that has it. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(WITHOUT_AVX512)
#define CLONED __attribute__((target_clones("avx2", "default")))
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONED
#endif

#define FLOATS(address) ((float *)(uintptr_t)(address))
#define DOUBLES(address) ((double *)(uintptr_t)(address))

/* A value becomes clamp(rint(value * factor), -limit, limit) * step; NaN stays. */
typedef struct {
    double factor, limit, step;
} Rounding;

static inline float rounded(double value, Rounding r) {
    double units = rint(value * r.factor);
    units = units < -r.limit ? -r.limit : units;
    units = units > r.limit ? r.limit : units;
    return (float)(units * r.step);
}

#include "_products.h"

/* y[i] = a[i] op b[i], rounded; a stride is 1, or 0 for the same number again and again. */
enum { ADD, SUBTRACT, MULTIPLY };

#define RUN(name, left, right, op)                                                                          \
    CLONED static void name(const float *a, const float *b, float *y, int64_t n, Rounding r) {              \
        for (int64_t i = 0; i < n; i++) y[i] = rounded((double)a[left] op(double) b[right], r);             \
    }
#define RUNS(name, op) RUN(name##_both, i, i, op) RUN(name##_left, i, 0, op) RUN(name##_right, 0, i, op)

RUNS(add, +)
RUNS(subtract, -)
RUNS(multiply, *)

typedef void (*Run)(const float *, const float *, float *, int64_t, Rounding);
static const Run RUNS_OF[3][3] = {{add_both, add_left, add_right},
                                  {subtract_both, subtract_left, subtract_right},
                                  {multiply_both, multiply_left, multiply_right}};

static inline double combined(double a, double b, int op) { return op == ADD ? a + b : op == SUBTRACT ? a - b : a * b; }

static void hadamard_run(const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *y, int64_t n, int op,
                         Rounding r) {
    if ((a_stride == 1 || a_stride == 0) && (b_stride == 1 || b_stride == 0) && a_stride + b_stride > 0) {
        RUNS_OF[op][a_stride == 0 ? 2 : b_stride == 0 ? 1 : 0](a, b, y, n, r);
        return;
    }
    for (int64_t i = 0; i < n; i++) y[i] = rounded(combined(a[i * a_stride], b[i * b_stride], op), r);
}

#define MOST_AXES 8

/* How two operands are walked to write a contiguous result: axes from the outermost, and each operand's strides. */
typedef struct {
    int64_t axes, sizes[MOST_AXES], a[MOST_AXES], b[MOST_AXES];
} Walk;

static void hadamard(const float *a, const float *b, float *y, int64_t start, int64_t stop, const Walk *w, int op,
                     Rounding r) {
    const int64_t inner = w->sizes[w->axes - 1], last = w->axes - 1;
    for (int64_t at = start; at < stop;) {
        const int64_t column = at % inner, left = inner - column, n = left < stop - at ? left : stop - at;
        int64_t rest = at / inner, in_a = column * w->a[last], in_b = column * w->b[last];
        for (int64_t axis = last - 1; axis >= 0; axis--) {
            const int64_t index = rest % w->sizes[axis];
            rest /= w->sizes[axis];
            in_a += index * w->a[axis], in_b += index * w->b[axis];
        }
        hadamard_run(a + in_a, w->a[last], b + in_b, w->b[last], y + at, n, op, r);
        at += n;
    }
}

CLONED static void round_all(const float *x, float *y, int64_t n, Rounding r) {
    for (int64_t i = 0; i < n; i++) y[i] = rounded(x[i], r);
}

/* y = the entry of every word; the first belongs to the integer -limit. */
CLONED static void lookup(const float *x, float *y, int64_t n, const float *entries, float factor, int32_t limit) {
    for (int64_t i = 0; i < n; i++) {
        int32_t at = (int32_t)(x[i] * factor) + limit;
        at = at < 0 ? 0 : at > 2 * limit ? 2 * limit : at;
        y[i] = entries[at];
    }
}

/* Rows, taken through the steps of a softmax, or of a sum of products; the sums are exact in any order. */
#define PARTS 16

CLONED static float largest(const float *x, int64_t n) {
    float part[PARTS], most = x[0];
    int64_t i = 0;
    for (int j = 0; j < PARTS; j++) part[j] = x[0];
    for (; i + PARTS <= n; i += PARTS)
        for (int j = 0; j < PARTS; j++) part[j] = x[i + j] > part[j] ? x[i + j] : part[j];
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    for (int j = 0; j < PARTS; j++) most = part[j] > most ? part[j] : most;
    return most;
}

CLONED static double total(const float *x, int64_t n) {
    double part[PARTS] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (int j = 0; j < PARTS; j++) part[j] += x[i + j];
    for (; i < n; i++) sum += x[i];
    for (int j = 0; j < PARTS; j++) sum += part[j];
    return sum;
}

/* A product of words as the sum takes it: as it is, or, with a factor, rounded to more bits than a float holds. */
static inline double term(double a, double b, Rounding r) {
    if (r.factor == 0) return a * b;
    double units = rint(a * b * r.factor);
    units = units < -r.limit ? -r.limit : units;
    return (units > r.limit ? r.limit : units) * r.step;
}

CLONED static double dot(const float *a, const float *b, int64_t n, Rounding r) {
    double part[PARTS] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (int j = 0; j < PARTS; j++) part[j] += term(a[i + j], b[i + j], r);
    for (; i < n; i++) sum += term(a[i], b[i], r);
    for (int j = 0; j < PARTS; j++) sum += part[j];
    return sum;
}

typedef struct {
    const float *entries;
    float factor;
    int limit;
} Table;

typedef struct {
    Rounding shifted, sum, result;
    Table exp, reciprocal;
} Softmax;

static int softmax(const float *x, float *y, int64_t rows, int64_t row, const Softmax *s) {
    float *shifted = malloc(sizeof(float) * (size_t)row * 2), *e = shifted + row;
    if (shifted == NULL) return 0;
    for (int64_t i = 0; i < rows; i++, x += row, y += row) {
        const float most = largest(x, row);
        subtract_left(x, &most, shifted, row, s->shifted);
        lookup(shifted, e, row, s->exp.entries, s->exp.factor, s->exp.limit);
        const float sum = rounded(total(e, row), s->sum);
        float reciprocal;
        lookup(&sum, &reciprocal, 1, s->reciprocal.entries, s->reciprocal.factor, s->reciprocal.limit);
        multiply_left(e, &reciprocal, y, row, s->result);
    }
    free(shifted);
    return 1;
}

/* Python's side: addresses are integers, sizes and strides packed int64. */

static PyObject *py_hadamard(PyObject *self, PyObject *args) {
    unsigned long long a, b, y;
    long long start, stop;
    const char *bytes;
    Py_ssize_t size;
    int op;
    Rounding r;
    Walk walk;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKLLy#iddd", &a, &b, &y, &start, &stop, &bytes, &size, &op, &r.factor, &r.limit, &r.step))
        return NULL;
    if (size != sizeof walk || op < ADD || op > MULTIPLY) return PyErr_Format(PyExc_ValueError, "not a walk or an op");
    memcpy(&walk, bytes, sizeof walk);
    Py_BEGIN_ALLOW_THREADS
    hadamard(FLOATS(a), FLOATS(b), FLOATS(y), start, stop, &walk, op, r);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_round(PyObject *self, PyObject *args) {
    unsigned long long x, y;
    long long start, stop;
    Rounding r;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLddd", &x, &y, &start, &stop, &r.factor, &r.limit, &r.step)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    round_all(FLOATS(x) + start, FLOATS(y) + start, stop - start, r);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_lookup(PyObject *self, PyObject *args) {
    unsigned long long x, y, entries;
    long long start, stop;
    float factor;
    int limit;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLKfi", &x, &y, &start, &stop, &entries, &factor, &limit)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    lookup(FLOATS(x) + start, FLOATS(y) + start, stop - start, FLOATS(entries), factor, limit);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_dots(PyObject *self, PyObject *args) {
    unsigned long long a, b, y;
    long long start, stop, row;
    Rounding t, r;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKLLLdddddd", &a, &b, &y, &start, &stop, &row, &t.factor, &t.limit, &t.step, &r.factor,
                          &r.limit, &r.step))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t i = start; i < stop; i++)
        FLOATS(y)[i] = rounded(dot(FLOATS(a) + i * row, FLOATS(b) + i * row, row, t), r);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_softmax(PyObject *self, PyObject *args) {
    unsigned long long x, y, exp, reciprocal;
    long long start, stop, row;
    int done;
    Softmax s;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKLLLdddKfidddKfiddd", &x, &y, &start, &stop, &row, &s.shifted.factor, &s.shifted.limit,
                          &s.shifted.step, &exp, &s.exp.factor, &s.exp.limit, &s.sum.factor, &s.sum.limit, &s.sum.step,
                          &reciprocal, &s.reciprocal.factor, &s.reciprocal.limit, &s.result.factor, &s.result.limit,
                          &s.result.step))
        return NULL;
    s.exp.entries = FLOATS(exp), s.reciprocal.entries = FLOATS(reciprocal);
    Py_BEGIN_ALLOW_THREADS
    done = softmax(FLOATS(x) + start * row, FLOATS(y) + start * row, stop - start, row, &s);
    Py_END_ALLOW_THREADS
    if (!done) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *py_pack(PyObject *self, PyObject *args) {
    unsigned long long b, to;
    const char *bytes;
    Py_ssize_t size;
    Shape shape;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKy#", &b, &to, &bytes, &size)) return NULL;
    if (size != sizeof shape) return PyErr_Format(PyExc_ValueError, "not the shape of a product");
    memcpy(&shape, bytes, sizeof shape);
    Py_BEGIN_ALLOW_THREADS
    pack_right((int16_t *)(uintptr_t)to, FLOATS(b), &shape);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *py_blocks(PyObject *self, PyObject *args) {
    const char *bytes;
    Py_ssize_t size;
    Shape shape;
    (void)self;
    if (!PyArg_ParseTuple(args, "y#", &bytes, &size)) return NULL;
    if (size != sizeof shape) return PyErr_Format(PyExc_ValueError, "not the shape of a product");
    memcpy(&shape, bytes, sizeof shape);
    return PyLong_FromLongLong(shape.outer * shape.inner * blocks(&shape));
}

static PyObject *py_products(PyObject *self, PyObject *args) {
    unsigned long long a, b, y, bias, factor;
    long long start, stop;
    const char *bytes;
    Py_ssize_t size;
    const char *name;
    Product p;
    int done;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKLLy#KKdds", &a, &b, &y, &start, &stop, &bytes, &size, &bias, &factor,
                          &p.rounding.limit, &p.rounding.step, &name))
        return NULL;
    if (size != sizeof p.shape) return PyErr_Format(PyExc_ValueError, "not the shape of a product");
    const Kernel *kernel = kernel_of(name);
    const int floats = strcmp(name, "floats") == 0, doubles = strcmp(name, "doubles") == 0;
    if (kernel == NULL && !floats && !doubles) return PyErr_Format(PyExc_ValueError, "%s: this CPU has it not", name);
    memcpy(&p.shape, bytes, sizeof p.shape);
    p.a = FLOATS(a), p.b = (const void *)(uintptr_t)b, p.y = FLOATS(y);
    p.bias = DOUBLES(bias), p.factor = DOUBLES(factor);
    Py_BEGIN_ALLOW_THREADS
    done = kernel == NULL ? depthwise(&p, start, stop, floats) : products(&p, kernel, start, stop);
    Py_END_ALLOW_THREADS
    if (!done) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *py_multiplies(PyObject *self, PyObject *args) {
    const char *name;
    (void)self;
    if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
    return PyBool_FromLong(kernel_of(name) != NULL);
}

static PyMethodDef methods[] = {
    {"hadamard", py_hadamard, METH_VARARGS, "A sum, difference or product of two operands, rounded."},
    {"rounded", py_round, METH_VARARGS, "Numbers rounded to words."},
    {"lookup", py_lookup, METH_VARARGS, "Entries of a table with one for each integer."},
    {"dots", py_dots, METH_VARARGS, "Sums of products over rows, rounded."},
    {"softmax", py_softmax, METH_VARARGS, "Softmax over rows, exp and reciprocal by tables."},
    {"pack", py_pack, METH_VARARGS, "The right operand of `products`, packed."},
    {"blocks", py_blocks, METH_VARARGS, "Blocks of rows of all matrices, among which `products` can be divided."},
    {"products", py_products, METH_VARARGS, "Matrix products of integers, rounded, by an instruction set or depthwise."},
    {"multiplies", py_multiplies, METH_VARARGS, "Whether this CPU has an instruction set that `products` can use."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_words", "Fixed-point words in one pass.", -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__words(void) { return PyModule_Create(&module); }
