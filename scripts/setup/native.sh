# Part of scripts/setup.sh: llama.cpp and stable-diffusion.cpp with their Python packages, compiled or from NEXA_WHEELS.

hooks="$PWD/scripts/lean_build"

# The requirement of pyproject.toml for a package.
requirement_of() { sed -n "s/^ *\"\($1[^\"]*\)\".*/\1/p" pyproject.toml; }

# The CMake flags of the lean build of a package (scripts/lean_build).
lean_flags() {
    case "$1" in
        llama-cpp-python)
            echo "'-DCMAKE_PROJECT_llama_cpp_INCLUDE=$hooks/llama.cmake' '-DCMAKE_PROJECT_llama.cpp_INCLUDE=$hooks/llama.cmake'"
            ;;
        stable-diffusion-cpp-python) echo "'-DCMAKE_PROJECT_stable_diffusion_cpp_INCLUDE=$hooks/images.cmake'" ;;
    esac
}

# pip's wheel cache ignores the flags that a wheel was compiled with, so these wheels are kept in a separate cache, with
# one folder per version, flags and way of compiling.
wheel_folder() {
    local package="$1" flags="$2"
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/nexa/wheels/$(
        { requirement_of "$package" && echo "$flags $(uname -sm)" && cat "$hooks"/*.cmake "$hooks"/*.py; } | hash_of
    )"
}

has_wheel() { compgen -G "$(wheel_folder "$1" "$2")/*.whl" >/dev/null; }

# Whether NEXA_WHEELS offers a package. Of an index, it is taken for granted: pip will ask it.
is_offered() { [[ $wheels == *://* ]] || { [[ -n $wheels ]] && compgen -G "$wheels/${1//-/_}-*.whl" >/dev/null; }; }

# Installs a package with its library: from NEXA_WHEELS, else from the cache of compiled wheels, else compiled now.
install_native() {
    local package="$1" name="$2" minutes="$3" flags="$4" folder
    if is_offered "$package"; then
        step "installing $name from $wheels"
        install_offered "$package" || fail_with_log "$wheels has no wheel of $package for this machine"
        return
    fi
    folder="$(wheel_folder "$package" "$flags")"
    if has_wheel "$package" "$flags"; then
        step "installing $name, compiled with $flags"
        install_wheel "$folder" || fail_with_log "installing $name failed"
        return
    fi
    step "compiling $name ($(requirement_of "$package"), $flags): takes $minutes minutes on 2 cores, only once"
    mkdir -p "$folder"
    compile "$package" "$folder" "$(lean_flags "$package") $flags" && return
    say "the lean build does not fit this $name: $(reason_in "$folder/failed.log")"
    say "compiling all of $name instead, which takes several times as long"
    compile "$package" "$folder" "$flags" || fail_with_log "compiling $name failed"
}

# Only the package comes from NEXA_WHEELS: what it depends on comes later, from where packages come.
install_offered() {
    local where=(--no-index --find-links "$wheels")
    [[ $wheels != *://* ]] || where=(--index-url "$wheels")
    run_pip install --no-deps --only-binary :all: "${where[@]}" "$(requirement_of "$1")"
}

# Its dependencies too, so that it can be imported; the wheel itself even if that version is there.
install_wheel() {
    run_pip install --force-reinstall --no-deps "$1"/*.whl && run_pip install "$1"/*.whl
}

import_native() {
    local modules="stable_diffusion_cpp"
    [[ $1 != llama-cpp-python ]] || modules="llama_cpp.llama_cpp, llama_cpp.llama_cpp_ext, llama_cpp.mtmd_cpp"
    .venv/bin/python -c "import $modules" >>"$log" 2>&1
}

# Compiles a wheel and installs it, and keeps it in a folder if it can be imported; else keeps the log there.
compile() {
    local package="$1" folder="$2" flags="$3" draft
    draft="$(mktemp -d "$folder/build.XXXXXX")"
    # shellcheck disable=SC2064
    trap "rm -rf '$draft' '$log'" EXIT
    if CMAKE_ARGS="$flags" run_pip wheel --verbose --no-deps --no-cache-dir --no-binary "$package" \
        --wheel-dir "$draft" "$(requirement_of "$package")" && install_wheel "$draft" && import_native "$package"; then
        mv "$draft"/*.whl "$folder/"
        rm -rf "$draft"
        return 0
    fi
    cp "$log" "$folder/failed.log"
    rm -rf "$draft"
    return 1
}

# What a log says of the lean build.
reason_in() {
    local reason
    reason="$(grep -m1 -o 'lean build: .*' "$1")" && echo "${reason#lean build: }" || echo "its log is $1"
}
