// Feeds any bytes to the reader of ingest topics: what is before the first line break is the value of the
// headers "id" and "eventType" in turn, the rest is the record's value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/event.h"
#include "model/kafka_record.h"
#include "model/notification.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto split = input.find('\n');
  model::KafkaRecord record;
  record.topic = "notification.events";
  record.partition = 3;
  record.offset = 1042;
  const std::string header(input.substr(0, split));
  record.headers = {{"id", header}, {"eventType", header}};
  if (split != std::string_view::npos) record.value = std::string(input.substr(split + 1));
  // What is kept comes back, byte for byte.
  const auto again = model::read_record(model::encode_record(record));
  if (!again || again->value != record.value || again->headers.size() != 2) std::abort();
  const auto decoded = model::decode_record(record);
  if (!decoded) {
    if (decoded.error().code.empty() || decoded.error().detail.empty()) std::abort();
    return 0;
  }
  using Kind = model::DecodedRecord::Kind;
  if (decoded->kind == Kind::Nothing) return 0;
  // It says the same when it is read again, and no more than a caller may say.
  base::JsonDocument document;
  const auto root = document.parse(decoded->body);
  base::Problems problems;
  if (decoded->kind == Kind::Event) {
    if (decoded->body.size() > model::kEventMax) std::abort();
    if (root) static_cast<void>(model::read_event(*root, "", problems));
  } else {
    if (decoded->body.size() > model::kRequestMax || decoded->event_id.size() > model::kEventIdMax)
      std::abort();
    if (root) static_cast<void>(model::read_send_request(*root, std::nullopt, "", problems));
  }
  return 0;
}
