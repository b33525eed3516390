// Vectors of LANES numbers in plain C++: a struct of numbers, and every operator a loop of fixed width, which compilers
// turn into vector instructions. What a lane holds never depends on its neighbours, nor on their number.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(_MSC_VER) && !defined(__clang__)
#define INLINE static __forceinline
#else
#define INLINE [[gnu::always_inline]] static inline
#endif

#if defined(__GNUC__) && !defined(__clang__)
#define EACH_LANE _Pragma("GCC unroll 1") for (int l = 0; l < LANES; l++)  // gcc must vectorise before it unrolls
#else
#define EACH_LANE for (int l = 0; l < LANES; l++)
#endif

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address)
#endif

// A copy must be written as a loop for gcc to keep it in vector registers, and left to clang.
#ifdef __clang__
#define COPIES(type)
#define COPY_BITS(to, from) memcpy(to, from, sizeof to)
#else
#define COPY_BITS(to, from) EACH_LANE memcpy(&to[l], &from[l], sizeof to[l])  // at once gcc copies halves of vectors
#define COPIES(type)                                          \
  type() = default;                                           \
  type(const type &other) { EACH_LANE v[l] = other.v[l]; }    \
  type &operator=(const type &other) {                        \
    EACH_LANE v[l] = other.v[l];                              \
    return *this;                                             \
  }
#endif

namespace {

struct alignas(8 * LANES) Real {
  double v[LANES];
  COPIES(Real)
};
// 1 where something holds, else 0: every processor compares and multiplies doubles in vectors, SSE2 no integers
struct alignas(8 * LANES) Truth {
  double v[LANES];
  COPIES(Truth)
};
struct alignas(8 * LANES) Bits {
  uint64_t v[LANES];
  COPIES(Bits)
};

INLINE Real real(double x) { Real r; EACH_LANE r.v[l] = x; return r; }
INLINE Truth truth(bool x) { Truth r; EACH_LANE r.v[l] = x ? 1.0 : 0.0; return r; }
INLINE Bits bits(const Real &a) { Bits r; COPY_BITS(r.v, a.v); return r; }
INLINE Real number(const Bits &a) { Real r; COPY_BITS(r.v, a.v); return r; }

#define BINARY(op)                                                                                          \
  INLINE Real operator op(const Real &a, const Real &b) { Real r; EACH_LANE r.v[l] = a.v[l] op b.v[l]; return r; } \
  INLINE Real operator op(double a, const Real &b) { Real r; EACH_LANE r.v[l] = a op b.v[l]; return r; }           \
  INLINE Real operator op(const Real &a, double b) { Real r; EACH_LANE r.v[l] = a.v[l] op b; return r; }
BINARY(+)
BINARY(-)
BINARY(*)
BINARY(/)
#undef BINARY
#ifdef __clang__
#define UPDATE(op) INLINE Real &operator op##=(Real &a, const Real &b) { return a = a op b; }
#else
#define UPDATE(op) INLINE Real &operator op##=(Real &a, const Real &b) { EACH_LANE a.v[l] = a.v[l] op b.v[l]; return a; }
#endif
UPDATE(+)
UPDATE(-)
UPDATE(*)
#undef UPDATE
#define COMPARISON(op)                                     \
  INLINE Truth operator op(const Real &a, const Real &b) { \
    Truth r;                                               \
    EACH_LANE r.v[l] = a.v[l] op b.v[l] ? 1.0 : 0.0;       \
    return r;                                              \
  }                                                        \
  INLINE Truth operator op(const Real &a, double b) { Truth r; EACH_LANE r.v[l] = a.v[l] op b ? 1.0 : 0.0; return r; }
COMPARISON(<)
COMPARISON(<=)
COMPARISON(>)
COMPARISON(>=)
#undef COMPARISON

INLINE Real operator-(const Real &a) { Real r; EACH_LANE r.v[l] = -a.v[l]; return r; }
INLINE Truth operator!(const Truth &a) { Truth r; EACH_LANE r.v[l] = 1.0 - a.v[l]; return r; }
INLINE Truth operator&(const Truth &a, const Truth &b) { Truth r; EACH_LANE r.v[l] = a.v[l] * b.v[l]; return r; }
INLINE Truth operator|(const Truth &a, const Truth &b) {
  Truth r;
  EACH_LANE {
    double x = a.v[l], y = b.v[l];
    r.v[l] = x > y ? x : y;
  }
  return r;
}
INLINE bool any(const Truth &a) {
  uint64_t parts[LANES], all = 0;
  memcpy(parts, a.v, sizeof parts);
  EACH_LANE all |= parts[l];
  return all != 0;
}
INLINE Real select(const Truth &where, const Real &a, const Real &b) {
  Real r;
  EACH_LANE {
    double x = a.v[l], y = b.v[l];  // both are read, so that no lane branches
    r.v[l] = where.v[l] != 0.0 ? x : y;
  }
  return r;
}
INLINE Real minimum(const Real &a, const Real &b) {
  Real r;
  EACH_LANE {
    double x = a.v[l], y = b.v[l];
    r.v[l] = x < y ? x : y;
  }
  return r;
}
INLINE Real maximum(const Real &a, const Real &b) {
  Real r;
  EACH_LANE {
    double x = a.v[l], y = b.v[l];
    r.v[l] = x > y ? x : y;
  }
  return r;
}
INLINE Real magnitude(const Real &a) { Real r; EACH_LANE r.v[l] = std::fabs(a.v[l]); return r; }
INLINE Truth finite(const Real &a) { return magnitude(a) < 1.7e308; }

const double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;  // their sum is ln 2

// Logarithm, to 1 ulp or so, and reciprocal of positive normal numbers: x = m 2^k with m near 1, f = m - 1,
// s = f / (2 + f), ln m = 2 artanh s. One division serves both. The polynomial is fdlibm's (e_log.c, Sun Microsystems
// 1993), to 2^-58 for s^2 <= 0.1716^2.
INLINE void logarithm(const Real &x, Real &log, Real &reciprocal) {
  Bits word = bits(x), fraction, exponent;
  EACH_LANE fraction.v[l] = (word.v[l] & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  EACH_LANE exponent.v[l] = (word.v[l] >> 52) | 0x4330000000000000ULL;  // 2^52 + biased exponent, exactly
  Real m = number(fraction);
  Truth large = m > 1.4142135623730951;
  m = select(large, m * 0.5, m);
  Real k = number(exponent) - 4503599627371519.0;  // 2^52 + 1023
  k = select(large, k + 1.0, k);
  Real above = m + 1.0, both = 1.0 / (above * x);
  reciprocal = both * above;
  Real f = m - 1.0, s = f * (both * x), z = s * s;
  Real p = real(1.479819860511658591e-01);
  p = p * z + 1.531383769920937332e-01;
  p = p * z + 1.818357216161805012e-01;
  p = p * z + 2.222219843214978396e-01;
  p = p * z + 2.857142874366239149e-01;
  p = p * z + 3.999999999940941908e-01;
  p = p * z + 6.666666666666735130e-01;
  Real half = 0.5 * f * f;  // 2 s = f - s f, so that ln m = f - (half - s (half + z p)) keeps the digits of f
  log = k * LN2_HIGH - ((half - (s * (half + z * p) + k * LN2_LOW)) - f);
}

// Exponential, between exp(-700) and exp(700): y = k ln 2 + r, Taylor series in r.
INLINE Real exponential(const Real &argument) {
  const double ROUND = 6755399441055744.0;  // 1.5 2^52: adding it rounds to an integer, held in the low bits
  Real y = minimum(maximum(argument, real(-700.0)), real(700.0));
  Real rounded = y * 1.4426950408889634 + ROUND;
  Real k = rounded - ROUND;
  Real r = (y - k * LN2_HIGH) - k * LN2_LOW;
  Real p = real(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  Bits value = bits(p), shift = bits(rounded);
  EACH_LANE value.v[l] += shift.v[l] << 52;
  return number(value);
}

}  // namespace
