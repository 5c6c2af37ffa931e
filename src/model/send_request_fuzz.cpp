// Feeds any JSON to the reader of send requests, and to their comparison.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/notification.h"
#include "model/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  base::JsonDocument document, copy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = document.parse(text);
  if (!root) return 0;
  base::Problems problems;
  const model::SendRequest request = model::read_send_request(*root, std::nullopt, "", problems);
  if (problems.size() > base::kMaxProblems) std::abort();
  if (problems.empty()) {
    if (request.to.empty() || (!request.content && request.template_key.empty())) std::abort();
    if (request.content) {
      for (const model::Channel channel : request.channels) {
        model::CompiledTemplate::Input input;
        input.channel = channel;
        if (!model::CompiledTemplate::literal(*request.content)->render(input)) std::abort();
      }
    }
  }
  // Written again, a body means the same.
  const auto again = copy.parse(base::to_json(*root));
  if (!again || !model::first_difference(*root, *again).empty()) std::abort();
  return 0;
}
