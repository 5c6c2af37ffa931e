// A message of an ingest topic, written by whoever may write there, read as what it stands for: the body of a
// notification, a business event, or nothing. Pure; every byte is from outside.
//
// Taken as JSON: the body of POST /v1/notifications; a structured CloudEvent; a row change as Debezium writes
// it, which becomes an event. Each may come as Debezium's converters wrap it (RELIABILITY §3): with or
// without {"schema","payload"}, as a JSON text that holds JSON, with header values in quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace carillon::model {

inline constexpr std::size_t kRecordHeadersMax = 64;         // more are not looked at
inline constexpr std::size_t kRecordValueMax = 1024 * 1024;  // bytes; a schema may be most of them

struct KafkaRecord {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  Time at{};                         // its own timestamp
  std::string key;                   // bytes
  std::optional<std::string> value;  // bytes; nullopt: a tombstone
  std::vector<std::pair<std::string, std::string>> headers;

  // "notification.events/3/1042": where it is.
  [[nodiscard]] std::string place() const;
};

struct DecodedRecord {
  enum class Kind : std::uint8_t {
    Nothing,       // a tombstone, a heartbeat, a truncated table: nothing happened to anybody
    Notification,  // `body` is that of POST /v1/notifications; not validated yet
    Event,         // `body` is a CloudEvent; not validated yet
  };
  Kind kind = Kind::Nothing;
  std::string body;
  // Of a notification whose body names no event: the header "id" (of an outbox row), else the place.
  std::string event_id;
  bool is_by_place = false;
};

// What one record says. The problem's code is not_json, body_too_large, too_long (the header "id"),
// unknown_shape or unsupported; its detail says in words what was found.
[[nodiscard]] std::expected<DecodedRecord, base::Problem> decode_record(const KafkaRecord& record);

// The record as one JSON text, as it is kept, and back. A value of more than kRecordValueMax bytes is cut
// there. Errors: Corruption.
[[nodiscard]] std::string encode_record(const KafkaRecord& record);
[[nodiscard]] Result<KafkaRecord> read_record(std::string_view text);

}  // namespace carillon::model
