// Fuzz target: anybody may write to a topic. What is taken for hints is bounded and reads back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "queue/hint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto ids = carillon::queue::decode_hint(bytes);
  if (!ids) return 0;
  CARILLON_ASSERT(!ids->empty() && ids->size() <= carillon::queue::kHintIdsMax);
  CARILLON_ASSERT(carillon::queue::encode_hint(*ids) == bytes);
  return 0;
}
