#include "order_saga/books.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void books_wrong(struct books *books, const char *format, ...)
{
    if (books->wrong++ != 0)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(books->first, sizeof books->first, format, args);
    va_end(args);
}

void books_report(const struct books *books, struct audit *audit, const char *name,
                  const char *things, const char *format, ...)
{
    char sums[192];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sums, sizeof sums, format, args);
    va_end(args);
    long long seen = books->seen;
    if (books->wrong == 0)
        audit_check(audit, name, true, "%lld %s: %s", seen, things, sums);
    else
        audit_check(audit, name, false, "%lld %s: %s; %lld wrong, first: %s", seen, things, sums,
                    (long long)books->wrong, books->first);
}

const char *books_name(struct bytes name, char text[BOOKS_NAME_SIZE])
{
    text_to_utf8(name, text, BOOKS_NAME_SIZE);
    return text;
}

void books_add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = value < 0 ? INT64_MIN : INT64_MAX;
}
