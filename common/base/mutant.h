/* Mutants: deliberate bugs in the engine, one of which a test switches on to see that it is found.
 *
 * They exist only in a build with the CMake option ZSAGA_MUTANTS; in any other a seam is the
 * constant `false`. The environment chooses one for a process: ZSAGA_MUTANT=NO_TOMBSTONE. A name
 * that is not listed stops the process before main(). A seam stands where the bug would be made:
 *
 *   if (MUTANT(NO_TOMBSTONE))
 *
 * `zsaga-mutants` (tests/mutants) runs what has to kill each of them. */
#ifndef ZSAGA_MUTANT_H
#define ZSAGA_MUTANT_H

/* Name, what is wrong then, and which promises or invariants that breaks (docs/reliability.md). */
/* clang-format off */
#define MUTANTS(X)                                                                                 \
    /* A participant's barrier. */                                                                 \
    X(NO_TOMBSTONE, "a compensation of what never happened leaves no tombstone", "P5 I8 I9")       \
    X(LATE_FORWARD_RUNS, "an action is done behind its tombstone", "P5 I9")                        \
    X(DUPLICATE_RUNS, "an action that is done is done again", "P4 I6")                             \
    X(UNDO_RUNS_TWICE, "a compensation that is done is done again", "P4 I6")                       \
    X(UNDO_BEFORE_KNOWN, "a pending action is undone before its outcome is known", "P5 I8")        \
    X(REFUSAL_NOT_STORED, "a refusal is told and not stored", "P6 I14")                            \
    X(RETRIABLE_REFUSED, "an action behind the point of no return is refused", "P2 I7")            \
    X(UNDO_REFUSAL_TAKEN, "a compensation that refuses counts as done", "P3 I7")                   \
    X(HANDLER_NOT_TAKEN_BACK, "what a failed handler wrote stays", "P4 I6 I13")                    \
    X(FAILED_EVENT_TOLD, "an event of a failed handler stays in the log", "P7 I15")                \
    X(REPLY_BEFORE_COMMIT, "a participant answers before its commit, which then fails", "P1 I14")  \
    /* Its fence. */                                                                               \
    X(EPOCH_IGNORED, "a lower epoch is obeyed", "PF I20")                                          \
    X(NONCE_IGNORED, "another start of the same epoch is obeyed", "PF I20")                        \
    X(OLD_COPY_OBEYED, "an orchestrator that has forgotten sagas is obeyed", "PF I20")             \
    X(FENCE_NOT_STORED, "the pair of a batch that was taken back stays in memory", "PF I20")       \
    X(FLOOR_IGNORED, "a command below the floor is done", "P5 I9")                                 \
    X(PENDING_RESUMED, "a pending action below the floor is asked again", "P5 I9")                 \
    /* What is stored, and when. */                                                                \
    X(SYNC_NORMAL, "a commit is not flushed", "P1 I1 I14")                                         \
    X(WAL_UNSETTLED, "a start tells of what it found, flushed or not", "P1 I1 I14 I20")            \
    X(SETTLED_IN_PLACE, "a start writes what it found again in its place", "P1 I1 I22")            \
    X(TAINT_IGNORED, "after a flush that failed the log is moved at the end", "P1 I22")            \
    X(COMMIT_PUT_OFF, "a commit is made in the next batch, and told in this one", "P1 I1 I14")     \
    X(SEQ_REUSED, "after a restart numbers of the log are given again", "P7 I16")                  \
    X(ID_REUSED, "an id is given twice", "I3 I15")                                                 \
    X(IDS_GO_BACK, "after a restart ids begin below those given", "P5 I15")                        \
    X(EVENT_BEFORE_COMMIT, "an event is published before its commit, which then fails", "P7 I15")  \
    /* Consumers, the observer among them. */                                                      \
    X(CURSOR_OUTSIDE, "the cursor is stored after the transaction of the effect", "P8 I17")        \
    X(GAP_SKIPPED, "an event is applied across a gap", "P8 P9 I17")                                \
    X(POSITION_KEPT, "a batch is taken back without the position", "P8 I17")                       \
    X(DIVERGENCE_UNNOTICED, "another log at the cursor is read on", "P7 I16")                      \
    X(MODEL_KEPT, "the observer keeps in memory what was taken back", "P9 I18")                    \
    X(MODEL_UPDATE_LOST, "the observer does not store a saga's later changes", "P9 I18")           \
    /* The orchestrator: intake and output. */                                                     \
    X(ACCEPTED_BEFORE_COMMIT, "accepted is told before the commit, which then fails", "P1 I1")     \
    X(COMMANDS_BEFORE_COMMIT, "commands leave before the commit, which then fails", "P1 I2")       \
    X(CONFLICT_UNNOTICED, "another body under a known key is a duplicate", "I3")                   \
    X(CONFLICT_CHANGES_SAGA, "a conflicting submit changes the saga", "I3")                        \
    X(EPOCH_NOT_RAISED, "a start takes the epoch of the one before", "PF I20")                     \
    X(FLOOR_TOO_HIGH, "a saga in attention is told as final", "P5")                                \
    X(SUSPENSION_FORGOTTEN, "a start sends to who was suspended before it", "P3")                   \
    X(END_UNTOLD, "a saga's end is no event", "P7 I15")                                            \
    /* Its sagas. */                                                                               \
    X(ATTEMPT_IGNORED, "a late `retry` of an earlier attempt counts for this one", "I21")          \
    X(REPLY_EPOCH_IGNORED, "a late `retry` of an earlier start counts for this one", "I21")        \
    X(LATE_RETRY_TAKEN, "a late `retry` of another command counts for this one", "I4 I21")         \
    X(FACT_TAKEN_TWICE, "an outcome that is known is recorded again", "I4 I15")                    \
    X(GIVEN_UP_NOT_UNDONE, "an action that was given up is not compensated", "P5 I7 I10")          \
    X(RETRY_IS_REFUSAL, "an action retried too often counts as refused: no tombstone", "P5 I10")   \
    X(UNDO_IN_ORDER, "compensations go from the first step to the last", "I11")                    \
    X(UNDO_GIVEN_UP, "a compensation that fails too long counts as done", "P3 I7")                 \
    X(RETRIABLE_GIVEN_UP, "a retriable action that fails too long counts as done", "P3 I7")        \
    X(OUTPUT_FORGOTTEN, "a restart forgets what actions have handed on", "P1")                     \
    X(RELOAD_KEEPS_MEMORY, "after a failed batch the memory of it stays", "P1 I4")                 \
    /* Its time, and whom it talks to. */                                                          \
    X(WAKE_FORGOTTEN, "a restart forgets whom to wake", "P2 L1")                                   \
    X(TIMER_EARLY, "silence is noticed in half its time", "P10 I21")                               \
    X(SILENCE_IS_RETRY, "silence counts as an attempt", "P2 I21")                                  \
    X(WINDOW_SHUT, "a participant's restart closes its window for good", "P2 L1")                  \
    X(ANY_WELCOME, "an answer to an older hello is taken", "P2 L1")                                \
    X(BACKUP_UNNOTICED, "a participant whose log went backwards is believed", "P3")
/* clang-format on */

enum mutant {
    MUTANT_NONE,
#define X(name, words, breaks) MUTANT_##name,
    MUTANTS(X)
#undef X
        MUTANT_COUNT,
};

#ifdef ZSAGA_MUTANTS
extern enum mutant mutant_chosen;
#define MUTANT(name) (mutant_chosen == MUTANT_##name)
#else
/* False, of a listed name only. */
#define MUTANT(name) (MUTANT_##name == MUTANT_NONE)
#endif

#endif
