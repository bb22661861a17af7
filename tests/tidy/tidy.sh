#!/usr/bin/env bash
# tidy.sh [TREE]: keeps the layers apart and the habits of docs and style; see tidy.awk.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$here/../..}"

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find . \( -name .git -o -path './build' -o -path './build-*' -o -name zsaga-data \) -prune -o \
    -type f -name '*.[ch]' -print | sed 's|^\./||' | LC_ALL=C sort > "$list"
mapfile -t files < "$list"
if [ "${#files[@]}" -eq 0 ]; then
    echo "tidy: no C file in $PWD" >&2
    exit 1
fi
LC_ALL=C awk -v list="$list" -f "$here/tidy.awk" "${files[@]}"
