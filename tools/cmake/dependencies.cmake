# Third-party libraries, as interface targets named carillon::<what it is for>.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(date REQUIRED)
find_package(CURL REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-i18n icu-uc)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing)

# libphonenumber-dev wants Boost 1.74 and so cannot be installed beside 1.81: its headers are unpacked
# by tools/install_dependencies.sh, the library itself is Debian's libphonenumber8.
set(PHONENUMBER_INCLUDE "${CMAKE_SOURCE_DIR}/build/phonenumber/usr/include")
if(NOT EXISTS "${PHONENUMBER_INCLUDE}/phonenumbers/phonenumberutil.h")
  message(FATAL_ERROR "libphonenumber's headers are missing; run: make deps")
endif()
add_library(carillon_phonenumber INTERFACE)
target_include_directories(carillon_phonenumber SYSTEM INTERFACE "${PHONENUMBER_INCLUDE}")
target_link_libraries(carillon_phonenumber INTERFACE -l:libphonenumber.so.8)

add_library(carillon_flags INTERFACE)
target_include_directories(carillon_flags INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(carillon_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE SPDLOG_FMT_EXTERNAL)
target_link_libraries(carillon_flags INTERFACE Threads::Threads OpenSSL::SSL OpenSSL::Crypto fmt::fmt simdjson::simdjson)
