// The builds of newton.cpp in one library, and which of them this processor runs.
#include "model.h"

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif
#if defined(X86_64) && defined(_MSC_VER)
#include <intrin.h>
#elif defined(X86_64)
#include <cpuid.h>
#endif

#define DECLARE(name)                                                            \
  extern "C" int64_t minimise_##name(const Model *, const Rows *, const Result *); \
  extern "C" int64_t size_##name(const Model *);
DECLARE(single)
DECLARE(baseline)
#ifdef X86_64
DECLARE(avx2)
DECLARE(avx512)
#endif

namespace {

struct Build {
  const char *name;
  int64_t lanes;
  int64_t (*minimise)(const Model *, const Rows *, const Result *);
  int64_t (*size)(const Model *);
};

// in order of speed
const Build BUILDS[] = {
    {"single", 1, minimise_single, size_single},
    {"baseline", 4, minimise_baseline, size_baseline},
#ifdef X86_64
    {"avx2", 8, minimise_avx2, size_avx2},
    {"avx512", 16, minimise_avx512, size_avx512},
#endif
};

#ifdef X86_64
void cpuid(unsigned leaf, unsigned (&r)[4]) {
#if defined(_MSC_VER)
  __cpuidex((int *)r, (int)leaf, 0);
#else
  if (!__get_cpuid_count(leaf, 0, r, r + 1, r + 2, r + 3)) r[0] = r[1] = r[2] = r[3] = 0;
#endif
}

// Registers that the operating system saves.
uint64_t saved() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
#endif
}

int64_t find_builds() {
  unsigned r[4];
  cpuid(1, r);
  if (!(r[2] >> 27 & 1)) return 2;  // xgetbv
  const uint64_t registers = saved();
  cpuid(7, r);
  const unsigned features = r[1], avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  if ((registers & 0x06) != 0x06 || !(features >> 5 & 1)) return 2;
  return (registers & 0xe6) == 0xe6 && (features & avx512) == avx512 ? 4 : 3;
}
#else
int64_t find_builds() { return 2; }
#endif

}  // namespace

EXPORT int64_t spec_builder_layout() { return LAYOUT; }

// How many of the builds this processor runs: the first ones.
EXPORT int64_t spec_builder_builds() { return find_builds(); }
EXPORT const char *spec_builder_name(int64_t build) { return BUILDS[build].name; }
EXPORT int64_t spec_builder_lanes(int64_t build) { return BUILDS[build].lanes; }
EXPORT int64_t spec_builder_size(int64_t build, const Model *model) { return BUILDS[build].size(model); }
EXPORT int64_t spec_builder_minimise(int64_t build, const Model *model, const Rows *rows, const Result *result) {
  return BUILDS[build].minimise(model, rows, result);
}
