#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_base.h"

#define SUFFIX ".db"
#define PATH_SIZE 4200

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The name of the process whose database this is; NULL: it is none. */
static char *name_of(const char *file)
{
    size_t len = strlen(file);
    if (len <= strlen(SUFFIX) || strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0)
        return NULL;
    return (char *)check_copy((struct check_bytes){file, len - strlen(SUFFIX)});
}

/* Its lock is held while a suite runs; where there is none, none has ever run. */
static bool is_running(const char *dir)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return held;
}

bool files_find(const char *dir, struct files *ret, char words[FILES_WORDS])
{
    char path[PATH_SIZE];
    size_t capacity = 0;
    *ret = (struct files){0};
    if (is_running(dir)) {
        (void)snprintf(words, FILES_WORDS, "a suite runs in %s: stop it first", dir);
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/db", dir);
    DIR *stream = opendir(path);
    if (stream == NULL) {
        (void)snprintf(words, FILES_WORDS, "%s: %s: is %s a suite's data directory?", path,
                       strerror(errno), dir);
        return false;
    }
    ret->dir = check_copy_text(path);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        char *name = name_of(entry->d_name);
        if (name == NULL)
            continue;
        ret->names = check_grow(ret->names, &capacity, ret->count + 1, sizeof(char *));
        ret->names[ret->count++] = name;
    }
    (void)closedir(stream);
    if (ret->count == 0) {
        (void)snprintf(words, FILES_WORDS, "%s: there is no database in it", path);
        files_release(ret);
        return false;
    }
    qsort(ret->names, ret->count, sizeof(char *), by_name);
    return true;
}

void files_release(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    free(files->dir);
    *files = (struct files){0};
}

static bool copy_bytes(int from, int to)
{
    static char bytes[1 << 16];
    ssize_t len;
    while ((len = read(from, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0, wrote; at < len; at += wrote)
            if ((wrote = write(to, bytes + at, (size_t)(len - at))) < 0)
                return false;
    return len == 0;
}

static bool copy_file(const char *from, const char *to, char words[FILES_WORDS])
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = out >= 0 && copy_bytes(in, out);
    if (!done)
        (void)snprintf(words, FILES_WORDS, "%s: cannot copy it: %s", from, strerror(errno));
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return done;
}

/* Copies the database and its log into a new directory, and sets `path` to it. */
static bool copy_both(char path[PATH_SIZE], const char *wal, struct opened *ret,
                      char words[FILES_WORDS])
{
    char to[PATH_SIZE];
    char to_wal[PATH_SIZE];
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(to, sizeof to, "%s/zsaga-check-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(to) == NULL) {
        (void)snprintf(words, FILES_WORDS, "%s: %s", to, strerror(errno));
        return false;
    }
    ret->copy = check_copy_text(to);
    (void)snprintf(to, sizeof to, "%s/copy.db", ret->copy);
    (void)snprintf(to_wal, sizeof to_wal, "%s/copy.db-wal", ret->copy);
    if (!copy_file(path, to, words) || !copy_file(wal, to_wal, words))
        return false;
    memcpy(path, to, sizeof to);
    return true;
}

/* Of a path in a URI, what would mean something there. */
static void append_escaped(char *uri, size_t size, const char *path)
{
    size_t len = strlen(uri);
    for (; *path != '\0' && len + 4 < size; path++) {
        bool plain = strchr("?#%", *path) == NULL;
        len += (size_t)snprintf(uri + len, size - len, plain ? "%c" : "%%%02x", *path);
    }
}

bool files_open(const struct files *files, size_t place, struct opened *ret,
                char words[FILES_WORDS])
{
    char path[PATH_SIZE];
    char wal[PATH_SIZE];
    char uri[PATH_SIZE * 3] = "file:";
    struct stat about;
    *ret = (struct opened){0};
    (void)snprintf(path, sizeof path, "%s/%s%s", files->dir, files->names[place], SUFFIX);
    (void)snprintf(wal, sizeof wal, "%s/%s%s-wal", files->dir, files->names[place], SUFFIX);
    bool copies = stat(wal, &about) == 0 && about.st_size > 0;
    if (copies && !copy_both(path, wal, ret, words)) {
        files_close(ret);
        return false;
    }
    append_escaped(uri, sizeof uri - 32, path);
    if (!copies)
        (void)snprintf(uri + strlen(uri), 32, "?mode=ro&immutable=1");
    int flags = copies ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(uri, &ret->db, flags | SQLITE_OPEN_URI, NULL);
    /* The first look at it: whether it is a database at all. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(ret->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    bool damaged = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB;
    if (rc == SQLITE_OK || damaged)
        return true;
    (void)snprintf(words, FILES_WORDS, "%s/%s%s: %s", files->dir, files->names[place], SUFFIX,
                   sqlite3_errmsg(ret->db));
    files_close(ret);
    return false;
}

void files_close(struct opened *opened)
{
    static const char *const made[] = {"copy.db", "copy.db-wal", "copy.db-shm"};
    char path[PATH_SIZE];
    (void)sqlite3_close(opened->db);
    for (size_t i = 0; opened->copy != NULL && i < sizeof made / sizeof made[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", opened->copy, made[i]);
        (void)unlink(path);
    }
    if (opened->copy != NULL)
        (void)rmdir(opened->copy);
    free(opened->copy);
    *opened = (struct opened){0};
}
