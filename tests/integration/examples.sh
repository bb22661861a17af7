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

# refused WORDS COMMAND...: the command fails, prints nothing, and says these words.
refused() {
    local want=$1
    shift
    if "$@" >"$work/stdout.out" 2>"$work/stderr.out"; then fail "'$*' is not refused"; fi
    [ ! -s "$work/stdout.out" ] || fail "'$*' prints something"
    grep -qF "$want" "$work/stderr.out" || fail "'$*' said '$(cat "$work/stderr.out")', not '$want'"
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
    # Installed by a relative name, and moved: nothing depends on the place.
    (cd "$work" && cmake --install "$build" --prefix installed >"$work/install.out")
    mv "$work/installed" "$work/zsaga"
    export PATH=$work/zsaga/bin:$PATH ZSAGA_DATA=$work/data
    cp -r "$source/participants/examples/booking" "$work/booking"
    cd "$work/booking"
    PKG_CONFIG_PATH=$(dirname "$(find "$work/zsaga" -name zsaga.pc)")
    export PKG_CONFIG_PATH
    make PKG_CONFIG_PATH="$PKG_CONFIG_PATH" >"$work/make.out" 2>&1 ||
        { cat "$work/make.out" >&2; fail "the example does not build"; }
}

# All that is installed is for C++ too: it says so, and so does the compiler where there is one.
use_from_cxx() {
    local header headers=() cflags libs
    while read -r header; do
        grep -q 'extern "C" {' "$work/zsaga/include/$header" || fail "$header is not for C++"
        headers+=("#include <$header>")
    done < <(cd "$work/zsaga/include" && find zsaga -name '*.h')
    [ "${#headers[@]}" -ge 8 ] || fail "only ${#headers[@]} headers are installed"
    command -v c++ >"$work/cxx.out" || return 0
    printf '%s\n' "${headers[@]}" 'int main() { client_free(nullptr); }' >"$work/use.cpp"
    cflags=$(pkg-config --cflags zsaga)
    libs=$(pkg-config --libs zsaga)
    # shellcheck disable=SC2086 # They are words.
    c++ -Wall -Wextra -Werror $cflags -o "$work/use" "$work/use.cpp" $libs || fail "no use from C++"
    "$work/use"
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
use_from_cxx
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
refused "board: there is no such table here; there are: guests" zsaga export board/guest
refused "seats: there is no such table here; it has none" zsaga export seats/guests
audited=$(zsaga audit) || fail "the books do not agree: $audited"
for name in seats wallet board; do
    grep -q "not audited: $name: it has no checks" <<<"$audited" ||
        fail "audit hides $name: $audited"
done
stop
refused "there is no such table here; there are: guests" zsaga export board/guest
expect "$guests" ./board --data "$ZSAGA_DATA" --export guests
echo "examples: ok"
