#!/usr/bin/env bash
# format.sh [TREE]: every C file is as clang-format, with the tree's .clang-format, would write it.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
find . \( -name .git -o -path './build' -o -path './build-*' -o -name zsaga-data \) -prune -o \
    -type f -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
