#!/usr/bin/env bash
# Checks the page's sources: types, layout, tests of single modules, and that router/web/built is what they build.
# Uses the Node of .venv (extra dev), and without it the one on PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PWD/.venv/bin:$PATH"
web="$PWD/router/web"

fail() {
    echo "check_page: $*" >&2
    exit 1
}

version="$(node --version 2>/dev/null || echo none)"
[[ $version =~ ^v([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] > 20 || (BASH_REMATCH[1] == 20 && BASH_REMATCH[2] >= 19))) ||
    fail "expected Node 20.19 or later, got $version; scripts/setup.sh dev installs one into .venv"
command -v npm >/dev/null || fail "expected npm, got none; scripts/setup.sh dev installs one into .venv"

made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
cd "$web"
echo "check_page: packages, types, layout and tests (Node $version)"
npm ci --silent
npm run --silent check
npm test --silent
npm run --silent build -- --outDir "$made" --emptyOutDir --logLevel warn
if [[ -z "$(git ls-files built)" ]]; then
    echo "check_page: router/web/built is not in the repository; it was not compared"
elif ! diff -rq built "$made" >&2; then
    fail "router/web/built is not what its sources build: cd router/web && npm ci && npm run build, then commit built/"
fi
