#!/usr/bin/env bash
# Runs the fuzz targets of a build with ZSAGA_FUZZ: see usage below. `./run fuzz` calls it.
set -euo pipefail

usage() {
    cat <<'END'
usage: ./run fuzz [--seconds S] [--only TARGET]... [--keep DIR]

Looks for inputs that make a decoder or parser fail, hang, grow or break a promise.

  --seconds S    for so long in all, shared among the targets (default 60)
  --only TARGET  only this one; may be given often
  --keep DIR     where what is learned and found is kept (default: build-fuzz/kept)

A line for each target: inputs tried, edges of the code reached, inputs worth keeping. Exit code 0:
nothing was found. What is found is kept as a file, with the command that repeats it; once mended,
put the file into tests/fuzz/corpus/TARGET, where all builds run it as a test.
END
}

fail() {
    printf 'fuzz: %s\n' "$*" >&2
    exit 2
}

memory_mb=1024   # Of one process,
input_seconds=10 # and of one input: beyond them it is a finding.
length_max=16384 # Bytes of an input.

# one DIRECTORY KEEP CORPUS SECONDS TARGET: a line, and the log beside what is learned.
one() {
    local binary=$1/fuzz_$5 place=$2/$5 seeds=$3/$5 seconds=$4 rc=0 scratch runs edges inputs found
    mkdir -p "$place/corpus" "$place/found"
    # In memory where there is some: a disk would wait for each commit.
    scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
    TMPDIR=$scratch "$binary" -max_total_time="$seconds" -rss_limit_mb=$memory_mb \
        -timeout=$input_seconds -max_len=$length_max -print_final_stats=1 \
        -artifact_prefix="$place/found/" "$place/corpus" "$seeds" >"$place/log" 2>&1 || rc=$?
    rm -rf "$scratch"
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$place/log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$place/log" | tail -1)
    inputs=$(find "$place/corpus" -type f | wc -l)
    found=$(sed -n 's/.*Test unit written to //p' "$place/log" | tail -1)
    printf '%-13s %9s inputs %7s/s %6s edges %6s kept  %s\n' "$5" "${runs:-0}" \
        "$((${runs:-0} / seconds))" "${edges:-0}" "$inputs" "$([ $rc -eq 0 ] && echo ok || echo FOUND)"
    [ $rc -eq 0 ] && return
    printf '  %s\n  again: %s %s\n' "$(grep -m1 -E 'does not hold|ERROR|runtime error|Assert' \
        "$place/log" || tail -1 "$place/log")" "$binary" "${found:-"(see $place/log)"}"
    touch "$place/failed"
}

directory=$1
corpus=$(dirname "${BASH_SOURCE[0]}")/corpus
shift
if [ "${1:-}" = --one ]; then
    one "$directory" "${@:2}"
    exit
fi

seconds=60
targets=()
keep=build-fuzz/kept
while [ $# -gt 0 ]; do
    case $1 in
    --help)
        usage
        exit
        ;;
    --seconds | --only | --keep)
        [ $# -ge 2 ] || fail "$1 needs a value; --help tells more"
        [ "$1" != --seconds ] || seconds=$2
        [ "$1" != --only ] || targets+=("$2")
        [ "$1" != --keep ] || keep=$2
        shift 2
        ;;
    *) fail "\"$1\" is not understood; --help tells more" ;;
    esac
done
[[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || fail "--seconds must be a whole number above 0"
for target in "${targets[@]}"; do
    [ -x "$directory/fuzz_$target" ] || fail "there is no target $target: see tests/fuzz/fuzz_*.c"
done
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(ls "$corpus")
fi

workers=$(nproc)
[ "$workers" -le ${#targets[@]} ] || workers=${#targets[@]}
each=$((seconds * workers / ${#targets[@]}))
[ $each -ge 1 ] || each=1
mkdir -p "$keep"
keep=$(cd "$keep" && pwd)
rm -f "$keep"/*/failed
printf '%s\n' "${targets[@]}" | xargs -P "$workers" -I{} \
    bash "${BASH_SOURCE[0]}" "$directory" --one "$keep" "$corpus" $each {}
failed=$(find "$keep" -mindepth 2 -maxdepth 2 -name failed | wc -l)
printf 'fuzz: %d targets, %d s each, %d with findings\n' ${#targets[@]} $each "$failed"
[ "$failed" -eq 0 ]
