# The lean build of stable-diffusion-cpp-python. CMake includes this file right after its project(), by
# -DCMAKE_PROJECT_stable_diffusion_cpp_INCLUDE=FILE. ggml, which computes, is compiled as ever; the rest builds graphs,
# and is compiled with -O1. Where this no longer fits stable-diffusion.cpp, configuring fails with a message that begins
# with "lean build:".

if(CMAKE_VERSION VERSION_LESS 3.19)
    message(FATAL_ERROR "lean build: expected CMake 3.19 or later, got ${CMAKE_VERSION}")
endif()
set(NEXA_LEAN_BUILD "${CMAKE_CURRENT_LIST_DIR}")
cmake_language(DEFER CALL nexa_lean_build)

function(nexa_lean_build)
    if(NOT TARGET stable-diffusion)
        message(FATAL_ERROR "lean build: stable-diffusion.cpp has no target stable-diffusion")
    endif()
    target_compile_options(stable-diffusion PRIVATE -O1)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        nexa_assemble_vocabulary()
    endif()
    # Installed is only what the package itself installs: the library, once, and no headers.
    get_target_property(folder stable-diffusion SOURCE_DIR)
    set_property(DIRECTORY "${folder}" PROPERTY EXCLUDE_FROM_ALL ON)
    add_custom_target(nexa_library ALL)
    add_dependencies(nexa_library stable-diffusion)
endfunction()

# Replaces vocab.cpp by one whose data the assembler reads from files.
function(nexa_assemble_vocabulary)
    get_target_property(sources stable-diffusion SOURCES)
    set(vocabulary ${sources})
    list(FILTER vocabulary INCLUDE REGEX "/vocab\\.cpp$")
    list(LENGTH vocabulary count)
    if(NOT count EQUAL 1)
        message(FATAL_ERROR "lean build: expected one vocab.cpp in stable-diffusion.cpp, got ${count}")
    endif()
    get_filename_component(source "${vocabulary}" DIRECTORY)
    set(target "${CMAKE_CURRENT_BINARY_DIR}/nexa_vocabulary")
    find_program(NEXA_PYTHON NAMES python3 python REQUIRED HINTS "${Python_ROOT_DIR}")
    execute_process(
        COMMAND "${NEXA_PYTHON}" "${NEXA_LEAN_BUILD}/vocabulary.py" "${source}" "${target}"
        RESULT_VARIABLE status
        ERROR_VARIABLE error
    )
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "lean build: the vocabulary of stable-diffusion.cpp cannot be read: ${error}")
    endif()
    list(REMOVE_ITEM sources "${vocabulary}")
    set_property(TARGET stable-diffusion PROPERTY SOURCES "${sources}" "${target}/vocab.cpp")
endfunction()
