# Language, warnings, optimisation and sanitizers, the same for every target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CARILLON_SANITIZE "" CACHE STRING "value for -fsanitize=, or empty")
option(CARILLON_FUZZ "build the libFuzzer targets" OFF)
option(CARILLON_MIMALLOC "link the binary with mimalloc" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# -pthread everywhere: gmime asks for it, and a precompiled header must be made with its users' flags.
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -pthread
  -fno-omit-frame-pointer -ffunction-sections -fdata-sections)
add_link_options(-fuse-ld=lld -pthread -Wl,--gc-sections -Wl,--as-needed)

# Assertions stay on in every build (base/error.h), so NDEBUG is never defined.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")
# -O1 and line tables: several times faster to run under a sanitizer than -O0, and stacks stay readable.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only")
set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only")

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CARILLON_SANITIZE)
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
if(CARILLON_SANITIZE)
  add_compile_options(-fsanitize=${CARILLON_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CARILLON_SANITIZE})
endif()
if(CARILLON_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# A precompiled header that holds the time of its making would never hit in ccache.
set(CARILLON_PCH_OPTIONS "SHELL:-Xclang -fno-pch-timestamp")
