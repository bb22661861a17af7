#!/usr/bin/env bash
# docs/tutorial.md holds as it stands: the example, built with an installed zsaga outside of this
# tree, books seats under a saga of its own, survives a kill, and its consumer has each event once.
set -euo pipefail

build=${ZSAGA_BUILD:?the build directory}
source=${ZSAGA_SOURCE:?the source directory}
work=$(mktemp -d)
up=

cleanup() {
    local status=$?
    if [ -n "$up" ]; then
        kill "$up" 2>/dev/null || true
        wait "$up" 2>/dev/null || true
    fi
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$work"/*.out "$work"/data/log/*.log 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    printf 'examples: %s\n' "$*" >&2
    exit 1
}

# expect WORDS COMMAND...: the command prints exactly these words.
expect() {
    local want=$1 got
    shift
    got=$("$@" 2>"$work/stderr.out") || true
    [ "$got" = "$want" ] || fail "'$*' printed '$got' instead of '$want': $(cat "$work/stderr.out")"
}

# eventually WORDS COMMAND...: the same, within a deadline.
eventually() {
    local want=$1 got deadline=$((SECONDS + 60))
    shift
    while :; do
        got=$("$@" 2>"$work/stderr.out") || true
        [ "$got" != "$want" ] || return 0
        [ "$SECONDS" -lt "$deadline" ] || fail "'$*' prints '$got', never '$want'"
    done
}

install_and_make() {
    cmake --install "$build" --prefix "$work/zsaga" >"$work/install.out"
    export PATH=$work/zsaga/bin:$PATH ZSAGA_DATA=$work/data
    cp -r "$source/participants/examples/booking" "$work/booking"
    cd "$work/booking"
    make PKG_CONFIG_PATH="$(dirname "$(find "$work/zsaga" -name zsaga.pc)")" >"$work/make.out" 2>&1 ||
        { cat "$work/make.out" >&2; fail "the example does not build"; }
}

make_suite() {
    zsaga init --bare >"$work/init.out"
    cat >>"$ZSAGA_DATA/suite.zpl" <<END
participant
    name = seats
    program = $work/booking/seats

participant
    name = wallet
    program = $work/booking/wallet

consumer
    name = board
    program = $work/booking/board
    follow = seats
END
    mkdir -p "$ZSAGA_DATA/definitions"
    cp booking.zpl "$ZSAGA_DATA/definitions/"
}

start() {
    local deadline=$((SECONDS + 60))
    zsaga up >"$work/up.out" 2>&1 &
    up=$!
    until grep -q '^ready' "$work/up.out"; do
        kill -0 "$up" 2>/dev/null || fail "zsaga up ended: $(cat "$work/up.out")"
        [ "$SECONDS" -lt "$deadline" ] || fail "the suite does not get ready"
    done
}

stop() {
    kill "$up"
    wait "$up" || fail "zsaga up did not stop cleanly"
    up=
}

pid_of() {
    zsaga ps | awk -v name="$1" '$1 == name { print $2 }'
}

install_and_make
make_suite
start
expect "b1 completed" ./book b1 "anna 2 4000"
expect "b2 compensated: no_money" ./book b2 "anna 2 9000"
expect "b3 compensated: sold_out" ./book b3 "bert 20 100"
expect "b1 completed" ./book b1 "anna 2 4000"
expect "b5 compensated: no_booking" ./book b5 "nonsense"
kill -9 "$(pid_of wallet)"
expect "b4 completed" ./book b4 "carl 1 1000"
kill -9 "$(pid_of board)"
kill -9 "$(pid_of seats)"
expect "b6 completed" ./book b6 "anna 3 1000"
guests=$'guest,seats\nanna,5\ncarl,1'
eventually "$guests" zsaga export board/guests
stop
expect "$guests" ./board --data "$ZSAGA_DATA" --export guests
echo "examples: ok"
