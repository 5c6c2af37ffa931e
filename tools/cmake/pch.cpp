// Carrier of the precompiled header; see modules.cmake.
