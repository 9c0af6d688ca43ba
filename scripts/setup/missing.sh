# Part of scripts/setup.sh: what the machine lacks, and the command that installs it.

missing=()
packages=()

# Fails with one message on all that is missing: $python, its module venv, and what the words name: compiler, cuda,
# vulkan.
check_machine() {
    local manager part
    manager="$(package_manager)"
    for part in "$(python_part)" "$@"; do
        "has_$part" || lacks "$part" "$manager"
    done
    [[ ${#missing[@]} -eq 0 ]] || fail_with_command "$manager"
}

fail_with_command() {
    local manager="$1"
    {
        echo "setup: missing:"
        printf 'setup:   %s\n' "${missing[@]}"
        if [[ ${#packages[@]} -gt 0 ]]; then
            echo "setup: this command installs what your distribution has of it; then run this again:"
            echo
            echo "    $(install_command "$manager") $(printf '%s\n' "${packages[@]}" | tr ' ' '\n' | sort -u | paste -sd' ')"
        else
            echo "setup: install it, then run this again"
        fi
    } >&2
    exit 1
}

# What of Python may be missing: Python itself, a newer one, or its module venv.
python_part() {
    if ! command -v "$python" >/dev/null; then
        echo python
    elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo newer_python
    else
        echo venv
    fi
}

has_python() { false; }
has_newer_python() { false; }
has_venv() { "$python" -c 'import venv, ensurepip' 2>/dev/null; }

has_compiler() { command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null; }
has_cuda() { command -v "${CUDACXX:-nvcc}" >/dev/null || [[ -x ${CUDA_PATH:-/usr/local/cuda}/bin/nvcc ]]; }

# The compiler of shaders, the loader with its headers, and the headers of SPIR-V.
has_vulkan() {
    [[ -z ${VULKAN_SDK:-} ]] || return 0
    command -v glslc >/dev/null && grep -qs VK_EXT_layer_settings /usr/include/vulkan/vulkan_core.h &&
        compgen -G "/usr/*/cmake/SPIRV-Headers/SPIRV-HeadersConfig.cmake" >/dev/null
}

# Adds a part to `missing`, and the packages that bring it to `packages`.
lacks() {
    local part="$1" manager="$2" what named
    case "$part" in
        python) what="Python 3.11 or later, as $python or as what PYTHON names" ;;
        newer_python) what="Python 3.11 or later: $python is $("$python" --version 2>&1); PYTHON may name another" ;;
        venv) what="the module venv of $python" ;;
        compiler) what="a C++ compiler" ;;
        cuda) what="the CUDA toolkit (nvcc)" ;;
        vulkan) what="Vulkan's loader, compiler of shaders (glslc) and headers, 1.3.272 or later (Debian 12 has older ones)" ;;
    esac
    missing+=("$what")
    named="$(packages_of "$manager" "$part")"
    [[ -z $named ]] || packages+=("$named")
}

package_manager() {
    local each
    for each in apt-get dnf zypper pacman apk; do
        if command -v "$each" >/dev/null; then
            echo "$each"
            return
        fi
    done
}

# The packages of a part, by the package manager; nothing where it is not known to have one.
packages_of() {
    case "$1:$2" in
        apt-get:python) echo "python3 python3-venv" ;;
        apt-get:newer_python) echo "python3.11 python3.11-venv" ;;
        apt-get:venv) echo "$(basename "$python")-venv" ;;
        apt-get:compiler) echo "g++" ;;
        apt-get:cuda) echo "nvidia-cuda-toolkit" ;;
        apt-get:vulkan) echo "libvulkan-dev glslc spirv-headers" ;;
        dnf:python) echo "python3" ;;
        dnf:newer_python) echo "python3.12" ;;
        dnf:compiler | zypper:compiler) echo "gcc-c++" ;;
        dnf:vulkan) echo "vulkan-loader-devel vulkan-headers glslc spirv-headers-devel" ;;
        zypper:python | zypper:newer_python) echo "python312" ;;
        zypper:vulkan) echo "vulkan-devel shaderc spirv-headers" ;;
        pacman:python | pacman:newer_python | pacman:venv) echo "python" ;;
        pacman:compiler) echo "gcc" ;;
        pacman:cuda) echo "cuda" ;;
        pacman:vulkan) echo "vulkan-headers vulkan-icd-loader shaderc spirv-headers" ;;
        apk:python | apk:newer_python | apk:venv) echo "python3" ;;
        apk:compiler) echo "build-base linux-headers" ;;
        apk:vulkan) echo "vulkan-headers vulkan-loader-dev shaderc spirv-headers" ;;
    esac
}

install_command() {
    local sudo=""
    [[ $EUID -eq 0 ]] || sudo="sudo "
    case "$1" in
        apt-get) echo "${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends" ;;
        dnf) echo "${sudo}dnf install -y" ;;
        zypper) echo "${sudo}zypper install -y" ;;
        pacman) echo "${sudo}pacman -S --needed" ;;
        apk) echo "${sudo}apk add" ;;
    esac
}
