/* What a shell tells the log while it runs: its node's troubles, and messages dropped. */
#ifndef ZSAGA_SHELL_REPORT_H
#define ZSAGA_SHELL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"

struct shell_drops {
    uint64_t malformed; /* Messages of more parts than one. */
    uint64_t gone;      /* Their peer was gone. */
    uint64_t overflow; /* Refused by a full socket: the oldest of those kept, or not kept at all. */
    uint64_t unsent;   /* To a DEALER that is not connected, or full: the node sends again. */
};

/* Initialise with zeros. */
struct shell_report {
    struct shell_drops drops; /* Since the last line; the shell counts here. */
    int64_t next_line_ms;     /* Monotonic. */
    int64_t line_wait_ms;
    bool in_trouble;
    bool disk_full; /* That is the trouble. */
    bool unwritten; /* The disk is so full that the line could not be written yet. */
};

/* At most one line a second, and one a minute while it goes on. */
void shell_report_drops(struct shell_report *report, int64_t mono_ms);

/* A line when trouble begins, or turns out to be another, and one when it is over. */
void shell_report_trouble(struct shell_report *report, const struct node_turn *turn);

/* A line for each piece of news of the node. */
void shell_report_news(struct node *node);

#endif
