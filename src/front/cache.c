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
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define FIRST_LINE "oriel object 1\n"
#define MOST_MIB   256
/* A folder of one who was killed while he made something. */
#define STALE_S 3600

/* The file `name` in a folder; false: the path is too long. */
static bool join(char *path, const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static void name_of(oriel_hash hash, const char *ending, char name[48])
{
    snprintf(name, 48, "%016" PRIx64 "%016" PRIx64 "%s", hash.a, hash.b, ending);
}

/* ---- The folder ------------------------------------------------------------------------------------------------- */

static bool make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

void oriel_cache_open(oriel_cache *cache)
{
    const char *off = getenv("ORIEL_CACHE"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *most = getenv("ORIEL_CACHE_MIB");
    char above[PATH_MAX] = "";
    *cache = (oriel_cache){.most_bytes = (most && most[0] ? strtoull(most, NULL, 10) : MOST_MIB) << 20};
    if (off && strcmp(off, "off") == 0)
        return;
    /* A path that is not absolute is to be ignored (XDG Base Directory Specification). */
    if (base && base[0] == '/')
        snprintf(above, sizeof above, "%s", base);
    else if (home && home[0] == '/')
        snprintf(above, sizeof above, "%s/.cache", home);
    if (!above[0] || !make_folder(above) || !join(cache->folder, above, "oriel") || !make_folder(cache->folder) ||
        access(cache->folder, W_OK | X_OK) != 0)
        cache->folder[0] = '\0';
}

oriel_status oriel_cache_begin(const oriel_cache *cache, char *folder)
{
    const char *temporary = getenv("TMPDIR");
    const char *within = cache->folder[0] ? cache->folder : temporary && temporary[0] ? temporary : "/tmp";
    if (!join(folder, within, "making-XXXXXX"))
        return oriel_fail(ORIEL_INVALID, "the path of folder %s is too long", within);
    if (!mkdtemp(folder))
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot make a folder in %s", within);
    return ORIEL_OK;
}

void oriel_cache_end(const char *folder)
{
    char path[PATH_MAX];
    DIR *files = opendir(folder);
    for (struct dirent *file; files && (file = readdir(files));)
        if (file->d_name[0] != '.' && join(path, folder, file->d_name))
            unlink(path);
    if (files)
        closedir(files);
    rmdir(folder);
}

/* ---- Finding ---------------------------------------------------------------------------------------------------- */

/* Whether the file of a line `HASH path` is as it was. */
static bool is_as_it_was(char *line)
{
    char name[48];
    char *path = strchr(line, ' ');
    oriel_hash now = ORIEL_HASH_INIT;
    if (!path)
        return false;
    *path++ = '\0';
    if (!oriel_hash_file(path, &now))
        return false;
    name_of(now, "", name);
    return strcmp(name, line) == 0;
}

/* The object that the list names, in `name`, if all of its inputs are as they were. */
static bool read_list(FILE *list, char name[48])
{
    char *line = NULL;
    size_t room = 0;
    bool good = getline(&line, &room, list) > 0 && strcmp(line, FIRST_LINE) == 0;
    good = good && getline(&line, &room, list) > 0 && sscanf(line, "object %47s", name) == 1;
    good = good && strspn(name, "0123456789abcdef") == 32 && strcmp(name + 32, ".so") == 0;
    while (good && getline(&line, &room, list) > 0) {
        line[strcspn(line, "\n")] = '\0';
        good = is_as_it_was(line);
    }
    free(line);
    return good && !ferror(list);
}

bool oriel_cache_find(const oriel_cache *cache, oriel_hash key, char *object)
{
    char path[PATH_MAX], name[48];
    name_of(key, "", name);
    if (!cache->folder[0] || !join(path, cache->folder, name))
        return false;
    FILE *list = fopen(path, "re");
    if (!list)
        return false;
    const bool good = read_list(list, name) && join(object, cache->folder, name);
    fclose(list);
    /* Used just now: not the first to go. */
    return good && utimensat(AT_FDCWD, object, NULL, 0) == 0 && utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

/* ---- Keeping ---------------------------------------------------------------------------------------------------- */

/* The next word of a rule for make: blanks, # and backslashes are written with a backslash, $ doubly. Taken apart in place. */
static char *next_word(char **rest)
{
    char *at = *rest;
    while (*at == ' ' || *at == '\t' || *at == '\n' || (*at == '\\' && at[1] == '\n'))
        at++;
    char *word = at, *end = at;
    for (; *at && *at != ' ' && *at != '\t' && *at != '\n'; at++) {
        if (*at == '\\' && at[1] == '\n')
            break;
        if ((*at == '\\' && (at[1] == ' ' || at[1] == '#' || at[1] == '\\')) || (*at == '$' && at[1] == '$'))
            at++;
        *end++ = *at;
    }
    *rest = *at ? at + 1 : at;
    *end = '\0';
    return end > word ? word : NULL;
}

/* Whether `path` was changed after `began`: the compiler may have read something else. */
static bool changed_since(const char *path, int64_t began)
{
    struct stat file;
    return stat(path, &file) != 0 || (int64_t)file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec > began;
}

/* Adds the inputs that a rule names, all words behind the target. */
static bool list_inputs(FILE *list, const char *rule_path, int64_t began)
{
    FILE *rule = fopen(rule_path, "re");
    char *text = NULL, name[48];
    size_t room = 0;
    bool good = rule && getdelim(&text, &room, '\0', rule) > 0;
    if (rule)
        fclose(rule);
    char *rest = good ? text : NULL;
    if (good)
        next_word(&rest);
    for (char *path; good && (path = next_word(&rest));) {
        oriel_hash hash = ORIEL_HASH_INIT;
        good = !strchr(path, '\n') && !changed_since(path, began) && oriel_hash_file(path, &hash);
        name_of(hash, "", name);
        fprintf(list, "%s %s\n", name, path);
    }
    free(text);
    return good;
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

/* Writes the list of an object into the file `path`. False: it cannot be, or the object is not what its inputs are now. */
static bool write_list(const char *path, const char *folder, const char *object, int64_t began)
{
    char rule[PATH_MAX];
    FILE *list = fopen(path, "we");
    DIR *files = opendir(folder);
    bool good = list && files;
    if (good)
        fprintf(list, FIRST_LINE "object %s\n", object);
    for (struct dirent *file; good && (file = readdir(files));)
        if (ends_in(file->d_name, ".d"))
            good = join(rule, folder, file->d_name) && list_inputs(list, rule, began);
    if (files)
        closedir(files);
    if (list) {
        good &= !ferror(list);
        good &= fclose(list) == 0;
    }
    return good;
}

/* Into memory, which is gone with the process, however that ends: nothing has to be cleaned up. */
static oriel_status keep_in_memory(const char *made, char *object)
{
    const int from = open(made, O_RDONLY | O_CLOEXEC), to = from < 0 ? -1 : memfd_create("oriel kernel", MFD_CLOEXEC);
    struct stat file;
    oriel_status status = ORIEL_OK;
    if (to < 0 || fstat(from, &file) != 0)
        status = oriel_fail_errno(ORIEL_SYSTEM, "cannot take over %s", made);
    for (off_t done = 0; status == ORIEL_OK && done < file.st_size;) {
        char bytes[64 << 10];
        const ssize_t got = read(from, bytes, sizeof bytes);
        if (got <= 0 || write(to, bytes, (size_t)got) != got)
            status = oriel_fail_errno(ORIEL_SYSTEM, "cannot take over %s", made);
        done += got;
    }
    if (from >= 0)
        close(from);
    if (status != ORIEL_OK && to >= 0)
        close(to);
    if (status == ORIEL_OK)
        snprintf(object, PATH_MAX, "/proc/self/fd/%d", to);
    return status;
}

/* ---- Its size --------------------------------------------------------------------------------------------------- */

typedef struct kept {
    char name[64];
    uint64_t bytes;
    int64_t used; /* ns */
} kept;

static int by_use(const void *left, const void *right)
{
    const kept *l = left, *r = right;
    return l->used < r->used ? -1 : l->used > r->used;
}

/* All files of the cache; stale folders are removed on the way. */
static kept *look_over(const char *folder, size_t *count)
{
    char path[PATH_MAX];
    DIR *files = opendir(folder);
    kept *all = NULL;
    size_t room = 0;
    *count = 0;
    for (struct dirent *file; files && (file = readdir(files));) {
        struct stat it;
        if (file->d_name[0] == '.' || strlen(file->d_name) >= sizeof all->name || !join(path, folder, file->d_name) ||
            lstat(path, &it) != 0)
            continue;
        if (S_ISDIR(it.st_mode) && strncmp(file->d_name, "making-", 7) == 0 && time(NULL) - it.st_mtime > STALE_S)
            oriel_cache_end(path);
        if (!S_ISREG(it.st_mode))
            continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            kept *grown = realloc(all, room * sizeof *all);
            if (!grown)
                break;
            all = grown;
        }
        kept *entry = &all[(*count)++];
        snprintf(entry->name, sizeof entry->name, "%s", file->d_name);
        entry->bytes = (uint64_t)it.st_size;
        entry->used = (int64_t)it.st_mtim.tv_sec * 1000000000 + it.st_mtim.tv_nsec;
    }
    if (files)
        closedir(files);
    return all;
}

/* The least recently used go until the rest is small enough; the newest object stays in any case. */
static void trim(const oriel_cache *cache)
{
    char path[PATH_MAX];
    size_t count;
    kept *all = look_over(cache->folder, &count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += all[i].bytes;
    if (bytes > cache->most_bytes)
        qsort(all, count, sizeof *all, by_use);
    for (size_t i = 0; i + 2 < count && bytes > cache->most_bytes; i++) {
        if (join(path, cache->folder, all[i].name))
            unlink(path);
        bytes -= all[i].bytes;
    }
    free(all);
}

oriel_status oriel_cache_keep(const oriel_cache *cache, oriel_hash key, const char *folder, const char *made,
                              int64_t began, char *object)
{
    char name[48], from[PATH_MAX], list[PATH_MAX], place[PATH_MAX];
    oriel_hash hash = ORIEL_HASH_INIT;
    if (!join(from, folder, made) || !join(list, folder, "list"))
        return oriel_fail(ORIEL_INVALID, "the path of folder %s is too long", folder);
    if (!cache->folder[0])
        return keep_in_memory(from, object);
    if (!oriel_hash_file(from, &hash))
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot read %s", from);
    name_of(hash, ".so", name);
    if (!write_list(list, folder, name, began) || !join(object, cache->folder, name))
        return keep_in_memory(from, object);
    name_of(key, "", name);
    if (!join(place, cache->folder, name))
        return keep_in_memory(from, object);
    /* The object before what names it. */
    if (rename(from, object) != 0 || rename(list, place) != 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot keep an object in %s", cache->folder);
    trim(cache);
    return ORIEL_OK;
}
