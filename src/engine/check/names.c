/* SPDX-License-Identifier: Apache-2.0 */
#include "oriel/check.h"

const char *oriel_finding_name(oriel_finding_kind kind)
{
    static const char *const names[] = {
#define NAME(constant, name, meaning) name,
        ORIEL_FINDINGS(NAME)
#undef NAME
    };
    return (unsigned)kind < ORIEL_FINDING_COUNT ? names[kind] : "unknown finding";
}

const char *oriel_finding_meaning(oriel_finding_kind kind)
{
    static const char *const meanings[] = {
#define MEANING(constant, name, meaning) meaning,
        ORIEL_FINDINGS(MEANING)
#undef MEANING
    };
    return (unsigned)kind < ORIEL_FINDING_COUNT ? meanings[kind] : "";
}

const char *oriel_profile_name(oriel_profile profile)
{
    switch (profile) {
    case ORIEL_PROFILE_STRICT: return "strict";
    case ORIEL_PROFILE_DOCUMENTED: return "documented";
    }
    return "unknown profile";
}
