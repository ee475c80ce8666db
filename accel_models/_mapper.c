/* The mapping of least cost, of all: what `accel_models.mapper.least` finds, without trying what cannot win.

   For each matrix that may stay on chip the numbers of tiles along two dimensions are tried, and along the third,
   which streams, from the fewest that fit. What tiles cost at least (`worse`) never falls as there are more of
   them, so that a loop ends where that exceeds the best so far. Costs and their bounds are the operations of
   `accel_models.mapper.counted` in the same order; rounding never swaps two numbers, so that a rounded bound is a
   bound. No multiplication and addition may be fused (-ffp-contract=off). */

#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS inline __attribute__((always_inline))

enum { M, N, K };
enum { A, B, Z };
enum { WS, OS, IS };

/* An element of `Work`, its columns in order; truth is 0 or 1. */
typedef struct {
    double size[3], rows, cols, ws, os;
    double unit[3], folds[3];
    double word, partial, room[3], shared, apart;
    double burst, a_words, taps, width[3], sums_width;
    double serial, overlapped, entering;
    double rate, dram, enters[3], block, issue, single, by_energy, by_product;
} Element;
enum { COLUMNS = sizeof(Element) / sizeof(double) };

/* Numbers of tiles that a dimension can be cut into, ascending, with the folds of a tile. */
typedef struct {
    double folds, *count, *per;
    Py_ssize_t length, space;
} Cuts;

enum { SLOTS = 256 }; /* Cuts that are known at a time, a dimension. */

/* Bytes of one pass over each matrix, and over partial sums. */
typedef struct {
    double of[3], sums;
} Bytes;

typedef struct {
    double stated, tie;
} Cost;

typedef struct {
    Cost cost;
    int stays;
    double count[3];
} Mapping;

typedef struct {
    Element e;
    double fill, load, blocks; /* cycles: to fill and drain, of a load; blocks that the cells hold in turn */
    int timed;                 /* whether time is the stated cost */
    int streamed;              /* the dimension that streams past the cells */
    double most[3], together;  /* bytes for A, B, the sums, and for all of them */
    double joins;              /* whether the sums are among all of them */
    double others[3];          /* the fewest tiles, one dimension left out: the matrix over the other two must fit */
    Bytes whole;               /* of rows that are not cut */
    Mapping best;
} Search;

/* Of numbers from 0 to 2**63: as ceil and floor, which are calls where no instruction may be assumed. */
static double down(double x) { return (double)(long long)x; }
static double up(double x) { return down(x) + (down(x) < x ? 1.0 : 0.0); }
static double least_of(double a, double b) { return a < b ? a : b; }
static double most_of(double a, double b) { return a > b ? a : b; }

static double part(const Element *e, int d, double count) {
    return least_of(e->size[d], e->unit[d] * up(e->folds[d] / count));
}

/* Bytes moved over bytes needed: accel_models.dram. */
static double padding(double size, double count, double each, double width, double burst) {
    if (!(count > 1.0 && burst > 1.0)) return 1.0;
    double moved = (count - 1.0) * up(each * width / burst) + up((size - (count - 1.0) * each) * width / burst);
    return burst * moved / (size * width);
}

/* Put what rows cost where a dimension is cut. */
static void cut(const Search *s, int d, double count, Bytes *bytes) {
    const Element *e = &s->e;
    if (d == M || count == 1.0) return;
    double each = part(e, d, count);
    if (d == K) {
        double channels = e->size[K] / e->taps;
        bytes->of[A] = e->a_words * e->width[A] * padding(channels, up(channels / each), each, e->width[A], e->burst);
        return;
    }
    double kn = e->size[K] * e->size[N], mn = e->size[M] * e->size[N];
    bytes->of[B] = kn * (e->width[B] * padding(e->size[N], count, each, e->width[B], e->burst));
    bytes->of[Z] = mn * (e->width[Z] * padding(e->size[N], count, each, e->width[Z], e->burst));
    bytes->sums = mn * (e->sums_width * padding(e->size[N], count, each, e->sums_width, e->burst));
}

/* Cycles by which streams are shorter than the array: accel_models.nest. */
static double shortfall(const Search *s, double loads, double each) {
    double rows = s->e.rows, streamed = s->e.size[s->streamed];
    double last = most_of(rows - (loads > 1.0 ? streamed - (loads - 1.0) * each : streamed), 0.0);
    return s->blocks * ((loads - 1.0) * most_of(rows - each, 0.0) + last) - last;
}

/* Whether nothing that costs so much or more is taken instead of the best so far. */
static ALWAYS int hopeless(const Search *s, Cost c) {
    return c.stated > s->best.cost.stated || (c.stated == s->best.cost.stated && c.tie > s->best.cost.tie);
}

/* Find what tiles cost that are `fixed` along some dimensions (a bit each), and no fewer along the others;
   exactly, where all are. `bytes` is of the fixed ones. Whether it is hopeless, which may show before `c` does. */
static ALWAYS int worse(const Search *s, int flow, int stays, const double *count, int fixed, const Bytes *bytes, Cost *c) {
    const Element *e = &s->e;
    double m = count[M], n = count[N], k = count[K];
    double a = stays != A && (stays == B ? m : 1.0) * k > 1.0 ? n : 1.0;
    double b = stays != B && (n * k > 1.0 || s->others[M] > 1.0) ? m : 1.0;
    double z = stays != Z && (stays == A ? n : m) > 1.0 ? k : 1.0;
    const int streamed = flow == WS ? M : flow == OS ? K : N;
    double loads = flow == WS ? b : flow == OS ? z : a;
    const int i = streamed == M ? N : M, j = streamed == K ? N : K; /* with more than one block in a tile: once for each part streamed */
    int several = (fixed >> i & (e->folds[i] > count[i])) | (fixed >> j & (e->folds[j] > count[j]));
    loads = several ? count[streamed] : loads;
    double array = s->blocks * (e->size[streamed] + loads * s->load);
    if (e->overlapped) {
        int known = fixed >> streamed & 1;
        double each = known ? part(e, streamed, count[streamed]) : 0.0;
        array += s->fill + shortfall(s, known ? loads : 1.0, each);
    }
    double tiles = m * n * k;
    for (int d = M; d <= K; d++) tiles = most_of(tiles, count[d] * s->others[d]);
    double issue = e->issue * tiles;
    if (s->timed && array + issue > s->best.cost.stated) return 1;
    double spilled = 2.0 * (z - 1.0) * bytes->sums;
    double moved = a * bytes->of[A] + b * bytes->of[B] + bytes->of[Z] + spilled;
    double transfer = moved / e->rate;
    double cycles = (e->single ? transfer + array : most_of(transfer, array)) + issue;
    double inside = a * bytes->of[A] * e->enters[A] + b * bytes->of[B] * e->enters[B] + spilled * e->enters[Z];
    double energy = moved * e->dram + inside + loads * e->block;
    *c = e->by_energy ? (Cost){energy, cycles} : (Cost){e->by_product ? cycles * energy : cycles, energy};
    return hopeless(s, *c);
}

/* Take a mapping if it costs less than the best, or as much and comes first. */
static void offer(Search *s, int stays, const double *count, Cost c) {
    Mapping *best = &s->best;
    if (c.stated == best->cost.stated && c.tie == best->cost.tie) {
        if (stays != best->stays) {
            if (stays > best->stays) return;
        } else {
            int d = 0;
            while (d < K && count[d] == best->count[d]) d++;
            if (count[d] >= best->count[d]) return;
        }
    }
    best->cost = c, best->stays = stays;
    memcpy(best->count, count, sizeof best->count);
}

/* The size along a dimension of what scratchpads hold: tiles of M are padded to whole folds. */
static ALWAYS double held(const Element *e, int d, double folds) {
    return d == M ? e->unit[M] * folds : least_of(e->size[d], e->unit[d] * folds);
}

static ALWAYS double whole(const Element *e, int d) { return held(e, d, e->folds[d]); }

/* Whether a tile fits. */
static ALWAYS int fits(const Search *s, const double *size) {
    double a = size[M] * size[K] * s->e.word, b = size[K] * size[N] * s->e.word, z = size[M] * size[N] * s->e.partial;
    return (a <= s->most[A]) & (b <= s->most[B]) & (z <= s->most[Z]) & (a + b + z * s->joins <= s->together);
}

/* The largest size along a dimension that fits with a tile's other two sizes. */
static ALWAYS double widest(const Element *e, int d, int p, double of_p, int q, double of_q) {
    /* by the dimension that a matrix lacks: B, A, and the sums */
    const double room[3] = {e->room[B], e->room[A], e->room[Z]}, word[3] = {e->word, e->word, e->partial};
    if (!e->shared) {
        if (of_p * of_q * word[d] > room[d]) return 0.0;
        return least_of(room[p] / (of_q * word[p]), room[q] / (of_p * word[q]));
    }
    const double with[3] = {e->word, e->word, e->apart ? 0.0 : e->partial};
    double most = (e->room[A] - of_p * of_q * with[d]) / (of_q * with[p] + of_p * with[q]);
    if (!e->apart) return most;
    if (d == K) return of_p * of_q * e->partial > e->room[Z] ? 0.0 : most;
    return least_of(most, e->room[Z] / ((p == K ? of_q : of_p) * e->partial));
}

/* Which of the cuts of a dimension is the one of fewest tiles that fit with the other two sizes; their length if none. */
static ALWAYS Py_ssize_t first(const Element *e, const Cuts *cuts, int d, int p, double of_p, int q, double of_q) {
    double most = most_of(widest(e, d, p, of_p, q, of_q), 0.0), per = down(most / e->unit[d]);
    if (most >= whole(e, d)) return 0;
    /* the first numbers of tiles rise by one; where the last come, the folds of a tile fall by one */
    return per * (per - 1.0) <= cuts->folds ? cuts->length - (Py_ssize_t)per : (Py_ssize_t)up(cuts->folds / per) - 1;
}

/* Try numbers of tiles along the dimension that streams, from `at` on. */
static ALWAYS void stream(Search *s, const Cuts *cuts, int flow, int stays, int d, double *count, Py_ssize_t at) {
    const int pair = 7 & ~(1 << d), again = d != M || s->e.overlapped;
    Cost cost;
    count[d] = cuts->count[at];
    if (worse(s, flow, stays, count, pair, &s->whole, &cost)) return;
    Bytes of_pair = s->whole;
    for (int other = N; other <= K; other++)
        if (other != d) cut(s, other, count[other], &of_pair);
    do {
        Bytes bytes = of_pair;
        cut(s, d, count[d], &bytes);
        if (!worse(s, flow, stays, count, 7, &bytes, &cost)) offer(s, stays, count, cost);
        if (!again || ++at == cuts->length) return; /* more tiles cost less only for whole bursts or streams */
        count[d] = cuts->count[at];
    } while (!worse(s, flow, stays, count, pair, &of_pair, &cost));
}

/* Try all tiles while a matrix stays and `d` streams. */
static ALWAYS void ordered(Search *s, const Cuts *const *cuts, int flow, int stays, int d, int p, int q) {
    const Element *e = &s->e;
    double size_p, unit_d = held(e, d, 1.0), unit_q = held(e, q, 1.0), count[3];
    Cost cost;
    const Py_ssize_t few = stays == Z; /* with one tile of M, B could as well stay, and of N or K, A */
    if (cuts[q]->length <= few || cuts[d]->length <= few) return;
    for (Py_ssize_t i = few; i < cuts[p]->length; i++) {
        count[p] = cuts[p]->count[i], count[q] = count[d] = few + 1.0;
        if (i % 4 == few && worse(s, flow, stays, count, 0, &s->whole, &cost)) return;
        size_p = held(e, p, cuts[p]->per[i]);
        Py_ssize_t j = first(e, cuts[q], q, p, size_p, d, unit_d), at = first(e, cuts[d], d, p, size_p, q, unit_q);
        if (j == cuts[q]->length) continue;
        const double least = cuts[d]->count[at > few ? at : few];
        for (j = j > few ? j : few; j < cuts[q]->length; j++) {
            count[q] = cuts[q]->count[j], count[d] = least;
            if (worse(s, flow, stays, count, 1 << p, &s->whole, &cost)) break;
            at = first(e, cuts[d], d, p, size_p, q, held(e, q, cuts[q]->per[j]));
            if (at < few) break;
            stream(s, cuts[d], flow, stays, d, count, at);
        }
    }
}

/* The fewer first. */
static ALWAYS void search(Search *s, const Cuts *const *cuts, int flow, int stays, int d, int p, int q) {
    if (cuts[p]->length <= cuts[q]->length) ordered(s, cuts, flow, stays, d, p, q);
    else ordered(s, cuts, flow, stays, d, q, p);
}

/* All of a dataflow; the compiler makes a function of each, where what is said by number needs no looking up. */
static ALWAYS void of_flow(Search *s, const Cuts *const *cuts, int flow) {
    search(s, cuts, flow, Z, K, M, N);
    search(s, cuts, flow, A, N, M, K);
    search(s, cuts, flow, B, M, N, K);
}

/* Fill the cuts of a dimension, if they are not the last ones'. */
static int divide(Cuts *cuts, double folds) {
    if (cuts->folds == folds) return 1;
    Py_ssize_t need = (Py_ssize_t)(2.0 * sqrt(folds)) + 2;
    if (need > cuts->space) {
        double *grown = realloc(cuts->count, 2 * (size_t)need * sizeof *grown);
        if (!grown) return 0;
        cuts->count = grown, cuts->space = need;
    }
    cuts->per = cuts->count + cuts->space;
    cuts->folds = folds, cuts->length = 0;
    for (double per = folds, count = 1.0;; count = up(folds / (per - 1.0))) {
        per = up(folds / count);
        cuts->count[cuts->length] = count, cuts->per[cuts->length++] = per;
        if (per <= 1.0) return 1;
    }
}

static void prepare(Search *s) {
    const Element *e = &s->e;
    s->most[A] = e->room[A], s->most[B] = e->shared ? e->room[A] : e->room[B];
    s->most[Z] = e->shared && !e->apart ? e->room[A] : e->room[Z];
    s->together = e->shared ? e->room[A] : INFINITY, s->joins = e->apart ? 0.0 : 1.0;
    double m = whole(e, M), n = whole(e, N), k = whole(e, K), safe = 1 - 1e-9; /* rounding must not add a tile */
    s->others[M] = ceil(k * n * e->word / s->most[B] * safe);
    s->others[N] = ceil(m * k * e->word / s->most[A] * safe);
    s->others[K] = ceil(m * n * e->partial / s->most[Z] * safe);
    s->fill = e->rows + e->cols - 2.0 + (e->os ? 0.0 : e->rows);
    s->load = e->serial * s->fill + e->entering, s->timed = !e->by_energy && !e->by_product;
    s->streamed = e->ws ? M : e->os ? K : N;
    s->blocks = (e->ws ? e->folds[N] : e->folds[M]) * (e->os ? e->folds[N] : e->folds[K]);
    double mn = e->size[M] * e->size[N];
    s->whole = (Bytes){{e->a_words * e->width[A], e->size[K] * e->size[N] * e->width[B], mn * e->width[Z]},
                       mn * e->sums_width};
    s->best = (Mapping){{INFINITY, INFINITY}, A, {e->folds[M], e->folds[N], e->folds[K]}};
}

static int choose(const double *columns, Py_ssize_t length, double *found) {
    Cuts known[3][SLOTS] = {{{0}}};
    int done = 1;
    for (Py_ssize_t i = 0; i < length && done; i++) {
        Search s;
        for (int c = 0; c < COLUMNS; c++) ((double *)&s.e)[c] = columns[c * length + i];
        const Cuts *cuts[3];
        for (int d = M; d <= K; d++) {
            Cuts *own = &known[d][(size_t)s.e.folds[d] % SLOTS];
            done = done && divide(own, s.e.folds[d]);
            cuts[d] = own;
        }
        if (!done) break;
        prepare(&s);
        double all[3], granule[3];
        for (int d = M; d <= K; d++) all[d] = whole(&s.e, d), granule[d] = held(&s.e, d, 1.0);
        if (fits(&s, all)) s.best = (Mapping){{0, 0}, A, {1.0, 1.0, 1.0}};
        else if (fits(&s, granule)) {
            if (s.e.ws) of_flow(&s, cuts, WS);
            else if (s.e.os) of_flow(&s, cuts, OS);
            else of_flow(&s, cuts, IS);
        }
        for (int d = M; d <= K; d++) found[d * length + i] = s.best.count[d];
        found[3 * length + i] = s.best.stays;
    }
    for (int d = M; d <= K; d++)
        for (int slot = 0; slot < SLOTS; slot++) free(known[d][slot].count);
    return done;
}

static PyObject *py_choose(PyObject *self, PyObject *args) {
    Py_buffer columns, found;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*w*", &columns, &found)) return NULL;
    Py_ssize_t length = columns.len / (Py_ssize_t)sizeof(Element);
    int fits = columns.len == length * (Py_ssize_t)sizeof(Element) && found.len == 4 * length * (Py_ssize_t)sizeof(double);
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        done = choose(columns.buf, length, found.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&columns);
    PyBuffer_Release(&found);
    if (!fits) return PyErr_Format(PyExc_ValueError, "columns: must be %d of doubles, found 4 of as many", COLUMNS);
    return done ? Py_NewRef(Py_None) : PyErr_NoMemory();
}

static PyMethodDef methods[] = {
    {"choose", py_choose, METH_VARARGS, "Put tiles along M, N, K and what stays, of columns of elements, into found."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_mapper", "The mapping of least cost.", -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__mapper(void) { return PyModule_Create(&module); }
