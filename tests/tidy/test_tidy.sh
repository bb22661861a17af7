#!/usr/bin/env bash
# Tidy is a check that can fail: each of its rules finds the one fault put before it, and a tree
# without faults passes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# put PATH TEXT: a file in the tree; TEXT as printf understands it.
put() {
    mkdir -p "$tree/$(dirname "$1")"
    # shellcheck disable=SC2059
    printf "$2" > "$tree/$1"
}

fresh() {
    rm -rf "${tree:?}"/*
    put common/base/err.h '/* Errors: what went wrong. */\n'
    put common/store/db.h '/* The database of a process. */\n#include "base/err.h"\n'
    put common/wire/frame.h '/* Frames on sockets. */\n#include "node.h"\n#include "frame.pb-c.h"\n'
    put common/node.h '/* A node: one shape. */\n'
    put common/suite.h '/* The suite: its files. */\n#include "store/db.h"\n'
    put orchestrator/saga.h '/* The saga: its steps. */\n#include "suite.h"\n'
    put orchestrator/cli/out.h '/* Output: tables. */\n#include "suite.h"\n'
    put participants/a/a.h '/* The service a. */\n#include "node.h"\n'
    put participants/b/b.h '/* The service b. */\n#include "x_saga/x.h"\n'
    put participants/x_saga/x.h '/* What a and b share. */\n'
}

tidy() {
    bash "$here/tidy.sh" "$tree"
}

# finds NAME WORDS: tidy refuses the tree with a finding that has WORDS.
finds() {
    local found
    if found=$(tidy) || ! grep -qF -- "$2" <<< "$found"; then
        echo "FAILED $1: wanted '$2', got: ${found:-nothing}"
        failed=1
    fi
    fresh
}

passes() {
    local found
    if ! found=$(tidy); then
        echo "FAILED $1: wanted nothing, got: $found"
        failed=1
    fi
    fresh
}

# lines COUNT: so many lines of a statement.
lines() {
    awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) print "    x();" }'
}

fresh
passes "a tree without faults"

put common/base/a.c '#include "store/db.h"\n'
finds "base on store" 'common/base/a.c:1: base must not include "store/db.h" of store'
put common/base/a.c '#include "frame.pb-c.h"\n'
finds "base on proto" 'base must not include "frame.pb-c.h" of proto'
put common/store/a.c '#include "wire/frame.h"\n'
finds "store on wire" 'store must not include "wire/frame.h" of wire'
put common/node.h '/* A node: one shape. */\n#include "suite.h"\n'
finds "the node's shape on the rest of common" 'node must not include "suite.h" of common'
put common/wire/a.c '#include "store/db.h"\n'
finds "wire on store" 'wire must not include "store/db.h" of store'
put common/wire/a.c '#include "suite.h"\n'
finds "wire on the rest of common" 'wire must not include "suite.h" of common'
put common/a.c '#include "saga.h"\n'
finds "common on a process" 'common must not include "saga.h" of orchestrator'
put orchestrator/a.c '#include "a/a.h"\n'
finds "orchestrator on a participant" 'orchestrator must not include "a/a.h" of participants/a'
put orchestrator/a.c '#include "../participants/a/a.h"\n'
finds "a way round" 'nowhere in the tree'
put orchestrator/cli/a.c '#include "saga.h"\n'
finds "the tool on the orchestrator" 'cli must not include "saga.h" of orchestrator'
put participants/a/a.c '#include "b/b.h"\n'
finds "participant on participant" 'participants/a must not include "b/b.h" of participants/b'
put participants/a/a.c '#include "saga.h"\n'
finds "participant on the orchestrator" 'participants/a must not include "saga.h" of orchestrator'
put tests/conformance/conformance.h '/* The suite for all participants. */\n'
put participants/a/conformance.c '#include "conformance.h"\n'
passes "a participant tells the conformance suite about itself"
put tests/conformance/conformance.h '/* The suite for all participants. */\n'
put participants/a/a.c '#include "conformance.h"\n'
finds "a service on tests" 'participants/a must not include "conformance.h" of tests'
put tests/unit/a.c '#include "saga.h"\n#include "a/a.h"\n'
passes "a test may include anything"

{ echo 'void f(void)'; echo '{'; lines 71; echo '}'; } > "$tree/common/a.c"
finds "a long function" 'common/a.c:74: the function ending here has more than 70 lines'
{ echo 'void f(void)'; echo '{'; lines 70; echo '}'; } > "$tree/common/a.c"
passes "a function of 70 lines"
lines 501 > "$tree/common/a.c"
finds "a long file" 'common/a.c:501: the file has more than 500 lines'
lines 500 > "$tree/common/a.c"
passes "a file of 500 lines"
put common/a.h '#ifndef A_H\n'
finds "a header without its purpose" 'common/a.h:1: the first line must be a comment'

put tests/a.c '    usleep(5);\n'
finds "a sleeping test" 'tests/a.c:1: a test must not sleep'
put common/a.c '    usleep(5);\n'
passes "a sleep outside of tests"
put common/a.c '    clock_gettime(c, &t);\n'
finds "a clock read in passing" 'common/a.c:1: read the clock through base/clock.h'
put common/base/clock.c '    clock_gettime(c, &t);\n'
put tests/a.c '    clock_gettime(c, &t);\n'
passes "the clock's own file, and a test"
for file in orchestrator/a.c common/a_node.c common/store/a.c participants/a/a.c; do
    put common/base/clock.h '/* Clocks: of the machine. */\n'
    put "$file" '#include "base/clock.h"\n'
    finds "a clock in $file" "$file:1: a node must not read the clock"
done
put common/base/clock.h '/* Clocks: of the machine. */\n'
put orchestrator/main.c '#include "base/clock.h"\n'
passes "the clock of a program"
put common/a.c '    x = strcpy(a, b);\n'
finds "a banned call" 'common/a.c:1: calls a banned function'
put common/a.c '    snprintf(a); /* not sprintf(a) */ f("gets(x)");\n/* strcat(\n strtok( */\n'
passes "banned names in comments, texts and other names"
printf '/* T%s: later */\n' ODO > "$tree/common/a.c"
finds "a thing put off" 'common/a.c:1: do it now'
put common/a.c 'x("a-XXXXXX");\n'
passes "a template of a temporary file"

if [ "$failed" -eq 0 ]; then
    echo "tidy finds what it should"
fi
exit "$failed"
