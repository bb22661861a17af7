#include "import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask_owner.h"
#include "base/xalloc.h"
#include "cli.h"
#include "printable.h"

struct reading {
    const char *file;
    const struct owner_table *table;
    size_t places[OWNER_TABLES_COLUMNS_MAX];
    size_t header_fields;
    struct rowset *rows;
    size_t *lines; /* Of each row. */
    size_t line_capacity;
    size_t faults;
};

static void refuse(struct reading *reading, size_t line, const char *columns, const char *words)
{
    AUTO(freep) char *file = printable(bytes_text(reading->file));
    reading->faults++;
    (void)fprintf(stderr, "%s:%zu: %s: %s\n", file, line, columns, words);
}

static bool check_row(struct reading *reading, const struct csv_row *row)
{
    const struct owner_table *table = reading->table;
    struct csv_field id = csv_field(row, reading->places[0]);
    uint64_t total;
    if (row->fault != NULL) {
        refuse(reading, row->line, "columns", row->fault);
        return false;
    }
    if (row->field_count != reading->header_fields) {
        AUTO(freep)
        char *words =
            xprintf("%zu where the header has %zu", row->field_count, reading->header_fields);
        refuse(reading, row->line, "columns", words);
        return false;
    }
    bool id_ok = csv_name(id);
    bool total_ok =
        csv_number(csv_field(row, reading->places[1]), 0, IMPORT_FILE_TOTAL_MAX, &total);
    if (id_ok && total_ok)
        return true;
    AUTO(freep)
    char *columns = xprintf("%s%s%s", id_ok ? "" : table->columns[0].name,
                            id_ok || total_ok ? "" : ", ", total_ok ? "" : table->columns[1].name);
    AUTO(freep)
    char *words =
        xprintf("%s%s%s", id_ok ? "" : "not 1 to 64 bytes of UTF-8 without control characters",
                id_ok || total_ok ? "" : "; ",
                total_ok ? "" : "not a whole number of at least 0 in decimal digits");
    refuse(reading, row->line, columns, words);
    return false;
}

static void take_row(struct reading *reading, const struct csv_row *row)
{
    struct rowset *rows = reading->rows;
    if (!check_row(reading, row))
        return;
    reading->lines =
        xgrow(reading->lines, &reading->line_capacity, rows->row_count + 1, sizeof(size_t));
    reading->lines[rows->row_count] = row->line;
    for (size_t i = 0; i < reading->table->import_count; i++)
        rowset_add(rows, csv_field(row, reading->places[i]).bytes);
}

/* Two totals for one id: whichever was meant, the other is wrong. */
static void check_twice(struct reading *reading)
{
    struct rowset *rows = reading->rows;
    rowset_sort(rows, 0);
    for (size_t i = 1; i < rows->row_count; i++) {
        if (!bytes_equal(rowset_field(rows, i, 0), rowset_field(rows, i - 1, 0)))
            continue;
        AUTO(freep)
        char *words = xprintf("stands in line %zu already", reading->lines[rows->order[i - 1]]);
        refuse(reading, reading->lines[rows->order[i]], reading->table->columns[0].name, words);
    }
}

static int read_header(struct reading *reading, struct csv *csv, struct err *err)
{
    const char *names[OWNER_TABLES_COLUMNS_MAX];
    const struct csv_row *header;
    for (size_t i = 0; i < reading->table->import_count; i++)
        names[i] = reading->table->columns[i].name;
    int rc = csv_next(csv, &header, err);
    if (rc == CSV_END)
        return err_set(err, ERR_INVALID, "no header: it is empty");
    if (rc < 0)
        return rc;
    reading->header_fields = header->field_count;
    return csv_columns(header, names, reading->table->import_count, reading->places, err);
}

int import_file_parse(const char *file, struct csv *csv, const struct owner_table *table,
                      struct rowset *rows)
{
    struct reading reading = {.file = file, .table = table, .rows = rows};
    struct err err = {0};
    rowset_init(rows, table->import_count);
    int rc = read_header(&reading, csv, &err);
    const struct csv_row *row;
    while (rc >= 0 && (rc = csv_next(csv, &row, &err)) == CSV_ROW)
        take_row(&reading, row);
    if (rc < 0) {
        cli_say("%s: %s", file, err.text);
    } else {
        check_twice(&reading);
        if (reading.faults != 0)
            cli_say("%s: %zu rows at fault, nothing was imported", file, reading.faults);
    }
    free(reading.lines);
    return rc < 0 ? CLI_USAGE : reading.faults != 0 ? CLI_FALSE : CLI_TRUE;
}

static ssize_t read_blocking(void *from, void *to, size_t size)
{
    ssize_t got;
    do
        got = read(*(int *)from, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

int import_file_read(const char *file, const struct owner_table *table, struct rowset *rows)
{
    bool standard_input = strcmp(file, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_say("cannot read %s: %s", file, strerror(errno));
        rowset_init(rows, table->import_count);
        return CLI_USAGE;
    }
    struct csv *csv = csv_new(read_blocking, &fd);
    int code = import_file_parse(file, csv, table, rows);
    csv_free(csv);
    if (!standard_input)
        (void)close(fd);
    return code;
}

int import_file_apply(struct suite *suite, bool running, const struct owner_table *table,
                      const struct rowset *rows)
{
    struct err err = {0};
    int rc = running ? ask_owner_import(suite, table, rows, &err)
                     : ask_owner_import_stopped(suite, table, rows, &err);
    if (rc == ASK_OWNER_APPLIED)
        return CLI_TRUE;
    if (rc < 0)
        return cli_fail(&err);
    cli_say("%s: nothing was imported%s%s", table->name, err.text[0] == '\0' ? "" : ": ", err.text);
    return CLI_FALSE;
}
