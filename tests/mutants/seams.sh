#!/usr/bin/env bash
# seams.sh [TREE]: each mutant that is listed has a seam in the engine. (One that is not listed does
# not compile.)
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
list=common/base/mutant.h
mapfile -t names < <(sed -n 's/^ *X(\([A-Z_]*\),.*/\1/p' "$list")
if [ "${#names[@]}" -eq 0 ]; then
    echo "seams: no mutant in $list" >&2
    exit 1
fi
missing=0
for name in "${names[@]}"; do
    if ! grep -rqF --include='*.c' "MUTANT($name)" common orchestrator observer participants; then
        echo "$list: $name has no seam"
        missing=1
    fi
done
exit "$missing"
