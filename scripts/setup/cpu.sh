# Part of scripts/setup.sh: which features llama.cpp and stable-diffusion.cpp are compiled for.

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

# All flags of ggml: those for this CPU or the given ones, and the chosen GPU.
flags_for_ggml() {
    local backend="$1" given="$2"
    echo -n "${given:-$(flags_for_cpu)}"
    case "$backend" in
        cuda) echo -n " -DGGML_CUDA=ON" ;;
        vulkan) echo -n " -DGGML_VULKAN=ON" ;;
    esac
}
