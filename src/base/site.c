/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in the source of a kernel, by the address in its code. The compiler's debug information (DWARF 5, 3.3.8: inlined
 * subroutines) has the way from there outward:
 *
 *      pto-inst.hpp:120 in TLOAD ◄── inlined at ── copy.hpp:8 in copy_in ◄── inlined at ── kernel.cpp:31 in kernel_entry
 *
 * and the place is the innermost that does not lie in the headers of oriel/compat. Calls on one line of one function are one place.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/site.h"

#ifdef ORIEL_HAVE_LIBDW
#include <dwarf.h>
#include <elfutils/libdw.h>
#endif

#define OUR_HEADERS "/oriel/compat/"

/* A place that is known. They stay for as long as the process lives. */
typedef struct known {
    const void *from;
    const pto_site *site;
} known;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static known *table; /* `room` entries, a power of two, at most half of them used; by `from` */
static size_t room, used;

static size_t slot_of(const void *from)
{
    size_t slot = (size_t)((uint64_t)(uintptr_t)from * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    while (table[slot & (room - 1)].from && table[slot & (room - 1)].from != from)
        slot++;
    return slot & (room - 1);
}

static void grow(void)
{
    known *old = table;
    const size_t old_room = room;
    room = room ? 2 * room : 256;
    table = calloc(room, sizeof *table);
    if (!table)
        abort();
    for (size_t i = 0; i < old_room; i++)
        if (old[i].from)
            table[slot_of(old[i].from)] = old[i];
    free(old);
}

/* ---- Debug information ------------------------------------------------------------------------------------------ */

/* What is found of a place; the strings are borrowed. */
typedef struct place {
    const char *file, *function;
    int line;
} place;

#ifdef ORIEL_HAVE_LIBDW
/* An object whose debug information was read; they stay open. */
typedef struct object {
    struct object *next;
    ElfW(Addr) base;
    Dwarf *debug; /* NULL: it has none */
} object;

static object *objects;

static Dwarf *debug_of(const struct link_map *map, const char *path)
{
    for (const object *it = objects; it; it = it->next)
        if (it->base == map->l_addr)
            return it->debug;
    object *made = calloc(1, sizeof *made);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (!made)
        abort();
    *made = (object){objects, map->l_addr, file >= 0 ? dwarf_begin(file, DWARF_C_READ) : NULL};
    objects = made;
    return made->debug;
}

static bool find_unit(Dwarf *debug, Dwarf_Addr address, Dwarf_Die *unit)
{
    Dwarf_Off offset = 0, next;
    size_t header;
    for (; dwarf_nextcu(debug, offset, &next, &header, NULL, NULL, NULL) == 0; offset = next)
        if (dwarf_offdie(debug, offset + header, unit) && dwarf_haspc(unit, address) == 1)
            return true;
    return false;
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    dwarf_formudata(dwarf_attr(die, name, &attribute), &value);
    return value;
}

static bool is_function(Dwarf_Die *die)
{
    return dwarf_tag(die) == DW_TAG_inlined_subroutine || dwarf_tag(die) == DW_TAG_subprogram;
}

static bool is_ours(const char *file)
{
    return strstr(file, OUR_HEADERS) != NULL;
}

/* Goes outward while the place is in one of our own headers. `scope` from the innermost on. */
static void go_outward(Dwarf_Die *unit, Dwarf_Die *scope, int scopes, place *found)
{
    Dwarf_Files *files;
    size_t count;
    if (dwarf_getsrcfiles(unit, &files, &count) != 0)
        return;
    for (int i = 0; i < scopes; i++) {
        if (!is_function(&scope[i]))
            continue;
        const char *name = dwarf_diename(&scope[i]);
        found->function = name ? name : "?";
        if (!is_ours(found->file) || dwarf_tag(&scope[i]) == DW_TAG_subprogram)
            return;
        const char *file = dwarf_filesrc(files, number_of(&scope[i], DW_AT_call_file), NULL, NULL);
        if (!file)
            return;
        found->file = file;
        found->line = (int)number_of(&scope[i], DW_AT_call_line);
    }
}

static bool look_up(const void *at, place *found)
{
    Dl_info info;
    struct link_map *map;
    Dwarf_Die unit, *around, *scope;
    if (!dladdr1(at, &info, (void **)&map, RTLD_DL_LINKMAP))
        return false;
    const Dwarf_Addr address = (uintptr_t)at - map->l_addr;
    Dwarf *debug = debug_of(map, info.dli_fname);
    Dwarf_Line *line = debug && find_unit(debug, address, &unit) ? dwarf_getsrc_die(&unit, address) : NULL;
    found->file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    if (!found->file)
        return false;
    dwarf_lineno(line, &found->line);
    found->function = "?";
    if (dwarf_getscopes(&unit, address, &around) <= 0)
        return true;
    const int scopes = dwarf_getscopes_die(around, &scope);
    if (scopes > 0) {
        go_outward(&unit, scope, scopes, found);
        free(scope);
    }
    free(around);
    return true;
}
#else
static bool look_up(const void *at, place *found)
{
    (void)at;
    (void)found;
    return false;
}
#endif

/* ---- Places ----------------------------------------------------------------------------------------------------- */

static oriel_bump *kept_in; /* NULL: on the heap */

static const pto_site *make_site(const char *file, int line, const char *function)
{
    pto_site *site = kept_in ? oriel_bump_take(kept_in, sizeof *site) : NULL;
    char *file_copy = site ? oriel_bump_string(kept_in, file) : NULL;
    char *function_copy = file_copy ? oriel_bump_string(kept_in, function) : NULL;
    if (!function_copy) {
        site = malloc(sizeof *site);
        file_copy = strdup(file);
        function_copy = strdup(function);
    }
    if (!site || !file_copy || !function_copy)
        abort();
    *site = (pto_site){file_copy, line, function_copy};
    return site;
}

/* Without debug information: the object, and where in it. */
static const pto_site *by_address(const void *from)
{
    Dl_info info = {0};
    char text[512];
    dladdr(from, &info);
    snprintf(text, sizeof text, "%s+0x%zx", info.dli_fname ? info.dli_fname : "?",
             (size_t)((uintptr_t)from - (uintptr_t)info.dli_fbase));
    return make_site(text, 0, info.dli_sname ? info.dli_sname : "?");
}

static const pto_site *known_place(const place *found)
{
    for (size_t i = 0; i < room; i++) {
        const pto_site *site = table[i].site;
        if (site && site->line == found->line && strcmp(site->file, found->file) == 0 &&
            strcmp(site->function, found->function) == 0)
            return site;
    }
    return NULL;
}

static const pto_site *resolve(const void *from)
{
    place found;
    /* The call lies before the address to which it returns. */
    if (!look_up((const char *)from - 1, &found))
        return by_address(from);
    /* Relative to the folder in which it was compiled: as it was typed there. */
    if (strncmp(found.file, "./", 2) == 0)
        found.file += 2;
    const pto_site *before = known_place(&found);
    return before ? before : make_site(found.file, found.line, found.function);
}

const pto_site *oriel_site_of(const void *from)
{
    pthread_mutex_lock(&lock);
    if (2 * (used + 1) > room)
        grow();
    known *entry = &table[slot_of(from)];
    if (!entry->from) {
        const pto_site *site = resolve(from);
        *entry = (known){from, site};
        used++;
    }
    const pto_site *site = entry->site;
    pthread_mutex_unlock(&lock);
    return site;
}

void oriel_site_keep_in(oriel_bump *memory)
{
    pthread_mutex_lock(&lock);
    kept_in = memory;
    pthread_mutex_unlock(&lock);
}
