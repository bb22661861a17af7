/* Numbers, durations and times as words for a person. */
#ifndef ZSAGA_OBSERVER_WORDS_H
#define ZSAGA_OBSERVER_WORDS_H

#include <stdint.h>

#define WORDS_SIZE 40

/* Each writes into `text` and returns it. */
const char *words_number(uint64_t number, char text[WORDS_SIZE]); /* "1,234,567" */
const char *words_rate(double per_s, char text[WORDS_SIZE]);      /* "812.4/s" */
const char *words_duration(int64_t ms, char text[WORDS_SIZE]); /* "1.2 s", "3 min"; below 0 "?" */
const char *words_milliseconds(uint64_t ms, char text[WORDS_SIZE]); /* "12 ms", "1.2 s" */
const char *words_clock(int64_t wall_ms, char text[WORDS_SIZE]);    /* "12:34:56", UTC; 0: "?" */

#endif
