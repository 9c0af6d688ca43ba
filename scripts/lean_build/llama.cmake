# The lean build of llama-cpp-python: of llama.cpp only what Python loads, and fast to compile.
#
# CMake includes this file right after project() of llama-cpp-python and of llama.cpp, by
# -DCMAKE_PROJECT_llama_cpp_INCLUDE=FILE and -DCMAKE_PROJECT_llama.cpp_INCLUDE=FILE. ggml, which computes, is compiled
# as ever. The rest only builds graphs and reads files: it is compiled with -O1, several files at once. Where this no
# longer fits llama.cpp, configuring fails with a message that begins with "lean build:".

# -DNEXA_CPU_VARIANTS="x64;haswell" builds one backend for each of these CPUs, by ggml's names for them; the server loads
# the best of them (workers/llama/native/backends.py).

if(PROJECT_NAME STREQUAL "llama.cpp")
    set(LLAMA_BUILD_COMMON OFF)  # only programs need it
    set(LLAMA_ALL_WARNINGS OFF)
    if(NEXA_CPU_VARIANTS)
        set(GGML_BACKEND_DL ON)
        set(GGML_CPU_ALL_VARIANTS ON)

        # CMake calls this instead of its command of this name. ggml asks for all variants; it gets the wanted ones.
        function(add_dependencies target)
            if(target STREQUAL "ggml" AND "${ARGN}" MATCHES "^ggml-cpu-(.+)$")
                if(NOT CMAKE_MATCH_1 IN_LIST NEXA_CPU_VARIANTS)
                    return()
                endif()
            endif()
            _add_dependencies(${target} ${ARGN})
        endfunction()
    endif()
elseif(CMAKE_VERSION VERSION_LESS 3.19)
    message(FATAL_ERROR "lean build: expected CMake 3.19 or later, got ${CMAKE_VERSION}")
else()
    cmake_language(DEFER CALL nexa_lean_build)
endif()

# What is left to Python, once all targets are known.
function(nexa_lean_build)
    foreach(target ggml ggml-base llama mtmd)
        if(NOT TARGET ${target})
            message(FATAL_ERROR "lean build: llama.cpp has no target ${target}")
        endif()
    endforeach()
    foreach(variant ${NEXA_CPU_VARIANTS})
        if(NOT TARGET ggml-cpu-${variant})
            message(FATAL_ERROR "lean build: ggml has no variant ${variant} for a CPU")
        endif()
    endforeach()
    if(TARGET llama-common)
        message(FATAL_ERROR "lean build: llama.cpp builds its target llama-common all the same")
    endif()
    nexa_compile_together(llama 8 "^models/")
    nexa_compile_together(mtmd 12 "^models/")
    # What runs with every token: a small model's decoding step takes a few milliseconds.
    nexa_compile_fully(
        llama llama-batch.cpp llama-context.cpp llama-grammar.cpp llama-graph.cpp llama-kv-cache.cpp llama-sampler.cpp
        llama-vocab.cpp unicode.cpp
    )
    nexa_install_only_for_python()
endfunction()

# Compiles a target with -O1, and its sources that match `pattern` in batches of `size`.
function(nexa_compile_together target size pattern)
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(sources ${target} SOURCES)
    list(TRANSFORM sources REPLACE "^${folder}/" "")
    set(alone ${sources})
    list(FILTER sources INCLUDE REGEX "${pattern}")
    if(NOT sources)
        message(FATAL_ERROR "lean build: ${target} has no sources like ${pattern}")
    endif()
    list(FILTER alone EXCLUDE REGEX "${pattern}")
    list(TRANSFORM alone PREPEND "${folder}/")
    set_source_files_properties(${alone} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
    target_compile_options(${target} PRIVATE -O1)
endfunction()

# Compiles sources of a target as if the target were not lean.
function(nexa_compile_fully target)
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(sources ${target} SOURCES)
    list(TRANSFORM sources REPLACE "^${folder}/" "")
    foreach(source ${ARGN})
        if(NOT source IN_LIST sources)
            message(FATAL_ERROR "lean build: ${target} has no source ${source}")
        endif()
        set_property(SOURCE "${folder}/${source}" TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_OPTIONS -O3)
    endforeach()
endfunction()

# Installs each library once, under the one name by which others find it, and no headers. What llama.cpp installs by
# itself is left out with its folders; the libraries are built because this target asks for them.
function(nexa_install_only_for_python)
    get_target_property(mtmd_folder mtmd SOURCE_DIR)
    get_target_property(folder llama SOURCE_DIR)
    get_filename_component(folder "${folder}" DIRECTORY)
    set_property(DIRECTORY "${folder}" PROPERTY EXCLUDE_FROM_ALL ON)
    set_property(DIRECTORY "${mtmd_folder}" PROPERTY EXCLUDE_FROM_ALL ON)
    add_custom_target(nexa_libraries ALL)
    nexa_collect_targets("${folder}" targets)
    foreach(target mtmd ${targets})
        if("${target}" MATCHES "^ggml-cpu-(.+)$" AND NEXA_CPU_VARIANTS AND NOT CMAKE_MATCH_1 IN_LIST NEXA_CPU_VARIANTS)
            continue()
        endif()
        get_target_property(type ${target} TYPE)
        if(type MATCHES "^(SHARED|MODULE)_LIBRARY$")
            set_property(TARGET ${target} PROPERTY VERSION)
            set_property(TARGET ${target} PROPERTY SOVERSION)
            add_dependencies(nexa_libraries ${target})
        endif()
        if(type STREQUAL "MODULE_LIBRARY")  # the package installs only the backends that it knows
            llama_cpp_python_install_target(${target})
        endif()
    endforeach()
endfunction()

# All targets of a folder and of those below it.
function(nexa_collect_targets folder result)
    get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
    get_property(below DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
    foreach(each ${below})
        nexa_collect_targets("${each}" more)
        list(APPEND targets ${more})
    endforeach()
    set(${result} ${targets} PARENT_SCOPE)
endfunction()
