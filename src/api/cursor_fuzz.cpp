// A cursor read from any bytes is refused or reads back to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/cursor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  static const base::Secret kKey("key of the fuzzer");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(api::read_cursor(text, "list", kKey));
  const api::Cursor cursor{static_cast<std::int64_t>(size), std::string(text.substr(0, 256))};
  if (api::read_cursor(api::write_cursor(cursor, "list", kKey), "list", kKey) != cursor) std::abort();
  return 0;
}
