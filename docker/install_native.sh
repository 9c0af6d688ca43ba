#!/usr/bin/env bash
# A step of docker/Dockerfile: installs llama.cpp and, if requirements.txt has it, stable-diffusion.cpp with their Python
# packages. From /wheels if a wheel there fits, else compiled with NEXA_CMAKE_ARGS: lean (scripts/lean_build), or all of
# it if the lean build does not fit.
set -euo pipefail

for package in llama-cpp-python stable-diffusion-cpp-python; do
    requirement="$(grep "^$package" requirements.txt || true)"
    [[ -n $requirement ]] || continue
    if pip install --quiet --no-deps --no-index --find-links /wheels "$requirement" 2>/dev/null; then
        echo "$package: from docker/wheels"
        continue
    fi
    echo "$package: compiled with $NEXA_CMAKE_ARGS"
    for flags in "$(scripts/setup.sh --cmake-args "$package")" "$NEXA_CMAKE_ARGS"; do
        if CMAKE_ARGS="$flags" pip install --no-deps --no-binary "$package" "$requirement"; then
            continue 2
        fi
        echo "$package: could not be compiled with $flags" >&2
    done
    exit 1
done
