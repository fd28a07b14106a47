# Helpers that every folder's CMakeLists.txt uses: one target a folder. Who may include whom: tests/structure.
include(GNUInstallDirs)

add_library(trm_flags INTERFACE)
target_compile_options(trm_flags INTERFACE -Wall -Wextra -Wpedantic $<$<COMPILE_LANGUAGE:CXX>:-Wno-psabi>)

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(LINKER:--disable-new-dtags)  # an RPATH also finds the libraries of libraries (scripts/package.sh)
endif()

# The folder of the file that is loaded, in an RPATH. macOS: Homebrew keeps its OpenMP out of the common folders.
set(TRM_ORIGIN "$ORIGIN")
if(APPLE)
  set(TRM_ORIGIN "@loader_path")
  find_program(TRM_BREW brew)
  if(TRM_BREW AND NOT OpenMP_ROOT)
    execute_process(COMMAND ${TRM_BREW} --prefix libomp OUTPUT_VARIABLE OpenMP_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()

option(TRM_ASAN "Build with address and undefined-behaviour sanitizers" OFF)
if(TRM_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

option(TRM_TSAN "Build with the thread sanitizer" OFF)
if(TRM_TSAN)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

option(TRM_FUZZ "Build the fuzzing targets: with libFuzzer and sanitizers where the compiler is Clang, else to replay their corpora" OFF)
if(TRM_FUZZ AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# trm_library(<folder> SOURCES a.cpp ... [PUBLIC targets...] [PRIVATE targets...])
# Defines target trm_<folder>. Headers are included from the repository root: #include "device/tensor.h".
function(trm_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(trm_${name} STATIC ${ARG_SOURCES})
  target_include_directories(trm_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(trm_${name} PUBLIC ${ARG_PUBLIC} PRIVATE trm_flags ${ARG_PRIVATE})
endfunction()

# trm_program(<name> SOURCES ... LIBRARIES ...): an installed executable, placed in <build>/bin.
function(trm_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE trm_flags ${ARG_LIBRARIES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin
                        BUILD_RPATH_USE_ORIGIN ON INSTALL_RPATH "${TRM_ORIGIN};${TRM_ORIGIN}/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# trm_filtered_test(<name> <test binary's name> <gtest filter> [TIMEOUT s] [ENVIRONMENT ...]): some tests of a binary again, in another
# environment. A pattern of the filter that matches no test fails.
function(trm_filtered_test name binary filter)
  cmake_parse_arguments(ARG "" "TIMEOUT" "ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -DBINARY=${PROJECT_BINARY_DIR}/tests/test_${binary} -DFILTER=${filter}
           -P ${PROJECT_SOURCE_DIR}/cmake/FilteredTest.cmake WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_REGULAR_EXPRESSION "(^|\n)skipped: "
    ENVIRONMENT "TRM_SHARED=${PROJECT_SOURCE_DIR}/../shared;TRM_SOURCE=${PROJECT_SOURCE_DIR};TRM_BIN=${PROJECT_BINARY_DIR}/bin;OMP_WAIT_POLICY=passive;${ARG_ENVIRONMENT}")
endfunction()

# trm_test(<name> SOURCES ... LIBRARIES ... [TIMEOUT s] [LABELS ...]): one GoogleTest binary, one ctest entry.
# Tests find ../shared through the TRM_SHARED environment variable, set here; they skip with a message where it is absent.
function(trm_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE trm_flags ${ARG_LIBRARIES} GTest::gtest GTest::gtest_main)
  target_precompile_headers(test_${name} PRIVATE <gtest/gtest.h> <string> <vector> <filesystem>)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "TRM_SHARED=${PROJECT_SOURCE_DIR}/../shared;TRM_SOURCE=${PROJECT_SOURCE_DIR};TRM_BIN=${PROJECT_BINARY_DIR}/bin;OMP_WAIT_POLICY=passive")
endfunction()
