# The console (web/) as part of carillon_api; see src/api/console.h and tools/embed_console.py.
option(CARILLON_CONSOLE "build the console into the binary; needs node and npm" ON)

function(carillon_console)
  if(NOT CARILLON_CONSOLE)
    target_sources(carillon_api PRIVATE "${CMAKE_SOURCE_DIR}/tools/cmake/console_off.cpp")
    return()
  endif()
  find_program(CARILLON_NODE node)
  find_program(CARILLON_NPM npm)
  if(NOT CARILLON_NODE OR NOT CARILLON_NPM)
    message(FATAL_ERROR "The console is built with node and npm, which are missing: run `make deps`, or build without "
                        "the console: cmake --preset release -DCARILLON_CONSOLE=OFF")
  endif()
  file(GLOB top LIST_DIRECTORIES false CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/web/*")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/web/src/*" "${CMAKE_SOURCE_DIR}/web/public/*")
  list(APPEND sources ${top})
  list(FILTER sources EXCLUDE REGEX "(/node_modules|/dist|/tests|\\.d\\.ts|\\.test\\.tsx?)$")
  set(out "${CMAKE_BINARY_DIR}/generated")
  add_custom_command(
    OUTPUT "${out}/console_files.cpp" "${out}/console.bin"
    COMMAND python3 "${CMAKE_SOURCE_DIR}/tools/embed_console.py" "${out}"
    COMMAND ${CMAKE_COMMAND} -E touch_nocreate "${out}/console_files.cpp" "${out}/console.bin"
    DEPENDS ${sources} "${CMAKE_SOURCE_DIR}/tools/embed_console.py"
    COMMENT "Building the console" VERBATIM)
  target_sources(carillon_api PRIVATE "${out}/console_files.cpp")
  set_source_files_properties("${out}/console_files.cpp" PROPERTIES OBJECT_DEPENDS "${out}/console.bin")
endfunction()
