# One static library per folder of src/, one test binary for all x_test.cpp in it, one executable per
# x_fuzz.cpp. The folders are globbed: a new file needs no line here.

# Two precompiled headers, each made once and shared: what nearly every file includes, and the same
# with gtest and RapidCheck for the tests.
set(CARILLON_PCH_HEADERS
  <boost/asio.hpp> <fmt/format.h> <simdjson.h> <algorithm> <atomic> <chrono> <deque> <expected> <functional> <map>
  <memory> <mutex> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
function(carillon_precompiled name)
  add_library(${name} OBJECT "${CMAKE_SOURCE_DIR}/tools/cmake/pch.cpp")
  target_link_libraries(${name} PRIVATE carillon_flags)
  target_compile_options(${name} PRIVATE ${CARILLON_PCH_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
carillon_precompiled(carillon_pch ${CARILLON_PCH_HEADERS})
carillon_precompiled(carillon_test_pch ${CARILLON_PCH_HEADERS} <gmock/gmock.h> <gtest/gtest.h> <rapidcheck.h>)
target_link_libraries(carillon_test_pch PRIVATE GTest::gmock GTest::gtest rapidcheck)
set_target_properties(carillon_test_pch PROPERTIES EXCLUDE_FROM_ALL ON)

set(CARILLON_THIRD_PARTY_base spdlog::spdlog tomlplusplus::tomlplusplus PkgConfig::ARGON2)
set(CARILLON_THIRD_PARTY_model carillon_phonenumber date::date-tz PkgConfig::IDN2 PkgConfig::ICU)
set(CARILLON_THIRD_PARTY_net PkgConfig::NGHTTP2 CURL::libcurl PkgConfig::URING PkgConfig::HIREDIS)
set(CARILLON_THIRD_PARTY_store carillon_sqlite PkgConfig::PQ)
set(CARILLON_THIRD_PARTY_queue PkgConfig::RDKAFKA)
set(CARILLON_THIRD_PARTY_providers PkgConfig::GMIME)
set(CARILLON_THIRD_PARTY_sim PkgConfig::NGHTTP2)

# What runs in production: neither tests, fuzzers, benchmarks nor the file with main().
function(carillon_sources result folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "(_(test|fuzz|bench)|/main)\\.cpp$")
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# carillon_module(<folder> [DEPENDS <folder>…]): the library carillon_<folder>.
function(carillon_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  carillon_sources(sources ${name})
  list(TRANSFORM ARG_DEPENDS PREPEND carillon_)
  if(sources)
    add_library(carillon_${name} STATIC ${sources})
    target_precompile_headers(carillon_${name} REUSE_FROM carillon_pch)
    set(scope PUBLIC)
  else()
    add_library(carillon_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(carillon_${name} ${scope} carillon_flags ${ARG_DEPENDS} ${CARILLON_THIRD_PARTY_${name}})
  set_property(GLOBAL APPEND PROPERTY CARILLON_MODULES ${name})
endfunction()

function(carillon_binary)
  configure_file("${CMAKE_SOURCE_DIR}/tools/cmake/carillon_version.h.in"
                 "${CMAKE_BINARY_DIR}/generated/carillon_version.h" @ONLY)
  if(NOT EXISTS "${CMAKE_SOURCE_DIR}/src/app/main.cpp")
    message(WARNING "src/app/main.cpp is missing: only libraries and tests are built")
    return()
  endif()
  carillon_main(carillon)
endfunction()

# carillon_main(<target> [SOURCE…]): the binary; the sources come before those of the libraries.
function(carillon_main target)
  add_executable(${target} "${CMAKE_SOURCE_DIR}/src/app/main.cpp" ${ARGN})
  target_precompile_headers(${target} REUSE_FROM carillon_pch)
  target_link_libraries(${target} PRIVATE carillon_app)
  if(CARILLON_MIMALLOC AND NOT CARILLON_SANITIZE)
    find_package(mimalloc REQUIRED)
    target_link_libraries(${target} PRIVATE mimalloc)
  endif()
endfunction()

# carillon_mutant(<name> SOURCE…): carillon_<name>, the binary with these files compiled with
# CARILLON_MUTATION_<NAME>, which breaks a promise on purpose: tests/chaos/test_mutations.py proves that the
# checker sees it. The linker takes nothing from a library that an object before it has. `mutants` builds all.
add_custom_target(mutants)
function(carillon_mutant name)
  carillon_main(carillon_${name} ${ARGN})
  set_target_properties(carillon_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  string(TOUPPER "CARILLON_MUTATION_${name}" definition)
  target_compile_definitions(carillon_${name} PRIVATE ${definition})
  add_dependencies(mutants carillon_${name})
endfunction()

function(carillon_test_binary target label)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${target} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_precompile_headers(${target} REUSE_FROM carillon_test_pch)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main rapidcheck)
  add_test(NAME ${target} COMMAND ${target} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT 1200)
  set_property(GLOBAL APPEND PROPERTY CARILLON_TESTS ${target})
endfunction()

# `tests` builds them all: carillon_<folder>_tests, and carillon_conformance_tests from tests/conformance/.
function(carillon_tests)
  get_property(modules GLOBAL PROPERTY CARILLON_MODULES)
  foreach(name ${modules})
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*_test.cpp")
    if(tests)
      carillon_test_binary(carillon_${name}_tests unit SOURCES ${tests} LINK carillon_${name})
    endif()
  endforeach()
  file(GLOB suites CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/conformance/*.cpp")
  if(suites)
    carillon_test_binary(carillon_conformance_tests conformance SOURCES ${suites} LINK carillon_app)
  endif()
  get_property(targets GLOBAL PROPERTY CARILLON_TESTS)
  add_custom_target(tests DEPENDS ${targets})
endfunction()

# `fuzzers` builds fuzz_<x> for each src/<folder>/x_fuzz.cpp (linked with its folder's library) and each
# tests/fuzz/x_fuzz.cpp (linked with all). Seeds: tests/fuzz/corpus/<x>/.
function(carillon_fuzzers)
  if(NOT CARILLON_FUZZ)
    return()
  endif()
  add_custom_target(fuzzers)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       "${CMAKE_SOURCE_DIR}/src/*_fuzz.cpp" "${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp")
  foreach(source ${sources})
    cmake_path(GET source STEM name)
    string(REGEX REPLACE "_fuzz$" "" name "${name}")
    set(module app)
    if(source MATCHES "/src/([a-z]+)/")
      set(module ${CMAKE_MATCH_1})
    endif()
    add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${source})
    target_precompile_headers(fuzz_${name} REUSE_FROM carillon_pch)
    target_link_libraries(fuzz_${name} PRIVATE carillon_${module})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
  endforeach()
endfunction()
