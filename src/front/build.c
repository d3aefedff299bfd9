/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the sources of a kernel in C++ to an object that oriel_launch_load takes.
 *
 *      kernel.cpp ... ── c++ -fsanitize=thread ... ──┐
 *      launch.c ───────── cc ────────────────────────┼── c++ -shared ──► HASH.so
 *      compat/hooks.c ─── cc ────────────────────────┘   (no sanitizer: hooks.c answers, and what it calls is in the process)
 *
 *      build.c       which commands, and in which order
 *      compiler.c    finding and running compilers
 *      complaint.c   what to show of their errors
 *      cache.c       the objects that are kept; hash.c
 *
 * Compilers run in the folder of the process, and get paths as they were typed: so do messages, and places in the debug
 * information. Which compiler it is, by which some flags are chosen, is asked of it, and only when something must be compiled.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "front/cache.h"
#include "front/compiler.h"
#include "front/complaint.h"
#include "front/installed.h"
#include "oriel/front.h"

/* For the compilers of one object. */
#define TIMEOUT_S    120
#define MOST_KERNELS 32
#ifdef ORIEL_HAVE_LIBDW
#define ORIEL_FRONT_PLACES true
#else
#define ORIEL_FRONT_PLACES false
#endif
#define HOOKS "oriel/compat/hooks.c"

/* Reads and writes are told to the hooks, and so are steps; nothing is left out because it is a known function of C, or a loop without an end. */
static const char *const kernel_flags[] = {"-std=c++17",
                                           "-O1",
                                           "-g",
                                           "-fPIC",
                                           "-fsanitize=thread",
                                           "-fsanitize-coverage=trace-pc",
                                           "-fno-builtin",
                                           "-fno-finite-loops",
                                           "-fno-exceptions",
                                           "-fno-rtti",
                                           "-fno-omit-frame-pointer",
                                           "-ffp-contract=off",
                                           "-U_FORTIFY_SOURCE",
                                           "-D__gm__=",
                                           "-D__aicore__=",
                                           NULL};
static const char *const launch_flags[] = {"-std=gnu17", "-O1", "-g", "-fPIC", "-ffp-contract=off", NULL};
static const char *const hooks_flags[] = {"-std=gnu17", "-O2", "-g", "-fPIC", "-fno-builtin", NULL};
/* A name in this object is this object's: others that are loaded have the same. */
static const char *const link_flags[] = {"-shared", "-Wl,-Bsymbolic", "-Wl,--as-needed", NULL};

/*
 * Of GCC: no symbol that is one for the whole process, whatever loads it. Calls are inlined, all that can be, since a struct that is passed or
 * returned by value is told of only then. See also compat/detail/blocks.h.
 */
static const char *const gcc_flags[] = {"-fno-gnu-unique", "-fno-semantic-interposition", "-finline-functions",
                                        "-finline-small-functions", "-finline-limit=10000",
                                        "--param=inline-unit-growth=400", "--param=large-function-growth=400",
#ifdef __x86_64__
                                        /* What is larger than hooks take as a whole is a call of memcpy or memset. */
                                        "-mmemcpy-strategy=rep_8byte:1024:noalign,libcall:-1:noalign",
                                        "-mmemset-strategy=rep_8byte:1024:noalign,libcall:-1:noalign",
#endif
                                        NULL};
/* Of Clang: a read of what is then written is told as well; and its debug information has the path of a source as it was given. */
static const char *const clang_flags[] = {"-mllvm", "-tsan-instrument-read-before-write=1", "-fdebug-compilation-dir=.",
                                          NULL};

/* By which sources choose what they do on a platform. */
static const struct platform {
    const char *name;
    const char *flag[4];
} platforms[] = {
    {"a2a3sim", {"-D__CCE_AICORE__=220", "-D__DAV_C220__", "-D__DAV_C220_VEC__", NULL}},
    {"a5sim", {"-D__CCE_AICORE__=310", "-D__DAV_C310__", "-D__DAV_C310_VEC__", NULL}},
};

/* Variables that change what compilers read. */
static const char *const variables[] = {
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "PATH", NULL};

typedef struct build {
    const oriel_front_source *source;
    const struct platform *platform;
    char include[PATH_MAX], here[PATH_MAX];
    oriel_command cxx, cc; /* how they are called */
    bool clang;            /* the compiler for C++ is one */
    int64_t deadline;
    char folder[PATH_MAX]; /* where it is made */
    oriel_command command[MOST_KERNELS + 2];
    uint32_t commands;
} build;

/* ---- The headers ------------------------------------------------------------------------------------------------ */

static bool has_headers(const char *include)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/" HOOKS, include) < PATH_MAX && access(path, R_OK) == 0;
}

/*
 * Where oriel/compat is: $ORIEL_INCLUDE; the folder `include` beside, or some folders above, what this is part of (lib/liboriel.so of an
 * installation, a build folder inside the sources); where it was to be installed.
 */
static oriel_status find_headers(build *b)
{
    const char *given = getenv("ORIEL_INCLUDE");
    if (given && given[0]) {
        if ((size_t)snprintf(b->include, sizeof b->include, "%s", given) < sizeof b->include && has_headers(given))
            return ORIEL_OK;
        return oriel_fail(ORIEL_UNAVAILABLE, "ORIEL_INCLUDE is \"%s\", where there is no " HOOKS, given);
    }
    Dl_info info;
    char here[PATH_MAX];
    if (dladdr(platforms, &info) && info.dli_fname && realpath(info.dli_fname, here)) {
        for (char *slash; (slash = strrchr(here, '/'));) {
            *slash = '\0';
            if (snprintf(b->include, PATH_MAX, "%s/include", here) < PATH_MAX && has_headers(b->include))
                return ORIEL_OK;
        }
    }
    snprintf(b->include, sizeof b->include, "%s", ORIEL_INSTALLED_INCLUDE);
    if (has_headers(b->include))
        return ORIEL_OK;
    return oriel_fail(ORIEL_UNAVAILABLE,
                      "the headers for kernels in C++ are not found: say in ORIEL_INCLUDE which folder has " HOOKS);
}

/* ---- The request ------------------------------------------------------------------------------------------------ */

static oriel_status check_sources(const oriel_front_source *source)
{
    if (!source->kernel_count || source->kernel_count > MOST_KERNELS)
        return oriel_fail(ORIEL_INVALID, "%u sources of a kernel: it must be 1 to %d", source->kernel_count,
                          MOST_KERNELS);
    for (uint32_t i = 0; i <= source->kernel_count; i++) {
        const char *path = i < source->kernel_count ? source->kernels[i] : source->launch;
        struct stat file;
        if (access(path, R_OK) != 0)
            return oriel_fail_errno(ORIEL_INVALID, "cannot read %s", path);
        if (stat(path, &file) == 0 && !S_ISREG(file.st_mode))
            return oriel_fail(ORIEL_INVALID, "%s is no file", path);
    }
    return ORIEL_OK;
}

static oriel_status find_platform(build *b)
{
    const char *name = b->source->platform ? b->source->platform : platforms[0].name;
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
        if (strcmp(platforms[i].name, name) == 0)
            b->platform = &platforms[i];
    if (!b->platform)
        return oriel_fail(ORIEL_INVALID, "kernels in C++ are for a2a3sim and a5sim, not for %s", name);
    return ORIEL_OK;
}

static oriel_status find_compilers(build *b)
{
    static const char *const for_cxx[] = {"c++", "g++", "clang++", NULL}, *const for_c[] = {"cc", "gcc", "clang", NULL};
    oriel_status status = oriel_compiler_find("CXX", for_cxx, "C++", &b->cxx);
    return status ? status : oriel_compiler_find("CC", for_c, "C", &b->cc);
}

static void hash_list(oriel_hash *key, const char *const *list)
{
    for (; *list; list++)
        oriel_hash_text(key, *list);
    oriel_hash_text(key, NULL);
}

/* The words, and for each that is a program (there may be two: `ccache g++`) which file it is now. */
static void hash_compiler(oriel_hash *key, const oriel_command *compiler)
{
    char path[PATH_MAX];
    struct stat file;
    for (uint32_t i = 0; i < compiler->count; i++) {
        oriel_hash_text(key, compiler->word[i]);
        if (!oriel_program_find(compiler->word[i], path) || stat(path, &file) != 0)
            continue;
        const int64_t which[] = {(int64_t)file.st_size, (int64_t)file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
        oriel_hash_text(key, path);
        oriel_hash_bytes(key, which, sizeof which);
    }
    oriel_hash_text(key, NULL);
}

static oriel_hash key_of(const build *b)
{
    oriel_hash key = ORIEL_HASH_INIT;
    const char *const paths[] = {ORIEL_VERSION, b->include, b->here, b->source->launch, NULL};
    const char *const *const lists[] = {kernel_flags, launch_flags, hooks_flags,       link_flags,
                                        gcc_flags,    clang_flags,  b->platform->flag, paths};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        hash_list(&key, lists[i]);
    for (uint32_t i = 0; i < b->source->kernel_count; i++)
        oriel_hash_text(&key, b->source->kernels[i]);
    for (int i = 0; variables[i]; i++)
        oriel_hash_text(&key, getenv(variables[i]));
    hash_compiler(&key, &b->cxx);
    hash_compiler(&key, &b->cc);
    return key;
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

static void add_list(oriel_command *command, const char *const *list)
{
    for (; *list; list++)
        oriel_command_add(command, "%s", *list);
}

static void add_command(oriel_command *command, const oriel_command *before)
{
    for (uint32_t i = 0; i < before->count; i++)
        oriel_command_add(command, "%s", before->word[i]);
}

static void add_folder_of(oriel_command *command, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash)
        oriel_command_add(command, "-I%.*s", slash == path ? 1 : (int)(slash - path), path);
    else
        oriel_command_add(command, "-I.");
}

/* The next command: compiles `source` into the file that bears the command's number, with a list of what it has read. */
static void add_compilation(build *b, const oriel_command *compiler, const char *const *flags, const char *source)
{
    const uint32_t number = b->commands++;
    oriel_command *command = &b->command[number];
    add_command(command, compiler);
    add_list(command, flags);
    if (flags == kernel_flags) {
        add_list(command, b->clang ? clang_flags : gcc_flags);
        if (!b->clang && source[0] != '/')
            oriel_command_add(command, "-fdebug-prefix-map=%s=.", b->here);
        if (!b->clang) {
            oriel_command_add(command, "-include");
            oriel_command_add(command, "%s/oriel/compat/detail/blocks.h", b->include);
        }
        add_list(command, b->platform->flag);
        oriel_command_add(command, "-I%s/oriel/compat", b->include);
        if (b->source->kernel_count > 1)
            oriel_command_add(command, "-Dkernel_entry=kernel_entry_%u", number);
    }
    oriel_command_add(command, "-I%s", b->include);
    add_folder_of(command, source);
    oriel_command_add(command, "-fdiagnostics-color=never");
    oriel_command_add(command, "-MD");
    oriel_command_add(command, "-MT");
    oriel_command_add(command, "object");
    oriel_command_add(command, "-MF");
    oriel_command_add(command, "%s/%u.d", b->folder, number);
    oriel_command_add(command, "-c");
    oriel_command_add(command, "%s", source);
    oriel_command_add(command, "-o");
    oriel_command_add(command, "%s/%u.o", b->folder, number);
}

static void free_commands(build *b)
{
    for (uint32_t i = 0; i < b->commands; i++)
        oriel_command_free(&b->command[i]);
    b->commands = 0;
}

/* The file for what command `number` prints. */
static void output_of(const build *b, uint32_t number, char path[PATH_MAX + 16])
{
    snprintf(path, PATH_MAX + 16, "%s/%u.txt", b->folder, number);
}

/* Runs all commands beside each other, and waits for them. */
static oriel_status run(build *b)
{
    char output[PATH_MAX + 16];
    oriel_status status = ORIEL_OK;
    for (uint32_t i = 0; status == ORIEL_OK && i < b->commands; i++) {
        output_of(b, i, output);
        status = oriel_command_start(&b->command[i], output);
    }
    /* What was started ends before this returns, whatever comes. */
    const oriel_status waited = oriel_commands_wait(b->command, b->commands, status ? 0 : b->deadline);
    return status ? status : waited;
}

/* What a command has printed: the caller's to free. NULL: nothing. */
static char *printed(const build *b, uint32_t number)
{
    char path[PATH_MAX + 16], *text = NULL;
    size_t room = 0;
    output_of(b, number, path);
    FILE *file = fopen(path, "re");
    if (file && getdelim(&text, &room, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

/* `source` did not compile (or link). */
static oriel_status complain(const build *b, uint32_t number, const char *source)
{
    char text[ORIEL_ERROR_BYTES], *output = printed(b, number), nothing[] = "";
    oriel_complaint(source, output ? output : nothing, text, sizeof text);
    free(output);
    return oriel_fail(ORIEL_INVALID, "%s", text);
}

/* Whether the compiler for C++ is a Clang, asked of it: its name may be anything. */
static oriel_status ask_compiler(build *b)
{
    oriel_command *command = &b->command[b->commands++];
    add_command(command, &b->cxx);
    const char *const words[] = {"-x", "c++", "-dM", "-E", "/dev/null", NULL};
    add_list(command, words);
    oriel_status status = run(b);
    if (status == ORIEL_OK && !oriel_command_succeeded(command))
        status = oriel_fail(ORIEL_UNAVAILABLE, "%s is no compiler that can be used: it does not take -dM -E",
                            b->cxx.word[0]);
    char *macros = printed(b, 0);
    b->clang = macros && strstr(macros, "__clang__");
    free(macros);
    free_commands(b);
    return status;
}

static oriel_status compile(build *b)
{
    char hooks[PATH_MAX + 32];
    const oriel_front_source *source = b->source;
    snprintf(hooks, sizeof hooks, "%s/" HOOKS, b->include);
    for (uint32_t i = 0; i < source->kernel_count; i++)
        add_compilation(b, &b->cxx, kernel_flags, source->kernels[i]);
    add_compilation(b, &b->cc, launch_flags, source->launch);
    add_compilation(b, &b->cc, hooks_flags, hooks);
    oriel_status status = run(b);
    for (uint32_t i = 0; status == ORIEL_OK && i < b->commands; i++)
        if (!oriel_command_succeeded(&b->command[i]))
            status = complain(b, i,
                              i < source->kernel_count    ? source->kernels[i]
                              : i == source->kernel_count ? source->launch
                                                          : hooks);
    free_commands(b);
    return status;
}

static oriel_status link_object(build *b)
{
    oriel_command *command = &b->command[b->commands++];
    add_command(command, &b->cxx);
    add_list(command, link_flags);
    oriel_command_add(command, "-o");
    oriel_command_add(command, "%s/object.so", b->folder);
    for (uint32_t i = 0; i < b->source->kernel_count + 2; i++)
        oriel_command_add(command, "%s/%u.o", b->folder, i);
    oriel_status status = run(b);
    if (status == ORIEL_OK && !oriel_command_succeeded(command))
        status = complain(b, 0, b->source->kernels[0]);
    free_commands(b);
    return status;
}

static int64_t clock_of_files(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static oriel_status make(build *b, const oriel_cache *cache, oriel_hash key, char *object)
{
    oriel_status status = oriel_cache_begin(cache, b->folder);
    if (status != ORIEL_OK)
        return status;
    const int64_t began = clock_of_files();
    status = ask_compiler(b);
    if (status == ORIEL_OK)
        status = compile(b);
    if (status == ORIEL_OK)
        status = link_object(b);
    if (status == ORIEL_OK)
        status = oriel_cache_keep(cache, key, b->folder, "object.so", began, object);
    oriel_cache_end(b->folder);
    return status;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static oriel_status find_or_make(build *b, char *object)
{
    oriel_cache cache;
    oriel_status status = find_platform(b);
    if (status == ORIEL_OK)
        status = check_sources(b->source);
    if (status == ORIEL_OK)
        status = find_headers(b);
    if (status == ORIEL_OK)
        status = find_compilers(b);
    if (status != ORIEL_OK)
        return status;
    if (!getcwd(b->here, sizeof b->here))
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot find out the current folder");
    oriel_cache_open(&cache);
    const oriel_hash key = key_of(b);
    return oriel_cache_find(&cache, key, object) ? ORIEL_OK : make(b, &cache, key, object);
}

oriel_status oriel_front_build(const oriel_front_source *source, char **object)
{
    char path[PATH_MAX];
    if (!ORIEL_FRONT_PLACES)
        return oriel_fail(ORIEL_UNAVAILABLE, "kernels in C++ are not for this build: it was made without libdw, which "
                                             "finds places in their source");
    build *b = calloc(1, sizeof *b);
    if (!b)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to build %s", source->launch);
    b->source = source;
    b->deadline = oriel_deadline(TIMEOUT_S);
    oriel_status status = find_or_make(b, path);
    oriel_command_free(&b->cxx);
    oriel_command_free(&b->cc);
    free(b);
    char *copy = status == ORIEL_OK ? strdup(path) : NULL;
    if (status == ORIEL_OK && !copy)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the path %s", path);
    if (copy)
        *object = copy;
    return status;
}
