# How every target of the project is built: the language, the warnings, the sanitizers,
# and the three functions that the folders use (mot_library, mot_test, mot_fuzz).

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(MOT_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
option(MOT_FUZZERS "Build the libFuzzer targets (clang only)" OFF)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(mot_flags INTERFACE)
target_include_directories(mot_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(mot_flags INTERFACE _GNU_SOURCE MOT_VERSION="${PROJECT_VERSION}")
target_compile_options(mot_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wundef -Wvla -Wcast-qual
    -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference
    -Wdouble-promotion -Werror -fno-common -fstack-protector-strong)
target_link_libraries(mot_flags INTERFACE Threads::Threads)
if(MOT_SANITIZE)
    target_compile_options(mot_flags INTERFACE
        -fsanitize=${MOT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(mot_flags INTERFACE -fsanitize=${MOT_SANITIZE})
    # GCC's flow analysis sees the sanitizers' own checks as null dereferences.
    target_compile_options(mot_flags INTERFACE -Wno-null-dereference
        $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(mot_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(MOT_FUZZERS)
    # The libraries are what is fuzzed. Programs that are no fuzzers find the hooks in a sanitizer's runtime.
    if(NOT MOT_SANITIZE)
        message(FATAL_ERROR "MOT_FUZZERS needs MOT_SANITIZE")
    endif()
    target_compile_options(mot_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# mot_pkg(jansson): the imported target PkgConfig::jansson, its headers as system headers.
function(mot_pkg name)
    if(NOT TARGET PkgConfig::${name})
        pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${name})
    endif()
endfunction()

# mot_library(NAME SOURCES a.c ... USES other targets ...): a static library mot_NAME.
# USES is the layer: what is not named there can't be linked.
function(mot_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE" ${ARGN})
    add_library(mot_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(mot_${name} PUBLIC mot_flags ${ARG_USES} PRIVATE ${ARG_PRIVATE})
    target_include_directories(mot_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# mot_test(NAME RING unit SOURCES a.c ... USES targets ... [TIMEOUT seconds] [ENVIRONMENT ...])
# A ctest named RING.NAME with the label RING. The program gets the source folder as
# MOT_SOURCE_DIR and the build folder as MOT_BUILD_DIR in its environment.
function(mot_test name)
    cmake_parse_arguments(ARG "" "RING;TIMEOUT" "SOURCES;USES;ENVIRONMENT;ARGS" ${ARGN})
    set(target ${ARG_RING}_${name})
    mot_pkg(cmocka)
    add_executable(${target} ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE mot_flags ${ARG_USES} PkgConfig::cmocka)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR})
    add_test(NAME ${ARG_RING}.${name} COMMAND ${target} ${ARG_ARGS})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 60)
    endif()
    set_tests_properties(${ARG_RING}.${name} PROPERTIES LABELS ${ARG_RING} TIMEOUT ${ARG_TIMEOUT}
        ENVIRONMENT "MOT_SOURCE_DIR=${PROJECT_SOURCE_DIR};MOT_BUILD_DIR=${PROJECT_BINARY_DIR};${ARG_ENVIRONMENT}")
endfunction()

# mot_fuzz(NAME SOURCES a.c ... USES targets ...): a libFuzzer program fuzz_NAME with its corpus in
# tests/fuzz/corpus/NAME. Without MOT_FUZZERS the same source, with a main of ours, replays the corpus as
# the test fuzz.NAME.
function(mot_fuzz name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
    set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    add_executable(fuzz_${name} ${ARG_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE mot_flags ${ARG_USES})
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR})
    if(MOT_FUZZERS)
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz.${name}
            COMMAND fuzz_${name} -max_total_time=20 -timeout=5 -print_final_stats=1 ${PROJECT_BINARY_DIR}/corpus-${name} ${corpus})
        file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus-${name})
    else()
        target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/lib/fuzz_main.c)
        add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${corpus})
    endif()
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
