// SPDX-License-Identifier: MIT
// Scalar floating point: the planets' orbits (f64 with square roots and divisions), the Mandelbrot
// set, products of matrices in f32 and f64, conversions and divisions. All results are exact to the
// bit by IEEE 754, as nothing is contracted.
#include "bench.h"

#include <math.h>
#include <string.h>

#define BODIES 5

struct body {
    double x[3], v[3], mass;
};

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// A star and four planets in rough circles.
static void place(struct body bodies[BODIES])
{
    static const double distance[BODIES] = {0, 5, 9.5, 19, 30};
    static const double mass[BODIES] = {39.5, 0.0377, 0.0113, 0.0017, 0.002};
    for (unsigned i = 0; i < BODIES; i++) {
        bodies[i] = (struct body){.x = {distance[i], distance[i] / 7, -distance[i] / 90},
                                  .v = {0, i ? sqrt(39.5 / distance[i]) : 0, 0.001 * i},
                                  .mass = mass[i]};
    }
}

static void advance(struct body bodies[BODIES], double time)
{
    for (unsigned i = 0; i < BODIES; i++) {
        for (unsigned j = i + 1; j < BODIES; j++) {
            double d[3], square = 0;
            for (unsigned k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double magnitude = time / (square * sqrt(square));
            for (unsigned k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * magnitude;
                bodies[j].v[k] += d[k] * bodies[i].mass * magnitude;
            }
        }
    }
    for (unsigned i = 0; i < BODIES; i++)
        for (unsigned k = 0; k < 3; k++)
            bodies[i].x[k] += time * bodies[i].v[k];
}

static uint64_t run_nbody(void *state)
{
    (void)state;
    struct body bodies[BODIES];
    place(bodies);
    for (unsigned i = 0; i < 500; i++)
        advance(bodies, 0.01);
    uint64_t sum = 0;
    for (unsigned i = 0; i < BODIES; i++)
        for (unsigned k = 0; k < 3; k++)
            sum = bench_mix(sum, bits_of(bodies[i].x[k]));
    return sum;
}

static uint64_t run_mandelbrot(void *state)
{
    (void)state;
    uint64_t sum = 0;
    for (unsigned row = 0; row < 32; row++) {
        for (unsigned column = 0; column < 32; column++) {
            double cr = column / 16.0 - 1.5, ci = row / 16.0 - 1, r = 0, i = 0;
            unsigned n = 0;
            for (; n < 50 && r * r + i * i < 4; n++) {
                double next = r * r - i * i + cr;
                i = 2 * r * i + ci;
                r = next;
            }
            sum = sum * 3 + n;
        }
    }
    return sum;
}

#define ORDER 32

struct matrices {
    float a32[ORDER][ORDER], b32[ORDER][ORDER], c32[ORDER][ORDER];
    double a64[ORDER][ORDER], b64[ORDER][ORDER], c64[ORDER][ORDER];
};

static void *setup_matrices(void)
{
    struct matrices *m = bench_allocate(sizeof *m);
    uint64_t seed = 12;
    for (unsigned i = 0; i < ORDER; i++) {
        for (unsigned j = 0; j < ORDER; j++) {
            m->a64[i][j] = (double)(bench_random(&seed) >> 40) / 65536;
            m->b64[i][j] = (double)(bench_random(&seed) >> 40) / 65536 - 100;
            m->a32[i][j] = (float)m->a64[i][j];
            m->b32[i][j] = (float)m->b64[i][j];
        }
    }
    return m;
}

// Row by row of b, as a vectorising compiler would want it.
#define PRODUCT(type, a, b, c)                   \
    for (unsigned i = 0; i < ORDER; i++) {       \
        for (unsigned j = 0; j < ORDER; j++)     \
            c[i][j] = 0;                         \
        for (unsigned k = 0; k < ORDER; k++) {   \
            type factor = a[i][k];               \
            for (unsigned j = 0; j < ORDER; j++) \
                c[i][j] += factor * b[k][j];     \
        }                                        \
    }

static uint64_t run_f32(void *state)
{
    struct matrices *m = state;
    BENCH_TOUCH(m);
    PRODUCT(float, m->a32, m->b32, m->c32)
    uint64_t sum = 0;
    for (unsigned i = 0; i < ORDER; i++)
        sum = bench_mix(sum, bits_of((double)m->c32[i][31 - i]));
    return sum;
}

static uint64_t run_f64(void *state)
{
    struct matrices *m = state;
    BENCH_TOUCH(m);
    PRODUCT(double, m->a64, m->b64, m->c64)
    uint64_t sum = 0;
    for (unsigned i = 0; i < ORDER; i++)
        sum = bench_mix(sum, bits_of(m->c64[i][31 - i]));
    return sum;
}

static uint64_t run_mix(void *state)
{
    (void)state;
    double x = 1.5;
    float y = 0.5f;
    int64_t sum = 0;
    for (int i = 1; i < 5000; i++) {
        x = x / 1.25 + (double)(i & 15);
        y = (float)(x * 0.5) + y / 3.0f;
        sum += (int64_t)(x * 100) + (int32_t)y + (x > (double)y);
        x = fmin(fabs(x), 1e6);
    }
    return bench_mix((uint64_t)sum, bits_of(x));
}

BENCH(nbody, .what = "500 steps of five bodies, f64", .run = run_nbody,
      .expected = 0x76ab4ae79491bcd1);
BENCH(mandelbrot, .what = "32 x 32 points, up to 50 steps, f64", .run = run_mandelbrot,
      .expected = 0x52d04e2e664fb3c5);
BENCH(matmul_f32, .what = "32 x 32 matrices, f32, scalar", .setup = setup_matrices, .run = run_f32,
      .expected = 0x819fa710823ad3cd);
BENCH(matmul_f64, .what = "32 x 32 matrices, f64, scalar", .setup = setup_matrices, .run = run_f64,
      .expected = 0xfdb7a6af40dfa0ca);
BENCH(fp_mix, .what = "5000 divisions, conversions, comparisons, f32 and f64", .run = run_mix,
      .expected = 0x24b0341fc20e01f3);
