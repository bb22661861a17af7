/* The words of the recorded evidence for what the program has as numbers, both ways. */
#ifndef ZSAGA_CHECK_WORDS_H
#define ZSAGA_CHECK_WORDS_H

#include <stddef.h>

extern const char *const check_calls[];
extern const char *const check_outcomes[];
extern const char *const check_verdicts[]; /* "" for none. */
extern const char *const check_states[];
extern const char *const check_planes[];
extern const char *const check_lives[];

/* The place of `word` among `count` words; -1: it is none of them. */
int check_word(const char *const *words, size_t count, const char *word);

#endif
