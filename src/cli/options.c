/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

int cli_bad_option(int answer, char **argv, const struct option *options)
{
    /* Within a cluster of letters (-xv), getopt has not reached the next word: the one behind optind is another. */
    const char letter[] = {'-', (char)optopt, '\0'}, *written = argv[optind - 1];
    if (answer == ':')
        return cli_fail(CLI_BAD_USAGE, "option %s needs a value", strncmp(written, "--", 2) == 0 ? written : letter);
    for (; optopt && options->name; options++)
        if (options->val == optopt)
            return cli_fail(CLI_BAD_USAGE, "option --%s takes no value", options->name);
    return cli_fail(CLI_BAD_USAGE, "there is no option %s; `oriel --help` shows those that there are",
                    optopt ? letter : written);
}

bool cli_take_options(int argc, char **argv, const char *letters, const struct option *options,
                      bool (*take)(int option, void *context), void *context)
{
    opterr = 0;
    optind = 0; /* from the beginning: another command line may have come before */
    for (int option; (option = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return cli_bad_option(option, argv, options), false;
        if (!take(option, context))
            return false;
    }
    return true;
}

bool cli_parse_number(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end) {
        cli_fail(CLI_BAD_USAGE, "%s is \"%s\", which is not a whole number", what, text);
        return false;
    }
    if (errno == ERANGE || value < least || value > most) {
        cli_fail(CLI_BAD_USAGE, "%s is %s: it must be from %llu to %llu", what, text, (unsigned long long)least,
                 (unsigned long long)most);
        return false;
    }
    *number = value;
    return true;
}

bool cli_parse_size(const char *what, const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    const char *rest = unit ? end + 1 : end;
    if (!isdigit((unsigned char)text[0]) || (*rest && (!unit || strcasecmp(rest, "iB") != 0))) {
        cli_fail(CLI_BAD_USAGE, "%s is \"%s\", which is no size: write 65536, 64K or 64KiB, for example", what, text);
        return false;
    }
    const int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (errno == ERANGE || value == 0 || value > (UINT64_C(1) << 40) >> shift) {
        cli_fail(CLI_BAD_USAGE, "%s is %s: it must be from 1 byte to 1T", what, text);
        return false;
    }
    *bytes = (uint64_t)value << shift;
    return true;
}

bool cli_parse_list(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *number, uint32_t room,
                    uint32_t *count)
{
    char list[512];
    if ((size_t)snprintf(list, sizeof list, "%s", text) >= sizeof list)
        return cli_fail(CLI_BAD_USAGE, "the list of %s is too long", what), false;
    *count = 0;
    char *rest = list;
    for (char *word; (word = strsep(&rest, ","));) {
        if (*count == room)
            return cli_fail(CLI_BAD_USAGE, "%s takes at most %u numbers", what, room), false;
        if (!cli_parse_number(what, word, least, most, &number[(*count)++]))
            return false;
    }
    return true;
}

bool cli_parse_seconds(const char *what, const char *text, double *seconds)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value <= 0) {
        cli_fail(CLI_BAD_USAGE, "%s is \"%s\": it must be a number of seconds above 0", what, text);
        return false;
    }
    *seconds = value;
    return true;
}

uint32_t cli_find_name(const char *what, const char *text, const char *(*name)(uint32_t), uint32_t count)
{
    char known[256] = "";
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(text, name(i)) == 0)
            return i;
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", name(i));
    }
    cli_fail(CLI_BAD_USAGE, "there is no %s \"%s\": it must be one of %s", what, text, known);
    return count;
}

static const char *dtype_name(uint32_t index)
{
    return oriel_dtype_name((pto_dtype)index);
}

bool cli_parse_dtype(const char *text, pto_dtype *dtype)
{
    *dtype = (pto_dtype)cli_find_name("type", text, dtype_name, PTO_DTYPE_COUNT);
    return *dtype != PTO_DTYPE_COUNT;
}

static const char *reduce_name(uint32_t index)
{
    return oriel_reduce_name((pto_reduce)index);
}

bool cli_parse_reduce(const char *text, pto_reduce *reduce)
{
    *reduce = (pto_reduce)cli_find_name("reduction", text, reduce_name, PTO_REDUCE_COUNT);
    return *reduce != PTO_REDUCE_COUNT;
}

static const char *platform_name(uint32_t index)
{
    oriel_platform_info info;
    return oriel_platform_info_at(index, &info) ? info.name : "";
}

bool cli_parse_platform(const char *text, oriel_platform_info *platform)
{
    uint32_t count = 0;
    while (oriel_platform_info_at(count, platform))
        count++;
    return oriel_platform_info_at(cli_find_name("platform", text, platform_name, count), platform);
}

/* ---- Device lists ------------------------------------------------------------------------------------------------ */

/* Reads `number` or `number-number` at `*at`, and leaves it on the comma or the end behind. */
static bool read_item(const char *list, const char **at, uint32_t limit, uint64_t *first, uint64_t *last)
{
    char *end = NULL;
    bool good = isdigit((unsigned char)**at);
    if (good)
        *first = *last = strtoull(*at, &end, 10);
    if (good && *end == '-') {
        good = isdigit((unsigned char)end[1]);
        *last = strtoull(end + 1, &end, 10);
    }
    if (!good || (*end && *end != ',')) {
        cli_fail(CLI_BAD_USAGE, "device list \"%s\" is none: write 0-3, or 0,2,5", list);
        return false;
    }
    if (*first > *last) {
        cli_fail(CLI_BAD_USAGE, "device list \"%s\": the range %llu-%llu is empty", list, (unsigned long long)*first,
                 (unsigned long long)*last);
        return false;
    }
    if (*last >= limit) {
        cli_fail(CLI_BAD_USAGE, "device list \"%s\": there is no device %llu, the platform has 0 to %u", list,
                 (unsigned long long)*last, limit - 1);
        return false;
    }
    *at = end;
    return true;
}

static bool append(const char *list, int device, int *devices, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (devices[i] == device) {
            cli_fail(CLI_BAD_USAGE, "device list \"%s\": device %d is given twice", list, device);
            return false;
        }
    }
    devices[(*count)++] = device;
    return true;
}

bool cli_parse_devices(const char *text, uint32_t limit, int **devices, uint32_t *count)
{
    /* Distinct numbers below `limit`: there cannot be more of them. */
    int *list = calloc(limit, sizeof *list);
    uint32_t length = 0;
    bool good = list != NULL, more = true;
    for (const char *at = text; good && more; at++) {
        uint64_t first = 0, last = 0;
        good = read_item(text, &at, limit, &first, &last);
        for (uint64_t device = first; good && device <= last; device++)
            good = append(text, (int)device, list, &length);
        more = *at == ',';
    }
    if (!good) {
        free(list);
        return false;
    }
    *devices = list;
    *count = length;
    return true;
}
