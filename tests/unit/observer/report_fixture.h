/* A report as an observer would answer it, for what draws it. */
#ifndef ZSAGA_REPORT_FIXTURE_H
#define ZSAGA_REPORT_FIXTURE_H

#include "view.pb-c.h"

#define REPORT_FIXTURE_STREAMS 5
#define REPORT_FIXTURE_SAGAS 6

struct report_fixture {
    Zsaga__ViewReport report;
    Zsaga__ViewCount counts[5];
    Zsaga__ViewCount *count_pointers[5];
    Zsaga__ViewRates rates;
    uint32_t finished[60];
    Zsaga__ViewStream streams[REPORT_FIXTURE_STREAMS];
    Zsaga__ViewStream *stream_pointers[REPORT_FIXTURE_STREAMS];
    Zsaga__ViewSaga sagas[REPORT_FIXTURE_SAGAS];
    Zsaga__ViewSaga *saga_pointers[REPORT_FIXTURE_SAGAS];
};

/* A busy suite: one stream behind, one silent, sagas of each kind. */
void report_fixture_fill(struct report_fixture *fixture);

#define REPORT_FIXTURE_NOW_MS INT64_C(1795264496000) /* 2026-11-21T12:34:56Z */

#endif
