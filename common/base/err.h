/* Errors: a class the caller can act on, and words for a person.
 *
 * A function that can fail returns 0, a positive outcome named by its own module, or a negative
 * `enum err_code`. Negative means unexpected: the callee has filled `*err`, the caller passes the
 * value up unchanged, adding what it was doing with err_wrap(). Only a loop or a main logs it. */
#ifndef ZSAGA_ERR_H
#define ZSAGA_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

enum err_code {
    ERR_INVALID = -1, /* Bad input or configuration: the words say what to change. */
    ERR_NOT_FOUND = -2,
    ERR_HELD = -3,    /* Another process holds the lock. */
    ERR_FULL = -4,    /* The disk is full: may pass. */
    ERR_IO = -5,      /* A read, write or flush failed: the process must stop. */
    ERR_CORRUPT = -6, /* The database is damaged, or newer than this program. */
    ERR_ABORTED = -7, /* The transaction is gone: forget memory, load from the database. */
    ERR_FENCED = -8,  /* Another start of this orchestrator has taken over. */
    ERR_TIMEOUT = -9,
    ERR_SYSTEM = -10, /* Any other failed call of the system or a library. */
};

struct err {
    int code;
    char text[512]; /* Cut, never overrun. */
};

/* Sets *err (which may be NULL) and returns `code`. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what was being done: " before the words in *err; returns `code`. */
int err_wrap(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set() with ERR_SYSTEM, ERR_FULL or ERR_IO by `saved_errno`, its words appended. */
int err_errno(struct err *err, int saved_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
