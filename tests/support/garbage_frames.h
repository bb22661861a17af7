/* Frames that break a rule of the protocol, or all of them. */
#ifndef ZSAGA_GARBAGE_FRAMES_H
#define ZSAGA_GARBAGE_FRAMES_H

#include "base/bytes.h"

/* Takes one frame; `what` names it. */
typedef void (*garbage_taker)(void *self, const char *what, struct bytes frame);

/* What is no frame, or one of a wrong header: each is refused as a whole. */
void garbage_frames_broken(garbage_taker take, void *self);
/* Good frames with entries of all sorts of nonsense. */
void garbage_frames_entries(garbage_taker take, void *self);
/* Frames close to 1 MiB that grow when they are decoded, or are deeply nested. */
void garbage_frames_large(garbage_taker take, void *self);

/* One of those: a kind of entry with one field repeated half a million times. */
void garbage_frames_repeated(garbage_taker take, void *self, unsigned kind, unsigned field);

/* A good header, with a driver for the command plane, around entries as they are. */
void garbage_frames_pack(struct buffer *to, bool driver, const struct bytes *entries, size_t count);

#endif
