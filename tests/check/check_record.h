/* Recorded evidence: a file of JSON lines, for `zsaga-check --history FILE --wire FILE`.
 *
 *   {"kind": "invoke", "at_ms": 12, "op": 1, "call": "submit", "key": "A-7",
 *    "definition": "order", "nonce": "00ff", "body": "9ae16a3b2f90404f"}
 *   {"kind": "answer", "at_ms": 15, "op": 1, "outcome": "ok", "verdict": "accepted",
 *    "state": "running", "saga": "0198c5a3..."}
 *   {"kind": "frame", "at_ms": 13, "from": "orchestrator", "to": "payment", "plane": "command",
 *    "bytes": "CigIARAC..."}
 *   {"kind": "life", "at_ms": 20, "process": "payment", "life": "ended"}
 *
 * Calls: submit find resume other. Outcomes: ok fail unknown. Verdicts: accepted duplicate
 * conflict. States: unknown running compensating completed compensated attention. Planes: command
 * client live replay. Lives: started ended reloaded restored. Ids, nonces and bodies are
 * hexadecimal, frames base64; what is empty is left out. All kinds may stand in one file, in order
 * of time.
 *
 * A line is one write() to a file opened for appending, so several threads and processes can share
 * a file, and what was recorded before a kill -9 is there. */
#ifndef ZSAGA_CHECK_RECORD_H
#define ZSAGA_CHECK_RECORD_H

#include "check_evidence.h"

struct check_record;

/* Makes the file, or goes on at its end. NULL: errno says why. */
struct check_record *check_record_open(const char *path);
void check_record_close(struct check_record *record);

/* 0, or -1 and errno. They may be called from several threads. */
int check_record_invoke(struct check_record *record, const struct check_invoke *invoke);
int check_record_answer(struct check_record *record, const struct check_answer *answer);
int check_record_frame(struct check_record *record, const struct check_frame *frame);
int check_record_life(struct check_record *record, const struct check_life_event *event);

/* Reading: calls back for each line, in order. A last line without its newline was cut short by
 * the recorder's death, and is passed by. */
struct check_record_reader {
    void *context;
    void (*invoke)(void *context, const struct check_invoke *invoke);
    void (*answer)(void *context, const struct check_answer *answer);
    void (*frame)(void *context, const struct check_frame *frame);
    void (*life)(void *context, const struct check_life_event *event);
};

/* 0, or -1 with words that name the file and the line. */
int check_record_read(const char *path, const struct check_record_reader *reader, char *words,
                      size_t size);

#endif
