/* SPDX-License-Identifier: Apache-2.0 */
#include "front/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* All objects together; when there are more, the oldest go. */
#define MOST_BYTES (UINT64_C(256) << 20)

/* ---- Hashes ----------------------------------------------------------------------------------------------------- */

uint64_t hash_bytes(uint64_t hash, const void *bytes, uint64_t count)
{
    const unsigned char *byte = bytes;
    for (uint64_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

/* False: it cannot be read. */
static bool hash_file(const char *path, uint64_t *hash)
{
    struct stat is;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool good = fstat(file, &is) == 0 && S_ISREG(is.st_mode);
    if (good && is.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        good = bytes != MAP_FAILED;
        if (good) {
            *hash = hash_bytes(HASH_START, bytes, (uint64_t)is.st_size);
            munmap(bytes, (size_t)is.st_size);
        }
    } else
        *hash = HASH_START;
    close(file);
    return good;
}

char *read_text(const char *path)
{
    struct stat is;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    char *text = file >= 0 && fstat(file, &is) == 0 ? malloc((size_t)is.st_size + 1) : NULL;
    const ssize_t got = text ? read(file, text, (size_t)is.st_size) : -1;
    if (file >= 0)
        close(file);
    if (got <= 0) {
        free(text);
        return NULL;
    }
    text[got] = '\0';
    return text;
}

/* ---- The folder ------------------------------------------------------------------------------------------------- */

/* Of this program, if nothing is to be kept. */
static char forgotten[64];
static pid_t whose;

static void remove_all(const char *folder)
{
    char path[PATH_MAX];
    DIR *all = opendir(folder);
    for (struct dirent *entry; all && (entry = readdir(all));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            unlink(path);
        }
    if (all)
        closedir(all);
    rmdir(folder);
}

static void forget(void)
{
    if (getpid() == whose)
        remove_all(forgotten);
}

static bool keep_nothing(char *folder, size_t size)
{
    if (!forgotten[0]) {
        strcpy(forgotten, "/tmp/oriel-XXXXXX");
        if (!mkdtemp(forgotten)) {
            forgotten[0] = '\0';
            return false;
        }
        whose = getpid();
        atexit(forget);
    }
    snprintf(folder, size, "%s", forgotten);
    return true;
}

static bool make_folder(char *folder, size_t size)
{
    const char *off = getenv("ORIEL_CACHE"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if ((off && strcmp(off, "off") == 0) || ((!base || base[0] != '/') && (!home || home[0] != '/')))
        return keep_nothing(folder, size);
    if (base && base[0] == '/')
        snprintf(folder, size, "%s", base);
    else
        snprintf(folder, size, "%s/.cache", home);
    mkdir(folder, 0700);
    size_t end = strlen(folder);
    snprintf(folder + end, size - end, "/oriel");
    return mkdir(folder, 0700) == 0 || errno == EEXIST;
}

oriel_status cache_open(cache *it, uint64_t key)
{
    it->key = key;
    if (!make_folder(it->folder, sizeof it->folder))
        return oriel_fail_errno(ORIEL_SYSTEM,
                                "cannot make the folder %s for compiled kernels (ORIEL_CACHE=off does "
                                "without)",
                                it->folder);
    it->work[0] = '\0';
    return ORIEL_OK;
}

oriel_status cache_begin(cache *it)
{
    snprintf(it->work, sizeof it->work, "%s/work-XXXXXX", it->folder);
    if (!mkdtemp(it->work)) {
        oriel_fail_errno(ORIEL_SYSTEM, "cannot make the folder %s (ORIEL_CACHE=off does without)", it->work);
        it->work[0] = '\0';
        return ORIEL_SYSTEM;
    }
    return ORIEL_OK;
}

void cache_close(cache *it)
{
    if (it->work[0])
        remove_all(it->work);
}

static char *path_of(const cache *it, uint64_t number, const char *ending)
{
    char *path;
    return asprintf(&path, "%s/%016" PRIx64 "%s", it->folder, number, ending) < 0 ? NULL : path;
}

/* ---- Finding ---------------------------------------------------------------------------------------------------- */

/* `hash path`: whether the file is still that. */
static bool is_same(char *line)
{
    char *path;
    const uint64_t was = strtoull(line, &path, 16);
    uint64_t is;
    line[strcspn(line, "\n")] = '\0';
    return *path == ' ' && hash_file(path + 1, &is) && is == was;
}

char *cache_find(const cache *it)
{
    char *name = path_of(it, it->key, ".files"), line[PATH_MAX + 32];
    FILE *files = name ? fopen(name, "re") : NULL;
    free(name);
    if (!files)
        return NULL;
    bool same = fgets(line, sizeof line, files) != NULL;
    char *object = same ? path_of(it, strtoull(line, NULL, 16), ".so") : NULL;
    while (same && fgets(line, sizeof line, files))
        same = is_same(line);
    fclose(files);
    if (same && object && utimensat(AT_FDCWD, object, NULL, 0) == 0) /* of those that are used, the youngest stay */
        return object;
    free(object);
    return NULL;
}

/* ---- Keeping ---------------------------------------------------------------------------------------------------- */

/* The next word of a rule of make, in place; NULL at the end. A blank in a name is `\ `, a dollar `$$`. */
static char *next_word(char **text)
{
    char *from = *text + strspn(*text, " \n\\\t"), *to = from, *word = from;
    if (!*from)
        return NULL;
    for (; *from && *from != ' ' && *from != '\n'; from++) {
        if ((from[0] == '\\' && from[1] == ' ') || (from[0] == '$' && from[1] == '$'))
            from++;
        *to++ = *from;
    }
    *text = *from ? from + 1 : from;
    *to = '\0';
    return word;
}

/* What the compiler read, to `files`. */
static bool list_files(const char *rule, FILE *files, uint64_t *contents)
{
    char *text = read_text(rule), *rest = text ? strstr(text, ": ") : NULL, real[PATH_MAX];
    bool good = rest != NULL;
    if (good)
        rest += 2;
    for (char *word; good && (word = next_word(&rest));) {
        uint64_t hash;
        good = realpath(word, real) && hash_file(real, &hash);
        if (good) {
            fprintf(files, "%016" PRIx64 " %s\n", hash, real);
            *contents = hash_text(hash_bytes(*contents, &hash, sizeof hash), real);
        }
    }
    free(text);
    return good;
}

/* Removes the oldest object until what is left is not too much. */
static void bound(const cache *it)
{
    for (;;) {
        uint64_t bytes = 0;
        char path[PATH_MAX], oldest[PATH_MAX] = "";
        struct stat is, eldest = {0};
        DIR *all = opendir(it->folder);
        for (struct dirent *entry; all && (entry = readdir(all));) {
            snprintf(path, sizeof path, "%s/%s", it->folder, entry->d_name);
            if (!strstr(entry->d_name, ".so") || stat(path, &is) < 0)
                continue;
            bytes += (uint64_t)is.st_size;
            if (!oldest[0] || is.st_mtime < eldest.st_mtime) {
                eldest = is;
                strcpy(oldest, path);
            }
        }
        if (all)
            closedir(all);
        if (bytes <= MOST_BYTES || unlink(oldest) < 0)
            return;
    }
}

oriel_status cache_keep(const cache *it, const char *made, const char *const *rules, uint32_t count, char **object)
{
    char listed[PATH_MAX];
    snprintf(listed, sizeof listed, "%s/files", it->work);
    FILE *files = fopen(listed, "we");
    if (!files)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot write %s", listed);
    fprintf(files, "%016x\n", 0); /* the object's name comes here */
    uint64_t contents = it->key;
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++)
        good = list_files(rules[i], files, &contents);
    rewind(files);
    fprintf(files, "%016" PRIx64 "\n", contents);
    good &= fclose(files) == 0;
    char *kept = path_of(it, contents, ".so"), *name = path_of(it, it->key, ".files");
    if (good && kept && name && rename(made, kept) == 0 && rename(listed, name) == 0) {
        free(name);
        bound(it);
        *object = kept;
        return ORIEL_OK;
    }
    oriel_fail_errno(ORIEL_SYSTEM, "cannot keep a compiled kernel in %s (ORIEL_CACHE=off does without)", it->folder);
    free(kept);
    free(name);
    return ORIEL_SYSTEM;
}
