// Decides whether the rest of the library may run, itself compiled for any processor.

#include "kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;

__attribute__((target("arch=x86-64"))) bool has_instructions() {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    const bool avx512 = (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1); // F, DQ, BW, VL
    const bool tiles = (d >> 22 & 1) && (d >> 24 & 1);                                     // AMX-BF16, AMX-TILE
    if (!avx512 || !tiles || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return false;
    return a >> 5 & 1; // AVX512-BF16
}

} // namespace

extern "C" __attribute__((target("arch=x86-64"))) int masklet_available() {
    return has_instructions() && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

extern "C" __attribute__((target("arch=x86-64"))) int masklet_interface() { return MASKLET_INTERFACE; }
