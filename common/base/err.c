#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void put(struct err *err, int code, const char *format,
                                                      va_list args)
{
    if (err == NULL)
        return;
    err->code = code;
    (void)vsnprintf(err->text, sizeof err->text, format, args);
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(err, code, format, args);
    va_end(args);
    return code;
}

int err_wrap(struct err *err, int code, const char *format, ...)
{
    if (err == NULL)
        return code;
    char before[sizeof err->text];
    memcpy(before, err->text, sizeof before);
    va_list args;
    va_start(args, format);
    put(err, code, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, ": %s", before);
    return code;
}

int err_errno(struct err *err, int saved_errno, const char *format, ...)
{
    int code = ERR_SYSTEM;
    if (saved_errno == ENOSPC || saved_errno == EDQUOT)
        code = ERR_FULL;
    else if (saved_errno == EIO)
        code = ERR_IO;
    else if (saved_errno == ENOENT)
        code = ERR_NOT_FOUND;
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    put(err, code, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(saved_errno));
    return code;
}
