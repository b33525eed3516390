// Damped Newton with bounds for 2NLL of HistFactory rates: LANES fits side by side, one in each lane of a vector. A lane
// that is done takes the next row, so no lane waits and no row depends on its neighbours. The algorithm, its constants
// and its reasons are those of spec_builder/inference/newton.py, which is the referee. But where rates are affine a last
// step is not looked at again that is sure to end within the goal: numpy looks at all of them.
#include "lanes.h"
#include "model.h"

#include <cstdlib>

// A part of the work, compiled by itself: what changes in one leaves the others' registers as they are.
#if defined(__GNUC__)
#define STAGE [[gnu::noinline]] static
#else
#define STAGE static
#endif

namespace {

const double EDM_GOAL = 1e-12;      // stop at this estimated distance to the minimum
const double EDM_VALID = 1e-10;     // a row whose last distance is above this is not valid,
const double EDM_ROUNDED = 1e-8;    // unless it is what rounding of the rates makes, and below this
const double ARMIJO = 1e-4, ROUNDING = 1e-12, SHRINK = 0.3, MARGIN = 0.99, LEAST_SCALE = 1e-12, SNAP = 1e-12;
const double SMALLEST = 2.3e-308;   // logarithm() wants normal numbers
const double LARGEST = 1e300;       // stands for 1 / 0
const double EPSILON = 0x1p-51;     // of a rate: its products and sums round a few times by 2^-53
const double EDM_PLAIN = 1e-3;      // up to this distance the rounding of a step, 1e-5 of it, leaves less than 1e-12
const double CANCELLED = 1e6;       // in a sum whose terms are so many times as large, rounding is looked at
const double LOST = 1e-10;          // a pivot below this part of its diagonal has lost most of its digits,
const double FLAT = 1e-13;          // and below this all of them
const int64_t LATE = 12;            // evaluations after which rounding is looked at
const double INFINITE = HUGE_VAL;
const int64_t TILE = 32;            // bins worked on together: a Jacobian of a dozen parameters stays in the nearest cache

// Whether two rows of four sums stay in registers: of 32 vectors, or of 16 where a number takes one and not two.
#if defined(__AVX512F__) || defined(__aarch64__)
const bool MANY_REGISTERS = true;
#else
const bool MANY_REGISTERS = LANES == 1;
#endif

INLINE int64_t lower_index(int64_t row, int64_t column) { return row * (row + 1) / 2 + column; }

// What the rows in work hold, each array as long as its comment says.
struct Work {
  const Model *m;
  const Rows *rows;
  Real *theta, *base, *step, *trial, *best;                 // parameters; free: accepted point, step, two scratches
  Real *gradient, *inverse, *column, *chain;                // free
  Real *fisher, *hessian, *factored;                        // lower triangles
  Truth *at_lower, *at_upper, *blocked;                     // free
  Real *numbers;                                            // 8 of each factor
  Real *factor, *first, *second;                            // factors and their derivatives
  Real *amplitude, *partial, *derivative, *group_slope;     // groups, slopes, slopes, groups
  Real *own;                                                // events that lanes have of their own
  Real *scaled;                                             // templates times their bin-by-bin parameters
  Real *rate, *per_rate, *weight, *bend, *spare;            // bins: nu, 1 / nu, dF/dnu, d2F/dnu2, a scratch
  Real *jacobian;                                           // dnu_b/dtheta_p of all bins if affine, else of a tile
  Real *window;                                             // it, of bin b at b * stride + p, p free, for the bins it holds
  int64_t stride;
  bool *steady;                                             // free: that column of the Jacobian is the same in all rows
  Real *observed, *counted, *auxiliary;                     // bins: with the barrier and without; constraints
  Real value, empty;                                        // 2NLL at theta, and what the barrier takes from it
  Truth plain;                                              // no bound is near and no pivot has lost its digits
  double least;                                             // number of the templates that all rows share, or 0
  bool barrier;                                             // some row so far has one
};

// Memory in one piece; measured first, handed out then.
struct Arena {
  char *next;
  Real *take(int64_t count) {
    char *here = next;
    next += sizeof(Real) * (size_t)(count > 0 ? count : 1);
    return (Real *)here;
  }
};

void lay_out(Work &k, Arena &arena) {
  const Model *m = k.m;
  const int64_t F = m->free, B = m->bins, triangle = F * (F + 1) / 2;
  k.theta = arena.take(m->parameters);
  k.base = arena.take(F);
  k.step = arena.take(F);
  k.trial = arena.take(F);
  k.best = arena.take(F);
  k.gradient = arena.take(F);
  k.inverse = arena.take(F);
  k.column = arena.take(F);
  k.chain = arena.take(F);
  k.fisher = arena.take(triangle);
  k.hessian = m->affine ? k.fisher : arena.take(triangle);
  k.factored = arena.take(triangle);
  k.at_lower = (Truth *)arena.take(F);
  k.at_upper = (Truth *)arena.take(F);
  k.blocked = (Truth *)arena.take(F);
  k.numbers = arena.take(8 * m->factors);
  k.factor = arena.take(m->factors);
  k.first = arena.take(m->factors);
  k.second = arena.take(m->factors);
  k.amplitude = arena.take(m->groups);
  k.group_slope = arena.take(m->groups);
  k.partial = arena.take(m->slopes);
  k.derivative = arena.take(m->slopes);
  k.own = arena.take(m->columns ? m->own_begin[m->columns] : 0);
  k.scaled = arena.take(m->vector_groups ? m->scaled_begin[m->vector_groups] : 0);
  k.rate = arena.take(B);
  k.per_rate = arena.take(B);
  k.weight = arena.take(B);
  k.bend = arena.take(B);
  k.spare = arena.take(B);
  k.stride = F | 1;  // odd, so that a column spreads over the cache
  k.jacobian = arena.take(k.stride * (m->affine || B < TILE ? B : TILE));
  k.steady = (bool *)arena.take((F + (int64_t)sizeof(Real) - 1) / (int64_t)sizeof(Real));
  k.observed = arena.take(B);
  k.counted = arena.take(B);
  k.auxiliary = arena.take(m->normals + m->poissons);
}

// ---------------------------------------------------------------------------------------------------- factors

enum FactorKind { IDENTITY, SQUARE, NORMSYS_CODE1, NORMSYS_CODE4, HISTOSYS_CODE0, HISTOSYS_CODE4P };

INLINE Real sign(const Real &x) { return select(x > 0.0, real(1.0), select(x < 0.0, real(-1.0), real(0.0))); }

// high^x for x > 0 and low^-x for x < 0; code 4 is a polynomial between -1 and 1
INLINE void normsys(Work &k, int64_t f, const Real &x, bool smooth) {
  const Real *c = k.numbers + 8 * f;
  Truth inside = smooth ? magnitude(x) < 1.0 : truth(false);
  Real value = real(1.0), first = value, second = value;
  if (smooth) {
    value = 1.0 + x * (c[2] + x * (c[3] + x * (c[4] + x * (c[5] + x * (c[6] + x * c[7])))));
    first = c[2] + x * (2.0 * c[3] + x * (3.0 * c[4] + x * (4.0 * c[5] + x * (5.0 * c[6] + x * (6.0 * c[7])))));
    second = 2.0 * c[3] + x * (6.0 * c[4] + x * (12.0 * c[5] + x * (20.0 * c[6] + x * (30.0 * c[7]))));
  }
  if (any(!inside)) {
    Real slope = select(x > 0.0, c[0], -c[1]);
    Real outside = exponential(x * slope);
    value = select(inside, value, outside);
    first = select(inside, first, outside * slope);
    second = select(inside, second, outside * slope * slope);
  }
  k.factor[f] = value;
  k.first[f] = first;
  k.second[f] = second;
}

INLINE void evaluate_factors(Work &k) {
  const Model *m = k.m;
  for (int64_t f = 0; f < m->factors; f++) {
    Real x = k.theta[m->factor_parameter[f]];
    switch (m->factor_kind[f]) {
      case IDENTITY:
        k.factor[f] = x;  // its derivatives stay as load_shared sets them
        break;
      case SQUARE:
        k.factor[f] = x * x;
        k.first[f] = 2.0 * x;
        k.second[f] = real(2.0);
        break;
      case NORMSYS_CODE1:
      case NORMSYS_CODE4:
        normsys(k, f, x, m->factor_kind[f] == NORMSYS_CODE4);
        break;
      case HISTOSYS_CODE0:
        k.factor[f] = magnitude(x);
        k.first[f] = sign(x);
        k.second[f] = real(0.0);
        break;
      default: {  // x^2 (15 - 10 x^2 + 3 x^4) / 8 between -1 and 1, |x| outside
        Truth inside = magnitude(x) < 1.0;
        Real q = select(inside, x * x, real(0.0));
        k.factor[f] = select(inside, q * (15.0 + q * (3.0 * q - 10.0)) * 0.125, magnitude(x));
        k.first[f] = select(inside, x * (30.0 + q * (18.0 * q - 40.0)) * 0.125, sign(x));
        k.second[f] = select(inside, (30.0 + q * (90.0 * q - 120.0)) * 0.125, real(0.0));
      }
    }
  }
}

// Sum of coefficient x factors over terms begin to before end.
INLINE Real evaluate_terms(const Work &k, int64_t begin, int64_t end) {
  const Model *m = k.m;
  Real total = real(0.0);
  for (int64_t t = begin; t < end; t++) {
    Real product = real(m->coefficient[t]);
    for (int64_t i = m->term_at[t]; i < m->term_at[t + 1]; i++) product = product * k.factor[m->term_factors[i]];
    total += product;
  }
  return total;
}

// A group's amplitude with every term's magnitude: what rounding is relative to.
INLINE Real evaluate_magnitudes(const Work &k, int64_t g) {
  const Model *m = k.m;
  const int64_t begin = m->group_terms_at[g], end = m->group_terms_at[g + 1];
  if (end == begin + 1) return magnitude(k.amplitude[g]);
  Real total = real(0.0);
  for (int64_t t = begin; t < end; t++) {
    Real product = real(m->coefficient[t]);
    for (int64_t i = m->term_at[t]; i < m->term_at[t + 1]; i++) product = product * k.factor[m->term_factors[i]];
    total += magnitude(product);
  }
  return total;
}

// ---------------------------------------------------------------------------------------------------- templates

enum Kind { SHARED, OWN, SCALED };  // the model's numbers; times a lane's own events; with bin-by-bin parameters

// Bins from first to before last, and those of a group that lie in a tile.
struct Stretch {
  int64_t first, last;
};
INLINE Stretch overlap(const Stretch &bins, const Stretch &tile) {
  return {bins.first > tile.first ? bins.first : tile.first, bins.last < tile.last ? bins.last : tile.last};
}
INLINE Stretch stretch(const Model *m, int64_t g, const Stretch &tile) {
  return overlap({m->group_first[g], m->group_last[g]}, tile);
}

// Templates of SIZE groups of the same bins, kind and column; number i of bin b.
template <int SIZE>
struct SharedTemplates {
  const double *numbers[SIZE];
  SharedTemplates(const Work &k, const int32_t *groups) {
    for (int i = 0; i < SIZE; i++) numbers[i] = k.m->numbers + k.m->group_begin[groups[i]] - k.m->group_first[groups[i]];
  }
  double operator()(int i, int64_t b) const { return numbers[i][b]; }
};
template <int SIZE>
struct OwnTemplates {
  const double *relative[SIZE];
  const Real *events;
  OwnTemplates(const Work &k, const int32_t *groups) {
    for (int i = 0; i < SIZE; i++) relative[i] = k.m->relative + k.m->group_begin[groups[i]] - k.m->group_first[groups[i]];
    events = k.own + k.m->group_own[groups[0]] - k.m->group_first[groups[0]];
  }
  Real operator()(int i, int64_t b) const { return relative[i][b] * events[b]; }
};
template <int SIZE>
struct ScaledTemplates {
  const Real *scaled[SIZE];
  ScaledTemplates(const Work &k, const int32_t *groups) {
    for (int i = 0; i < SIZE; i++) scaled[i] = k.scaled + k.m->group_begin[groups[i]] - k.m->group_first[groups[i]];
  }
  const Real &operator()(int i, int64_t b) const { return scaled[i][b]; }
};

// Several templates at once keep the processor busy and sums in registers.
template <int SIZE, typename Templates>
INLINE void add_templates(const Templates &templates, const Real *factors, const Stretch &bins, int64_t reached, Real *to,
                          int64_t stride) {
  int64_t b = bins.first;
  for (; b < bins.last && b < reached; b++) {
    Real sum = to[b * stride];
    for (int i = 0; i < SIZE; i++) sum += templates(i, b) * factors[i];
    to[b * stride] = sum;
  }
  for (; b < bins.last; b++) {
    Real sum = templates(0, b) * factors[0];
    for (int i = 1; i < SIZE; i++) sum += templates(i, b) * factors[i];
    to[b * stride] = sum;
  }
}

template <int SIZE, typename Templates>
INLINE void sum_templates(const Templates &templates, const Real *over, const Stretch &bins, Real *sums) {
  for (int64_t b = bins.first; b < bins.last; b++) {
    Real weight = over[b];
    for (int i = 0; i < SIZE; i++) sums[i] += templates(i, b) * weight;
  }
}

// to[b * stride] += sum over groups of template[b] x factor in bins before the one that others have reached, and = from there
template <int SIZE>
INLINE void add_groups(const Work &k, const int32_t *groups, const Real *factors, const Stretch &bins, int64_t reached, Real *to,
                       int64_t stride) {
  const int32_t kind = k.m->group_kind[groups[0]];
  if (kind == SHARED)
    add_templates<SIZE>(SharedTemplates<SIZE>(k, groups), factors, bins, reached, to, stride);
  else if (kind == OWN)
    add_templates<SIZE>(OwnTemplates<SIZE>(k, groups), factors, bins, reached, to, stride);
  else
    add_templates<SIZE>(ScaledTemplates<SIZE>(k, groups), factors, bins, reached, to, stride);
}

// Adds sums over bins of the templates x weight.
template <int SIZE>
INLINE void sum_groups(Work &k, const int32_t *groups, const Stretch &bins) {
  Real sums[SIZE];
  for (int i = 0; i < SIZE; i++) sums[i] = k.group_slope[groups[i]];
  const int32_t kind = k.m->group_kind[groups[0]];
  if (kind == SHARED)
    sum_templates<SIZE>(SharedTemplates<SIZE>(k, groups), k.weight, bins, sums);
  else if (kind == OWN)
    sum_templates<SIZE>(OwnTemplates<SIZE>(k, groups), k.weight, bins, sums);
  else
    sum_templates<SIZE>(ScaledTemplates<SIZE>(k, groups), k.weight, bins, sums);
  for (int i = 0; i < SIZE; i++) k.group_slope[groups[i]] = sums[i];
}

// Template of a group with bin-by-bin parameters, times all of them but up to two.
INLINE Real scaled_but(const Work &k, int64_t i, int64_t bin, int64_t but, int64_t nor) {
  const Model *m = k.m;
  const int64_t g = m->vector_group[i], b = bin - m->group_first[g];
  const double *numbers = m->vector_own[i] ? m->relative : m->numbers;
  Real product = real(numbers[m->vector_template[i] + b]);
  if (m->vector_own[i]) product = product * k.own[m->group_own[g] + b];
  for (int64_t j = m->vectors_at[i]; j < m->vectors_at[i + 1]; j++) {
    const int32_t p = m->vector_parameter[m->vectors[j] * m->bins + bin];
    if (p >= 0 && j != but && j != nor) product = product * k.theta[p];
  }
  return product;
}

INLINE void evaluate_scaled(Work &k) {
  const Model *m = k.m;
  for (int64_t i = 0; i < m->vector_groups; i++) {
    const int64_t g = m->vector_group[i], first = m->group_first[g], last = m->group_last[g];
    for (int64_t b = first; b < last; b++) k.scaled[m->scaled_begin[i] + b - first] = scaled_but(k, i, b, -1, -1);
  }
}

// Slopes of the rates in bin-by-bin parameters, for Jacobian and gradient.
STAGE void add_vector_slopes(Work &k, const Stretch &tile) {
  const Model *m = k.m;
  for (int64_t i = 0; i < m->vector_groups; i++) {
    const int64_t g = m->vector_group[i];
    const Stretch bins = stretch(m, g, tile);
    for (int64_t j = m->vectors_at[i]; j < m->vectors_at[i + 1]; j++) {
      for (int64_t b = bins.first; b < bins.last; b++) {
        const int32_t p = m->vector_free[m->vectors[j] * m->bins + b];
        if (p < 0) continue;
        Real slope = k.amplitude[g] * scaled_but(k, i, b, j, -1);
        k.window[b * k.stride + p] += slope;
        k.gradient[p] += k.weight[b] * slope;
      }
    }
  }
}

INLINE void add_to_hessian(Work &k, int64_t p, int64_t q, const Real &mixed) {
  if (p == q)
    k.hessian[lower_index(p, q)] += 2.0 * mixed;
  else
    k.hessian[p > q ? lower_index(p, q) : lower_index(q, p)] += mixed;
}

// Second derivatives of the rates in a bin-by-bin parameter and another one.
INLINE void add_vector_bends(Work &k) {
  const Model *m = k.m;
  for (int64_t i = 0; i < m->vector_groups; i++) {
    const int64_t g = m->vector_group[i];
    for (int64_t j = m->vectors_at[i]; j < m->vectors_at[i + 1]; j++) {
      for (int64_t b = m->group_first[g]; b < m->group_last[g]; b++) {
        const int32_t p = m->vector_free[m->vectors[j] * m->bins + b];
        if (p < 0) continue;
        Real slope = k.weight[b] * scaled_but(k, i, b, j, -1);
        for (int64_t s = m->group_slopes_at[g]; s < m->group_slopes_at[g + 1]; s++)
          add_to_hessian(k, p, m->slope_free[s], slope * k.derivative[s]);
        for (int64_t other = j + 1; other < m->vectors_at[i + 1]; other++) {
          const int32_t q = m->vector_free[m->vectors[other] * m->bins + b];
          if (q >= 0) add_to_hessian(k, p, q, k.weight[b] * k.amplitude[g] * scaled_but(k, i, b, j, other));
        }
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------- 2NLL

// Whether a slope is a number, whatever the row and its parameters.
INLINE bool is_constant(const Model *m, int64_t s) {
  return m->affine && m->term_at[m->slope_terms_at[s]] == m->term_at[m->slope_terms_at[s + 1]];
}

// Amplitudes of the groups, and their derivatives.
STAGE void evaluate_amplitudes(Work &k) {
  const Model *m = k.m;
  evaluate_factors(k);
  evaluate_scaled(k);
  for (int64_t g = 0; g < m->groups; g++) {
    k.amplitude[g] = evaluate_terms(k, m->group_terms_at[g], m->group_terms_at[g + 1]);
    k.group_slope[g] = real(0.0);
  }
  for (int64_t s = 0; s < m->slopes; s++) {
    if (is_constant(m, s)) continue;
    k.partial[s] = evaluate_terms(k, m->slope_terms_at[s], m->slope_terms_at[s + 1]);
    k.derivative[s] = m->affine ? k.partial[s] : k.partial[s] * k.first[m->slope_factor[s]];
  }
}

template <int SIZE>
INLINE void add_amplitudes(Work &k, const int32_t *groups, const Stretch &bins, int64_t reached) {
  Real amplitudes[SIZE];
  for (int i = 0; i < SIZE; i++) amplitudes[i] = k.amplitude[groups[i]];
  add_groups<SIZE>(k, groups, amplitudes, bins, reached, k.rate, 1);
}

STAGE void evaluate_rates(Work &k, const Stretch &tile) {
  const Model *m = k.m;
  int64_t reached = tile.first;
  for (int64_t i = 0; i < m->sums; i++) {
    const int32_t *groups = m->sum_groups + 4 * i;
    const Stretch bins = stretch(m, groups[0], tile);
    if (bins.first >= bins.last) continue;
    if (m->sum_size[i] == 4)
      add_amplitudes<4>(k, groups, bins, reached);
    else if (m->sum_size[i] == 2)
      add_amplitudes<2>(k, groups, bins, reached);
    else
      add_amplitudes<1>(k, groups, bins, reached);
    if (bins.last > reached) reached = bins.last;
  }
}

// Poisson term of a bin: value, and derivatives in the rate.
INLINE void add_bin(Work &k, int64_t b, const Real &rate, const Real &count, Real &total) {
  Real log, inverse;
  logarithm(rate, log, inverse);
  k.per_rate[b] = inverse;
  Real ratio = count * inverse;
  total += k.rate[b] - count * log;
  if (k.barrier) k.empty += 2.0 * (count - k.counted[b]) * log;
  k.weight[b] = 2.0 - 2.0 * ratio;
  k.bend[b] = 2.0 * ratio * inverse;
}

// Adds the terms of a tile to value, which is infinite where a rate is not possible.
STAGE void evaluate_counts(Work &k, const Stretch &tile) {
  Real least = real(INFINITE), total = real(0.0);
  for (int64_t b = tile.first; b < tile.last; b++) least = minimum(k.rate[b], least);
  if (!any(!(least > SMALLEST))) {
    for (int64_t b = tile.first; b < tile.last; b++) add_bin(k, b, k.rate[b], k.observed[b], total);
    k.value += 2.0 * total;
    return;
  }
  Truth impossible = truth(false);
  for (int64_t b = tile.first; b < tile.last; b++) {
    Real rate = k.rate[b];
    Truth positive = rate > SMALLEST;
    Truth nothing = !positive & (k.observed[b] <= 0.0) & (rate >= 0.0);  // no rate and no count: adds nothing
    impossible = impossible | (!positive & !nothing);
    add_bin(k, b, select(positive, rate, real(1.0)), select(nothing, real(0.0), k.observed[b]), total);
    k.per_rate[b] = select(positive, k.per_rate[b], real(LARGEST));  // no step may lower it
  }
  k.value += select(impossible, real(INFINITE), 2.0 * total);
}

// Constraint terms, with which value, gradient and Fisher part begin.
STAGE void evaluate_constraints(Work &k) {
  const Model *m = k.m;
  const int64_t F = m->free;
  k.value = k.empty = real(0.0);
  for (int64_t p = 0; p < F; p++) k.gradient[p] = real(0.0);
  for (int64_t j = 0; j < F; j++) {
    k.fisher[lower_index(j, j)] = real(m->stiffness[j]);
    for (int64_t a = m->column_at[j]; a < m->column_at[j + 1]; a++) k.fisher[lower_index(m->column_rows[a], j)] = real(0.0);
  }
  for (int64_t i = 0; i < m->normals; i++) {
    const double weight = m->normal_weight[i];
    Real pull = k.theta[m->normal_parameter[i]] - k.auxiliary[m->normal_datum[i]];
    k.value += weight * pull * pull;
    const int32_t p = m->normal_free[i];
    if (p >= 0) k.gradient[p] += (2 * weight) * pull;
  }
  for (int64_t i = 0; i < m->poissons; i++) {
    const double scale = m->poisson_scale[i];
    Real x = k.theta[m->poisson_parameter[i]], datum = k.auxiliary[m->poisson_datum[i]];
    Real mean = scale * x, log, inverse;
    logarithm(mean, log, inverse);
    k.value += 2.0 * (mean - datum * log);
    const int32_t p = m->poisson_free[i];
    if (p < 0) continue;
    Real ratio = scale * datum * inverse;
    k.gradient[p] += 2.0 * (scale - ratio);
    k.fisher[lower_index(p, p)] += 2.0 * scale * ratio * inverse;
  }
}

template <int SIZE>
INLINE void add_derivatives(Work &k, const int32_t *slopes, const Stretch &bins, int64_t reached) {
  const Model *m = k.m;
  int32_t groups[SIZE];
  Real derivatives[SIZE];
  for (int i = 0; i < SIZE; i++) {
    groups[i] = m->slope_group[slopes[i]];
    derivatives[i] = k.derivative[slopes[i]];
  }
  add_groups<SIZE>(k, groups, derivatives, bins, reached, k.window + m->slope_free[slopes[0]], k.stride);
}

// Columns of the Jacobian dnu_b/dtheta_p: those that are the same in all rows, or the others.
STAGE void evaluate_jacobian(Work &k, const Stretch &tile, bool steady) {
  const Model *m = k.m;
  const bool vectors = m->vector_groups > 0;
  for (int64_t p = 0; p < m->free && vectors; p++) {
    if (k.steady[p] != steady) continue;
    const Stretch bins = overlap({m->free_first[p], m->free_last[p]}, tile);
    for (int64_t b = bins.first; b < bins.last; b++) k.window[b * k.stride + p] = real(0.0);
  }
  int64_t p = -1, reached = 0;
  for (int64_t i = 0; i < m->parcels; i++) {
    const int32_t *slopes = m->parcel_slopes + 4 * i;
    if (k.steady[m->slope_free[slopes[0]]] != steady) continue;
    const Stretch bins = stretch(m, m->slope_group[slopes[0]], tile);
    if (bins.first >= bins.last) continue;
    if (m->slope_free[slopes[0]] != p) {
      p = m->slope_free[slopes[0]];
      reached = vectors ? tile.last : tile.first;
    }
    if (m->parcel_size[i] == 4)
      add_derivatives<4>(k, slopes, bins, reached);
    else if (m->parcel_size[i] == 2)
      add_derivatives<2>(k, slopes, bins, reached);
    else
      add_derivatives<1>(k, slopes, bins, reached);
    if (bins.last > reached) reached = bins.last;
  }
}

// Sums of dF/dnu over templates.
STAGE void evaluate_sums(Work &k, const Stretch &tile) {
  const Model *m = k.m;
  for (int64_t i = 0; i < m->sums; i++) {
    const int32_t *groups = m->sum_groups + 4 * i;
    const Stretch bins = stretch(m, groups[0], tile);
    if (bins.first >= bins.last) continue;
    if (m->sum_size[i] == 4)
      sum_groups<4>(k, groups, bins);
    else if (m->sum_size[i] == 2)
      sum_groups<2>(k, groups, bins);
    else
      sum_groups<1>(k, groups, bins);
  }
}

// Gradient from the sums of the groups. A group has one sum for all its parameters: with a signal of 1e10 events that its
// uncertainties pull to zero, rounding of separate sums would hide the slope.
STAGE void evaluate_gradient(Work &k) {
  const Model *m = k.m;
  for (int64_t s = 0; s < m->slopes; s++) k.gradient[m->slope_free[s]] += k.group_slope[m->slope_group[s]] * k.derivative[s];
}

// Fisher entries of ROWS rows and SIZE columns of the triangle: what is loaded is used several times, and several sums at
// once keep the processor busy.
template <int ROWS, int SIZE>
INLINE void add_block(Work &k, int64_t p, int64_t column, const Stretch &bins) {
  Real sums[ROWS][SIZE];
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < SIZE; i++) sums[r][i] = real(0.0);
  for (int64_t b = bins.first; b < bins.last; b++) {
    const Real *slopes = k.window + b * k.stride;
    Real bent[ROWS];
    for (int r = 0; r < ROWS; r++) bent[r] = k.bend[b] * slopes[p + r];
    for (int i = 0; i < SIZE; i++) {
      const Real slope = slopes[column + i];
      for (int r = 0; r < ROWS; r++) sums[r][i] += bent[r] * slope;
    }
  }
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < SIZE; i++)
      if (column + i <= p + r) k.fisher[lower_index(p + r, column + i)] += sums[r][i];
}

template <int ROWS>
INLINE void add_block(Work &k, int64_t p, int64_t column, int64_t size, const Stretch &bins) {
  if (size == 4)
    add_block<ROWS, 4>(k, p, column, bins);
  else if (size == 3)
    add_block<ROWS, 3>(k, p, column, bins);
  else if (size == 2)
    add_block<ROWS, 2>(k, p, column, bins);
  else
    add_block<ROWS, 1>(k, p, column, bins);
}

STAGE void evaluate_fisher(Work &k, const Stretch &tile) {
  const Model *m = k.m;
  for (int64_t i = 0; i < m->blocks; i++) {
    const Stretch bins = overlap({m->block_first[i], m->block_last[i]}, tile);
    if (bins.first >= bins.last) continue;
    const int64_t p = m->block_row[i], column = m->block_column[i], size = m->block_size[i];
    if (MANY_REGISTERS && m->block_rows[i] == 2) {
      add_block<2>(k, p, column, size, bins);
      continue;
    }
    for (int64_t row = p; row < p + m->block_rows[i]; row++) {
      const int64_t left = row + 1 - column;  // columns of the triangle
      add_block<1>(k, row, column, size < left ? size : left, bins);
    }
  }
}

// The whole Hessian: the Fisher part and the second derivatives of the rates.
STAGE void evaluate_hessian(Work &k) {
  const Model *m = k.m;
  const int64_t F = m->free;
  for (int64_t j = 0; j < F; j++) {
    k.hessian[lower_index(j, j)] = k.fisher[lower_index(j, j)];
    for (int64_t a = m->column_at[j]; a < m->column_at[j + 1]; a++) {
      const int64_t at = lower_index(m->column_rows[a], j);
      k.hessian[at] = k.fisher[at];
    }
  }
  for (int64_t s = 0; s < m->slopes; s++) {
    const int64_t g = m->slope_group[s], p = m->slope_free[s];
    if (m->slope_bends[s]) k.hessian[lower_index(p, p)] += k.group_slope[g] * (k.partial[s] * k.second[m->slope_factor[s]]);
  }
  for (int64_t i = 0; i < m->bends; i++) {
    Real part = evaluate_terms(k, m->bend_terms_at[i], m->bend_terms_at[i + 1]);
    Real mixed = part * k.first[m->bend_factor[i]] * k.first[m->bend_other[i]];
    add_to_hessian(k, m->bend_row[i], m->bend_column[i], k.group_slope[m->bend_group[i]] * mixed);
  }
  add_vector_bends(k);
}

INLINE Stretch tile_at(const Model *m, int64_t b) { return {b, b + TILE < m->bins ? b + TILE : m->bins}; }

INLINE void evaluate(Work &k) {
  const Model *m = k.m;
  evaluate_amplitudes(k);
  evaluate_constraints(k);
  for (int64_t b = 0; b < m->bins; b += TILE) {
    const Stretch tile = tile_at(m, b);
    evaluate_rates(k, tile);
    evaluate_counts(k, tile);
    evaluate_sums(k, tile);
    k.window = k.jacobian - (m->affine ? 0 : tile.first * k.stride);
    evaluate_jacobian(k, tile, false);
    add_vector_slopes(k, tile);
    evaluate_fisher(k, tile);
  }
  evaluate_gradient(k);
  if (!m->affine) evaluate_hessian(k);
}

// What rounding of the rates can make of the estimated distance. With rates off by e m_b, m_b the sum of the magnitudes
// of their parts, the gradient is off by J^T C e m, and g^T H^-1 g / 2 <= sum_b C_b (e m_b)^2 / 2, as H >= J^T C J.
// Infinite where a rate with a count is not known at all.
STAGE Real rounding(Work &k) {
  const Model *m = k.m;
  Real *size = k.spare;
  for (int64_t b = 0; b < m->bins; b++) size[b] = real(0.0);
  for (int64_t g = 0; g < m->groups; g++) {
    Real amplitude = evaluate_magnitudes(k, g);
    const int64_t first = m->group_first[g], last = m->group_last[g];
    for (int64_t b = first; b < last; b++) {
      const int64_t i = m->group_begin[g] + b - first;
      Real part = m->group_kind[g] == SHARED ? real(m->numbers[i])
                  : m->group_kind[g] == OWN  ? m->relative[i] * k.own[m->group_own[g] + b - first]
                                             : k.scaled[i];
      size[b] += magnitude(part) * amplitude;
    }
  }
  Real sum = real(0.0);
  Truth unknown = truth(false);
  for (int64_t b = 0; b < m->bins; b++) {
    Real error = EPSILON * size[b];
    sum += k.bend[b] * error * error;
    unknown = unknown | ((k.observed[b] > 0.0) & (error >= k.rate[b]));
  }
  return select(unknown, real(INFINITE), 0.5 * sum);
}

// What rounding makes of the distance at most. Where no part of a rate is negative and no amplitude is less than a part
// in CANCELLED of its terms, the rates' parts are up to so many times the rates, and the counts alone say it.
STAGE Real rounding_at_most(Work &k, const Truth &asked) {
  const Model *m = k.m;
  Real room = real(k.least), counts = real(0.0);
  for (int64_t g = 0; g < m->groups; g++) {
    Real terms = evaluate_magnitudes(k, g);
    room = minimum(CANCELLED * k.amplitude[g] - terms, room);
  }
  if (!any(asked & (room >= 0.0))) return rounding(k);
  for (int64_t g = 0; g < m->groups; g++) {
    for (int64_t b = 0; m->group_kind[g] == OWN && b < m->group_last[g] - m->group_first[g]; b++)
      room = minimum(m->relative[m->group_begin[g] + b] * k.own[m->group_own[g] + b], room);
  }
  for (int64_t b = 0; b < m->bins; b++) counts += k.observed[b];
  Truth sound = room >= 0.0;
  Real most = counts * (EPSILON * CANCELLED * EPSILON * CANCELLED);
  return any(asked & !sound) ? select(sound, most, rounding(k)) : most;
}

// ---------------------------------------------------------------------------------------------------- Newton steps

// What constraints leave of pivot j at least. Pivot j is x^T H x with x = row j of the inverse of L, and H is never
// below its constraints. Where a signal of 1e10 events has two uncertainties, all digits of the second pivot are lost
// but for this: a pivot that is too small makes steps that overshoot, and the row never settles.
INLINE Real least_pivot(Work &k, const double *stiffness, int64_t j) {
  Real *x = k.chain;
  x[j] = real(1.0);
  Real sum = real(stiffness[j]);
  for (int64_t i = j - 1; i >= 0; i--) {
    Real entry = real(0.0);
    for (int64_t n = i + 1; n <= j; n++) entry -= k.factored[lower_index(n, i)] * x[n];
    x[i] = entry;
    sum += stiffness[i] * entry * entry;
  }
  return sum;
}

// Solves H x = -g by L D L^T, blocked directions left out (inside: none is); stiffness: of the constraints, or none where
// H may be less. Entries that are zero whatever the rates are stay untouched. CAREFUL mends pivots that have lost their
// digits, and says which lanes' matrices are positive definite; else it says which lanes have such pivots.
template <bool CAREFUL>
INLINE Truth solve(Work &k, const Real *matrix, const double *stiffness, bool inside, Real *x) {
  const Model *m = k.m;
  const int64_t F = m->free;
  const int32_t *at = m->column_at, *rows = m->column_rows;
  Real *h = k.factored;
  Truth lost = truth(false), definite = truth(true);
  for (int64_t j = 0; j < F; j++) {
    const int64_t d = lower_index(j, j);
    x[j] = inside ? -k.gradient[j] : select(k.blocked[j], real(0.0), -k.gradient[j]);
    h[d] = inside ? matrix[d] : select(k.blocked[j], real(1.0), matrix[d]);
    k.inverse[j] = magnitude(h[d]);  // the diagonal, until the pivot takes its place
    for (int32_t a = at[j]; a < at[j + 1]; a++) {
      const int64_t i = rows[a], e = lower_index(i, j);
      h[e] = inside ? matrix[e] : select(k.blocked[i] | k.blocked[j], real(0.0), matrix[e]);
    }
  }
  for (int64_t j = 0; j < F; j++) {
    Real diagonal = k.inverse[j];
    const double least = stiffness ? stiffness[j] : 0.0;
    Real pivot = least > 0.0 ? maximum(h[lower_index(j, j)], real(least)) : h[lower_index(j, j)];
    Truth small = pivot <= LOST * diagonal;
    if (!CAREFUL) {
      lost = lost | small;
    } else if (any(small)) {
      if (stiffness) pivot = select(small, maximum(pivot, least_pivot(k, stiffness, j)), pivot);
      Real floor = least == 0.0 ? FLAT * diagonal : real(0.0);
      Truth good = pivot > floor;
      // a direction in which neither slope nor curvature is left is flat: stay where it is
      Truth flat = !good & (pivot >= -floor) & (x[j] * x[j] <= EDM_GOAL * diagonal);
      x[j] = select(flat, real(0.0), x[j]);
      definite = definite & (good | flat);
      pivot = select(good, pivot, real(1.0));
    }
    Real inverse = 1.0 / pivot;
    k.inverse[j] = inverse;
    for (int32_t a = at[j]; a < at[j + 1]; a++) {
      const int64_t i = rows[a];
      Real *row = h + lower_index(i, 0);
      Real above = row[j], part = above * inverse;
      for (int32_t c = at[j]; c < a; c++) row[rows[c]] -= part * k.column[c - at[j]];
      row[i] -= part * above;
      k.column[a - at[j]] = above;
      row[j] = part;
      x[i] -= part * x[j];
    }
  }
  for (int64_t j = F - 1; j >= 0; j--) {
    Real sum = x[j] * k.inverse[j];
    for (int32_t a = at[j + 1] - 1; a >= at[j]; a--) sum -= h[lower_index(rows[a], j)] * x[rows[a]];  // the newest last
    x[j] = sum;
  }
  return CAREFUL ? definite : lost;
}

STAGE Truth solve_carefully(Work &k, const Real *matrix, const double *stiffness, bool inside, Real *x) {
  return solve<true>(k, matrix, stiffness, inside, x);
}

// Where rates are affine pivots are seldom lost; lanes that keep theirs get the same numbers either way.
INLINE Truth solve(Work &k, const Real *matrix, const double *stiffness, bool inside, Real *x) {
  if (!k.m->affine) return solve_carefully(k, matrix, stiffness, inside, x);
  Truth lost = solve<false>(k, matrix, stiffness, inside, x);
  if (!any(lost)) return !lost;
  k.plain = k.plain & !lost;
  return solve_carefully(k, matrix, stiffness, inside, x);
}

// Newton step x over the directions that the bounds leave free, and its estimated distance.
STAGE Real direction(Work &k, Real *x) {
  const Model *m = k.m;
  const int64_t F = m->free;
  Real room = real(INFINITE);
  for (int64_t p = 0; p < F; p++) room = minimum(k.base[p] - m->lower[p], minimum(m->upper[p] - k.base[p], room));
  Truth edge = room <= 0.0;
  const bool inside = !any(edge);
  k.plain = !edge;
  for (int64_t p = 0; p < F && !inside; p++) {
    k.at_lower[p] = k.base[p] <= m->lower[p];
    k.at_upper[p] = k.base[p] >= m->upper[p];
    k.blocked[p] = (k.at_lower[p] & (k.gradient[p] > 0.0)) | (k.at_upper[p] & (k.gradient[p] < 0.0));
  }
  Truth definite;
  while (true) {
    definite = solve(k, k.hessian, m->affine ? m->stiffness : nullptr, inside, x);
    if (!m->affine && any(!definite)) {
      for (int64_t p = 0; p < F; p++) k.best[p] = x[p];
      solve_carefully(k, k.fisher, m->stiffness, inside, x);
      for (int64_t p = 0; p < F; p++) x[p] = select(definite, k.best[p], x[p]);
    }
    if (inside) break;
    Truth more = truth(false);
    for (int64_t p = 0; p < F; p++) {
      Truth outward = ((k.at_lower[p] & (x[p] < 0.0)) | (k.at_upper[p] & (x[p] > 0.0))) & !k.blocked[p];
      k.blocked[p] = k.blocked[p] | outward;
      more = more | outward;
    }
    if (!any(more)) break;
  }
  Real product = real(0.0);
  for (int64_t p = 0; p < F; p++) product += (inside ? k.gradient[p] : select(k.blocked[p], real(0.0), k.gradient[p])) * x[p];
  Real distance = magnitude(0.5 * product);
  // away from a region where the Hessian is positive the distance has no meaning yet
  return select(definite, distance, maximum(distance, real(2 * EDM_VALID)));
}

// Largest part of the step, at most 1, that stays within the bounds.
STAGE Real reach(Work &k) {
  const Model *m = k.m;
  const int64_t F = m->free;
  Real part = real(1.0);
  Real room = real(INFINITE);
  for (int64_t p = 0; p < F; p++) {
    Real end = k.base[p] + k.step[p];
    room = minimum(end - m->lower[p], minimum(m->upper[p] - end, room));
  }
  if (!any(room < 0.0)) return part;
  for (int64_t p = 0; p < F; p++) {
    Real step = k.step[p], end = k.base[p] + step;
    Truth outside = (end < m->lower[p]) | (end > m->upper[p]);
    Real way = select(step > 0.0, m->upper[p] - k.base[p], m->lower[p] - k.base[p]);
    part = select(outside, minimum(part, way / step), part);
  }
  return part;
}

// What a whole step does where rates are affine: nu_b becomes (1 + x_b) nu_b.
struct Ahead {
  Real least;     // of all x_b
  Real distance;  // what is left to the minimum, at most
  Real fall;      // of 2NLL beyond the estimated distance
  Real empty;     // of what the barrier takes from it
};

// Adds what steps of SIZE parameters that the same bins feel change in the rates.
template <int SIZE>
INLINE int64_t add_steps(const Work &k, int64_t p, Real *change) {
  Real steps[SIZE];
  for (int i = 0; i < SIZE; i++) steps[i] = k.step[p + i];
  for (int64_t b = k.m->free_first[p]; b < k.m->free_last[p]; b++) {
    const Real *slopes = k.window + b * k.stride + p;
    Real sum = change[b];
    for (int i = 0; i < SIZE; i++) sum += slopes[i] * steps[i];
    change[b] = sum;
  }
  return SIZE;
}

// The slope after a whole step is J^T w with w_b = -2 d_b / nu_b x_b^2 / (1 + x_b), as the step makes that of the
// parabola zero; and there H >= J^T C J with C_b = 2 d_b / (nu_b (1 + x_b))^2. So g^T H^-1 g / 2 <= sum w_b^2 / C_b / 2,
// which is sum d_b x_b^4. 2NLL falls by the distance and 2 sum d_b (x_b^3 / 3 - x_b^4 / 4 + ...).
STAGE Ahead look_ahead(Work &k) {
  const Model *m = k.m;
  Real *change = k.spare;
  for (int64_t b = 0; b < m->bins; b++) change[b] = real(0.0);
  for (int64_t p = 0; p < m->free;) {
    int64_t size = 1;
    while (p + size < m->free && m->free_first[p + size] == m->free_first[p] && m->free_last[p + size] == m->free_last[p]) size++;
    if (size >= 4)
      p += add_steps<4>(k, p, change);
    else if (size >= 2)
      p += add_steps<2>(k, p, change);
    else
      p += add_steps<1>(k, p, change);
  }
  Ahead ahead{real(0.0), real(0.0), real(0.0), real(0.0)};
  for (int64_t b = 0; b < m->bins; b++) {
    Real x = change[b] * k.per_rate[b], square = x * x, counted = k.observed[b] * square;
    ahead.least = minimum(x, ahead.least);
    ahead.distance += counted * square;
    ahead.fall += counted * x;
    if (k.barrier) ahead.empty += (k.observed[b] - k.counted[b]) * (x - square * (0.5 - x * (1.0 / 3.0)));
  }
  ahead.fall = ahead.fall * (2.0 / 3.0);
  ahead.empty = 2.0 * ahead.empty;
  return ahead;
}

// ---------------------------------------------------------------------------------------------------- rows

// A number of a row.
INLINE double read(const Column &column, int64_t i, int64_t row) { return column.data[i * column.step + row * column.row]; }

// What rows that come later will want: they lie in more columns than processors foresee. Numbers of eight rows that lie
// together are fetched at once.
INLINE void fetch(const Column &column, int64_t count, int64_t row) {
  if (column.row == 0 || (column.row == 1 && row % 8)) return;
  for (int64_t i = 0; i < count; i++) FETCH(column.data + i * column.step + (row + 16) * column.row);
}

// What all rows share, in every lane; the columns of the Jacobian that only depend on it.
void load_shared(Work &k) {
  const Model *m = k.m;
  const Rows *rows = k.rows;
  for (int64_t i = 0; i < 8 * m->factors; i++) k.numbers[i] = real(m->factor_numbers[i]);
  for (int64_t f = 0; f < m->factors; f++) {
    k.first[f] = real(1.0);
    k.second[f] = real(0.0);
  }
  k.least = m->vector_groups ? -INFINITE : 0.0;
  for (int64_t g = 0; g < m->groups; g++)
    for (int64_t b = 0; m->group_kind[g] == SHARED && b < m->group_last[g] - m->group_first[g]; b++)
      k.least = std::fmin(k.least, m->numbers[m->group_begin[g] + b]);
  for (int64_t b = 0; b < m->bins; b++) {
    const double count = read(rows->observed, b, 0);
    const double least = read(rows->barrier, b, 0);
    k.barrier = k.barrier || count < least;
    k.counted[b] = real(count);
    k.observed[b] = real(count < least ? least : count);
  }
  for (int64_t i = 0; i < m->normals + m->poissons; i++) k.auxiliary[i] = real(read(rows->auxiliary, i, 0));
  for (int64_t p = 0; p < m->free; p++) k.steady[p] = m->affine && !m->vector_groups;
  for (int64_t s = 0; s < m->slopes; s++) {
    if (is_constant(m, s)) k.partial[s] = k.derivative[s] = evaluate_terms(k, m->slope_terms_at[s], m->slope_terms_at[s + 1]);
    if (!is_constant(m, s) || m->group_kind[m->slope_group[s]] != SHARED) k.steady[m->slope_free[s]] = false;
  }
  k.window = k.jacobian;
  for (int64_t b = 0; b < m->bins && m->affine; b += TILE) evaluate_jacobian(k, tile_at(m, b), true);
}

// Puts what a row has of its own into a lane.
void load(Work &k, const Result &result, int64_t row, int l) {
  const Model *m = k.m;
  const Rows *rows = k.rows;
  const Column start{result.theta, rows->stride, 1};
  fetch(start, m->parameters, row);
  for (int64_t i = 0; i < m->parameters; i++) k.theta[i].v[l] = read(start, i, row);
  if (rows->observed.row || rows->barrier.row) {
    fetch(rows->observed, m->bins, row);
    fetch(rows->barrier, m->bins, row);
    for (int64_t b = 0; b < m->bins; b++) {
      const double count = read(rows->observed, b, row), least = read(rows->barrier, b, row);
      k.barrier = k.barrier || count < least;
      k.counted[b].v[l] = count;
      k.observed[b].v[l] = count < least ? least : count;
    }
  }
  if (rows->auxiliary.row) {
    fetch(rows->auxiliary, m->normals + m->poissons, row);
    for (int64_t i = 0; i < m->normals + m->poissons; i++) k.auxiliary[i].v[l] = read(rows->auxiliary, i, row);
  }
  for (int64_t f = 0; f < m->factors; f++) {
    if (m->factor_column[f] < 0) continue;
    const Column &column = rows->columns[m->factor_column[f]];
    fetch(column, 8, row);
    for (int64_t i = 0; i < 8; i++) k.numbers[8 * f + i].v[l] = read(column, i, row);
  }
  for (int64_t c = 0; c < m->columns; c++) {
    const Column &column = rows->columns[m->own_column[c]];
    const int64_t first = m->own_first[c], last = m->own_last[c];
    fetch({column.data + first * column.step, column.step, column.row}, last - first, row);
    Real *events = k.own + m->own_begin[c];
    for (int64_t b = first; b < last; b++) events[b - first].v[l] = read(column, b, row);
  }
}

// Rows that a thread takes at a time: a part of what is left, so that threads seldom meet at the edges of results, and few
// at last, so that all end together.
const int64_t PART = 8, FEW = 16;

// The next row for a lane, or -1 when all are taken.
struct Queue {
  const Rows *rows;
  int64_t next, last;
  int64_t take() {
    if (next == last) {
      next = rows->next->load(std::memory_order_relaxed);
      do {
        const int64_t left = rows->count - next, part = left / PART > FEW ? left / PART : FEW;
        last = next + (part < left ? part : left);
      } while (!rows->next->compare_exchange_weak(next, last, std::memory_order_relaxed));
      if (next == last) return -1;
    }
    return next++;
  }
};

void run(Work &k, const Result &result) {
  const Model *m = k.m;
  const Rows *rows = k.rows;
  const int64_t F = m->free;
  Real value = real(INFINITE), empty = real(0.0), distance = real(INFINITE), slope = real(0.0), scale = real(1.0);
  load_shared(k);
  Queue queue{rows, 0, 0};
  bool foreseen = m->affine;  // look_ahead knows no other terms than those of the bins and parabolas
  for (int64_t i = 0; i < m->poissons; i++) foreseen = foreseen && m->poisson_free[i] < 0;
  const double allowed = (double)rows->evaluations;
  Real count = real(0.0);
  int64_t row[LANES], alive = 0;
  for (int l = 0; l < LANES; l++) {
    row[l] = queue.take();
    alive += row[l] >= 0;
    load(k, result, row[l] >= 0 ? row[l] : row[0] >= 0 ? row[0] : 0, l);  // an idle lane repeats a row
  }
  while (alive) {
    evaluate(k);
    Real bar = value + ARMIJO * scale * slope + ROUNDING * (1.0 + magnitude(value));
    Truth accepted = finite(k.value) & ((k.value <= bar) | !finite(value));
    const bool all = !any(!accepted);
    for (int64_t p = 0; p < F; p++) {
      Real x = k.theta[m->free_parameter[p]];
      k.base[p] = all ? x : select(accepted, x, k.base[p]);
    }
    value = select(accepted, k.value, value);
    empty = select(accepted, k.empty, empty);
    Real estimate = direction(k, all ? k.step : k.trial);
    for (int64_t p = 0; p < F && !all; p++) k.step[p] = select(accepted, k.trial[p], k.step[p]);
    distance = select(accepted, estimate, distance);
    slope = select(accepted, -2.0 * estimate, slope);
    Real part = reach(k);
    Ahead ahead;
    if (m->affine) {
      ahead = look_ahead(k);
      Truth vanishes = ahead.least < -MARGIN;
      if (any(vanishes)) part = select(vanishes, minimum(part, -MARGIN / ahead.least), part);
    }
    scale = select(accepted, part, scale * SHRINK);
    Truth stuck = !accepted & ((scale < LEAST_SCALE) | !finite(value));
    Truth done = (accepted & (distance <= EDM_GOAL)) | stuck;
    count += real(1.0);
    Truth late = (count > (double)LATE) | stuck, rounded = truth(false), sure = truth(false);
    if (foreseen) {  // a whole step that is sure to end at the minimum is not looked at again
      sure = accepted & k.plain & !done & (part >= 1.0) & (distance <= EDM_PLAIN) & (ahead.distance <= 0.5 * EDM_GOAL);
      sure = sure & (count < allowed);
    }
    if (any(late)) {
      Real made = rounding(k);
      rounded = late & finite(made) & (distance <= minimum(made, real(EDM_ROUNDED)));
    }
    if (any(sure)) {
      Real left = 2.0 * (ahead.distance + rounding_at_most(k, sure));
      sure = sure & (left <= EDM_GOAL);
      for (int64_t p = 0; p < F; p++) k.base[p] = select(sure, k.base[p] + k.step[p], k.base[p]);
      value = select(sure, value - distance - ahead.fall, value);
      empty = select(sure, empty + ahead.empty, empty);
      distance = select(sure, left, distance);
    }
    Truth over = done | sure | (accepted & rounded) | (count >= allowed);
    for (int64_t p = 0; p < F; p++) {
      const double snap = SNAP * (1 + std::fabs(m->lower[p]));
      Real x = k.base[p] + scale * k.step[p];
      x = select(x - m->lower[p] <= snap, real(m->lower[p]), x);
      x = select(m->upper[p] - x <= snap, real(m->upper[p]), x);
      k.theta[m->free_parameter[p]] = x;
    }
    if (!any(over)) continue;
    for (int l = 0; l < LANES; l++) {
      const int64_t r = row[l];
      if (r < 0 || over.v[l] == 0.0) continue;
      if (std::isfinite(value.v[l]))  // else it has never left its start
        for (int64_t p = 0; p < F; p++) result.theta[m->free_parameter[p] * rows->stride + r] = k.base[p].v[l];
      result.value[r] = value.v[l] + empty.v[l];
      result.edm[r] = distance.v[l];
      const bool valid = distance.v[l] <= EDM_VALID || rounded.v[l] != 0.0;
      result.reason[r] = valid ? VALID : stuck.v[l] != 0.0 ? ROUNDED : UNFINISHED;
      row[l] = queue.take();
      if (row[l] < 0) {
        alive--;
        continue;
      }
      count.v[l] = 0.0;
      value.v[l] = distance.v[l] = INFINITE;
      empty.v[l] = slope.v[l] = 0.0;
      scale.v[l] = 1.0;
      load(k, result, row[l], l);
    }
  }
}

}  // namespace

// Bytes that minimise wants.
extern "C" int64_t SIZE(const Model *model) {
  Work k;
  k.m = model;
  Arena arena{nullptr};
  lay_out(k, arena);
  return (int64_t)(arena.next - (char *)nullptr) + (int64_t)alignof(Real);
}

// Fits rows; 0 if there is no memory.
extern "C" int64_t BUILD(const Model *model, const Rows *rows, const Result *result) {
  const int64_t size = SIZE(model);
  char *memory = (char *)calloc((size_t)size, 1);
  if (!memory) return 0;
  const uintptr_t wanted = alignof(Real), start = (uintptr_t)memory;
  Arena arena{memory + (wanted - start % wanted) % wanted};
  Work k;
  k.m = model;
  k.rows = rows;
  k.barrier = false;
  lay_out(k, arena);
  run(k, *result);
  free(memory);
  return 1;
}
