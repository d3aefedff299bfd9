/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels in C++, their launch in C and the hooks, compiled and linked:
 *
 *      kernel.cpp ──c++──► 0.o ─┐
 *      launch.c   ──cc───► 1.o ─┼─c++ -shared──► launch.so
 *      hooks.c    ──cc───► 2.o ─┘
 *
 * The compilers of all three run side by side. The object is linked without the sanitizer whose instrumentation it has: the hooks
 * answer, and what they call is in the process that loads it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "front/cache.h"
#include "oriel/front.h"

#define MAX_WORDS 64
#define MAX_UNITS 34 /* kernels, the launch and the hooks */

extern char **environ;

/* A command, and where what it says goes. The words are borrowed, or in `text`. */
typedef struct command {
    const char *word[MAX_WORDS + 1];
    uint32_t words;
    char text[4][PATH_MAX];
    uint32_t texts;
    char said[PATH_MAX];
    pid_t process; /* -1: not started */
} command;

typedef struct building {
    const oriel_front_source *source;
    cache cache;
    char include[PATH_MAX], compat[PATH_MAX + 16], hooks[PATH_MAX + 32], here[PATH_MAX];
    const char *cxx, *cc;
    uint32_t units;
    command unit[MAX_UNITS]; /* each makes one object: kernels, the launch, the hooks */
    char rule[MAX_UNITS][PATH_MAX], object[MAX_UNITS][PATH_MAX];
} building;

static void add(command *it, const char *word)
{
    if (it->words < MAX_WORDS)
        it->word[it->words++] = word;
}

static void add_all(command *it, const char *const *words)
{
    while (*words)
        add(it, *words++);
}

static void add_text(command *it, const char *before, const char *rest)
{
    char *text = it->text[it->texts++];
    snprintf(text, PATH_MAX, "%s%s", before, rest);
    add(it, text);
}

/* ---- Where things are ------------------------------------------------------------------------------------------- */

static bool has_headers(const char *folder, char *include)
{
    char header[PATH_MAX + 16], real[PATH_MAX];
    if (!realpath(folder, real))
        return false;
    snprintf(header, sizeof header, "%s/oriel/front.h", real);
    strcpy(include, real);
    return access(header, R_OK) == 0;
}

/* Beside this library, in its own source or as it was installed. */
static oriel_status find_headers(building *b)
{
    static const char *const ways[] = {"/../include", "/../../include", "/../../../include"};
    const char *said = getenv("ORIEL_INCLUDE");
    Dl_info info;
    char path[PATH_MAX], way[PATH_MAX + 32];
    if (said && said[0])
        return has_headers(said, b->include)
                   ? ORIEL_OK
                   : oriel_fail(ORIEL_INVALID, "ORIEL_INCLUDE: there is no %s/oriel/front.h", said);
    if (dladdr((const void *)(uintptr_t)oriel_front_build, &info) && realpath(info.dli_fname, path)) {
        const char *folder = dirname(path);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            snprintf(way, sizeof way, "%s%s", folder, ways[i]);
            if (has_headers(way, b->include))
                return ORIEL_OK;
        }
    }
    return has_headers(ORIEL_INCLUDE_FOLDER, b->include)
               ? ORIEL_OK
               : oriel_fail(ORIEL_UNAVAILABLE,
                            "Oriel's headers, by which kernels are compiled, are not where they were "
                            "installed (%s): ORIEL_INCLUDE may say where",
                            ORIEL_INCLUDE_FOLDER);
}

static const char *compiler(const char *variable, const char *otherwise)
{
    const char *said = getenv(variable);
    return said && said[0] ? said : otherwise;
}

static oriel_status look_for(const char *path)
{
    struct stat is;
    if (stat(path, &is) < 0)
        return oriel_fail_errno(ORIEL_INVALID, "cannot read %s", path);
    return S_ISREG(is.st_mode) ? ORIEL_OK : oriel_fail(ORIEL_INVALID, "%s is no file", path);
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

static const char *const for_kernels[] = {"-std=c++17",
                                          "-O1",
                                          "-g",
                                          "-fPIC",
                                          "-fsanitize=thread",
                                          "-fsanitize-coverage=trace-pc",
                                          "-fno-builtin",
                                          "-fno-exceptions",
                                          "-fno-rtti",
                                          "-D__gm__=",
                                          "-D__aicore__=",
                                          NULL},
                         *const for_a2a3[] = {"-D__CCE_AICORE__=220", "-D__DAV_C220__", "-D__DAV_C220_VEC__", NULL},
                         *const for_a5[] = {"-D__CCE_AICORE__=310", "-D__DAV_C310__", "-D__DAV_C310_VEC__", NULL},
                         *const for_launches[] = {"-std=gnu17", "-O1", "-g", "-fPIC", NULL},
                         *const for_hooks[] = {"-std=gnu17",          "-O2",          "-g", "-fPIC",
                                               "-fvisibility=hidden", "-fno-builtin", NULL};

static bool is_clang(const char *name)
{
    return strstr(name, "clang") != NULL;
}

static void begin_unit(building *b, command *it, const char *compiler, const char *const *flags)
{
    *it = (command){.process = -1};
    add(it, compiler);
    add_all(it, flags);
    add(it, "-I");
    add(it, b->include);
}

/* Its own words are those that the cache goes by; where it writes comes later. */
static void end_unit(building *b, command *it, const char *file)
{
    add(it, "-c");
    add(it, file);
    b->units++;
}

static oriel_status make_units(building *b)
{
    const oriel_front_source *source = b->source;
    const bool a5 = source->platform && strncmp(source->platform, "a5", 2) == 0;
    if (source->kernel_count == 0 || source->kernel_count > MAX_UNITS - 2)
        return oriel_fail(ORIEL_INVALID, "a launch has 1 to %d kernels in C++, not %u", MAX_UNITS - 2,
                          source->kernel_count);
    for (uint32_t i = 0; i < source->kernel_count; i++) {
        command *it = &b->unit[b->units];
        begin_unit(b, it, b->cxx, for_kernels);
        add_all(it, a5 ? for_a5 : for_a2a3);
        if (is_clang(b->cxx)) {
            add(it, "-mllvm");
            add(it, "-tsan-instrument-read-before-write=1");
        }
        add(it, "-I");
        add(it, b->compat);
        if (source->kernel_count > 1) {
            char number[16];
            snprintf(number, sizeof number, "%u", i);
            add_text(it, "-Dkernel_entry=kernel_entry_", number);
        }
        end_unit(b, it, source->kernels[i]);
    }
    command *launch = &b->unit[b->units];
    begin_unit(b, launch, b->cc, for_launches);
    end_unit(b, launch, source->launch);
    command *hooks = &b->unit[b->units];
    begin_unit(b, hooks, b->cc, for_hooks);
    if (!is_clang(b->cc))
        add(hooks, "-fno-tree-loop-distribute-patterns");
    end_unit(b, hooks, b->hooks);
    return ORIEL_OK;
}

/* Where `name` is found, and that file: what a command does depends on it. */
static uint64_t hash_compiler(uint64_t hash, const char *name)
{
    struct stat is;
    char path[PATH_MAX];
    const char *all = getenv("PATH");
    hash = hash_text(hash, name);
    if (strchr(name, '/')) {
        if (stat(name, &is) == 0)
            hash = hash_bytes(hash_bytes(hash, &is.st_mtim, sizeof is.st_mtim), &is.st_size, sizeof is.st_size);
        return hash;
    }
    while (all && *all) {
        const size_t length = strcspn(all, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)length, all, name);
        if (stat(path, &is) == 0)
            return hash_bytes(hash_bytes(hash_text(hash, path), &is.st_mtim, sizeof is.st_mtim), &is.st_size,
                              sizeof is.st_size);
        all += length + (all[length] == ':');
    }
    return hash;
}

static uint64_t key_of(const building *b)
{
    uint64_t hash = hash_text(HASH_START, ORIEL_VERSION);
    hash = hash_text(hash, b->here); /* to which names are relative, in messages too */
    hash = hash_compiler(hash_compiler(hash, b->cxx), b->cc);
    for (uint32_t i = 0; i < b->units; i++)
        for (uint32_t j = 0; j < b->unit[i].words; j++)
            hash = hash_text(hash, b->unit[i].word[j]);
    return hash;
}

/* ---- Running them ----------------------------------------------------------------------------------------------- */

static oriel_status start(building *b, command *it)
{
    static char language[] = "LC_ALL=C";
    size_t count = 0;
    while (environ[count])
        count++;
    char **environment = calloc(count + 2, sizeof *environment);
    posix_spawn_file_actions_t actions;
    if (!environment)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to start %s", it->word[0]);
    memcpy(environment, environ, count * sizeof *environment);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environment[i], "LC_ALL=", 7) == 0)
            environment[i] = language;
    environment[count] = language; /* the first of two that are alike is taken */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    snprintf(it->said, sizeof it->said, "%s/said-%u", b->cache.work, (unsigned)(it - b->unit));
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, it->said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int error =
        posix_spawnp(&it->process, it->word[0], &actions, NULL, (char *const *)(uintptr_t)it->word, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    if (error == 0)
        return ORIEL_OK;
    it->process = -1;
    return oriel_fail(ORIEL_UNAVAILABLE, "cannot start the compiler %s: %s (CC and CXX say which to take)", it->word[0],
                      strerror(error));
}

/* The bytes of the first `lines` lines of `text`, without the last one's end. */
static size_t first_lines(const char *text, uint32_t lines)
{
    size_t length = 0;
    for (uint32_t i = 0; i < lines && text[length]; i++)
        length += strcspn(text + length, "\n") + (text[length + strcspn(text + length, "\n")] == '\n');
    while (length > 0 && text[length - 1] == '\n')
        length--;
    return length;
}

/*
 * An instruction that is not supported: the place in the kernel that asks for it, and the sentence, without the templates
 * between. g++ names the place before it (`required from here`), clang++ after it (`requested here`).
 */
static bool find_unsupported(char *text, char *said, size_t size)
{
    char *sentence = strstr(text, "oriel: "), *end = sentence ? strstr(sentence, "(docs/compat.md)") : NULL;
    if (!end)
        return false;
    char *place = NULL;
    for (char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *from = strstr(line, "required from here"), *here = strstr(line, "requested here");
        const char *stop = strchr(line, '\n');
        if ((from && (!stop || from < stop) && line < sentence) || (here && (!stop || here < stop) && line > sentence))
            place = line;
    }
    const int length = place ? (int)strcspn(place, " ") : 0;
    snprintf(said, size, "%.*s%s%.*s", length, place ? place : "", place ? " " : "", (int)(end - sentence) + 16,
             sentence);
    return true;
}

static oriel_status refuse(const command *it, const char *what)
{
    char *text = read_text(it->said), said[ORIEL_ERROR_BYTES - 128] = "(no message)";
    if (text && !find_unsupported(text, said, sizeof said)) {
        const char *error = strstr(text, "error: "), *line = error ? error : text;
        while (line > text && line[-1] != '\n')
            line--;
        snprintf(said, sizeof said, "%.*s", (int)first_lines(line, 8), line);
    }
    free(text);
    return oriel_fail(ORIEL_INVALID, "%s does not compile:\n%s", what, said);
}

/* Waits for it. False: it has failed. */
static bool finish(command *it)
{
    int how = 0;
    while (it->process >= 0 && waitpid(it->process, &how, 0) < 0 && errno == EINTR)
        continue;
    const bool good = it->process >= 0 && how == 0;
    it->process = -1;
    return good;
}

static const char *file_of(const building *b, uint32_t unit)
{
    const uint32_t kernels = b->source->kernel_count;
    return unit < kernels ? b->source->kernels[unit] : unit == kernels ? b->source->launch : "compat/hooks.c";
}

static oriel_status compile(building *b)
{
    oriel_status status = ORIEL_OK;
    for (uint32_t i = 0; i < b->units && status == ORIEL_OK; i++) {
        command *it = &b->unit[i];
        snprintf(b->object[i], PATH_MAX, "%s/%u.o", b->cache.work, i);
        snprintf(b->rule[i], PATH_MAX, "%s/%u.d", b->cache.work, i);
        const char *const written[] = {"-MD", "-MF", b->rule[i], "-o", b->object[i], NULL};
        add_all(it, written);
        status = start(b, it);
    }
    for (uint32_t i = 0; i < b->units; i++) {
        const bool started = b->unit[i].process >= 0;
        if (!finish(&b->unit[i]) && started && status == ORIEL_OK)
            status = refuse(&b->unit[i], file_of(b, i));
    }
    return status;
}

static oriel_status link_units(building *b, char *made)
{
    command *it = &b->unit[b->units - 1];
    *it = (command){.process = -1};
    const char *const first[] = {b->cxx, "-shared", "-o", made, NULL};
    add_all(it, first);
    for (uint32_t i = 0; i < b->units; i++)
        add(it, b->object[i]);
    oriel_status status = start(b, it);
    if (status == ORIEL_OK && !finish(it))
        status = refuse(it, b->source->launch);
    return status;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static oriel_status make(building *b, char **object)
{
    char made[PATH_MAX];
    oriel_status status = cache_begin(&b->cache);
    if (status == ORIEL_OK)
        status = compile(b);
    snprintf(made, sizeof made, "%s/made.so", b->cache.work);
    if (status == ORIEL_OK)
        status = link_units(b, made);
    const char *rules[MAX_UNITS];
    for (uint32_t i = 0; i < b->units; i++)
        rules[i] = b->rule[i];
    return status == ORIEL_OK ? cache_keep(&b->cache, made, rules, b->units, object) : status;
}

static oriel_status prepare(building *b)
{
    oriel_status status = look_for(b->source->launch);
    for (uint32_t i = 0; i < b->source->kernel_count && status == ORIEL_OK; i++)
        status = look_for(b->source->kernels[i]);
    if (status == ORIEL_OK)
        status = find_headers(b);
    if (status != ORIEL_OK)
        return status;
    snprintf(b->compat, sizeof b->compat, "%s/oriel/compat", b->include);
    snprintf(b->hooks, sizeof b->hooks, "%s/hooks.c", b->compat);
    if (!getcwd(b->here, sizeof b->here))
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot find out the current folder");
    b->cxx = compiler("CXX", "c++");
    b->cc = compiler("CC", "cc");
    return make_units(b);
}

oriel_status oriel_front_build(const oriel_front_source *source, char **object)
{
#ifndef ORIEL_HAVE_LIBDW
    return oriel_fail(ORIEL_UNAVAILABLE,
                      "kernels in C++ are not for this build: it was made without libdw, which finds "
                      "places in their source");
#endif
    building *b = calloc(1, sizeof *b);
    if (!b)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to compile a kernel");
    b->source = source;
    oriel_status status = prepare(b);
    if (status == ORIEL_OK)
        status = cache_open(&b->cache, key_of(b));
    if (status == ORIEL_OK) {
        char *found = cache_find(&b->cache);
        if (found)
            *object = found;
        else
            status = make(b, object);
        cache_close(&b->cache);
    }
    free(b);
    return status;
}
