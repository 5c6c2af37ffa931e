#include "model/kafka_record.h"

#include "base/crypto.h"
#include "model/event.h"
#include "model/notification.h"

namespace carillon::model {
namespace {

using Kind = DecodedRecord::Kind;

constexpr int kWrappingsMax = 4;               // of a value in another
constexpr std::size_t kHeaderKeyMax = 256;     // bytes kept of a header's name
constexpr std::size_t kHeaderValueMax = 4096;  // bytes kept of its value
constexpr std::size_t kKeyMax = 4096;          // bytes kept of a record's key
constexpr std::string_view kRowKey = "carillon.row.id.";

std::unexpected<base::Problem> problem(std::string code, std::string detail) {
  return std::unexpected(base::Problem{"", std::move(code), std::move(detail)});
}

bool has(base::JsonObject object, std::string_view key) {
  return object.at_key(key).error() == simdjson::SUCCESS;
}
std::string_view text_at(base::JsonObject object, std::string_view key) {
  std::string_view text;
  return object.at_key(key).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// A header as Kafka Connect (its text) or Debezium Server (in quotes, perhaps with its schema) writes it.
std::string header_text(std::string_view raw) {
  if (raw.empty() || (raw.front() != '"' && raw.front() != '{')) return std::string(raw);
  base::JsonDocument document;
  const auto root = document.parse(raw);
  if (!root) return std::string(raw);
  std::string_view text;
  if (root->get(text) == simdjson::SUCCESS) return std::string(text);
  base::JsonObject object;
  if (root->get(object) == simdjson::SUCCESS && object.at_key("payload").get(text) == simdjson::SUCCESS)
    return std::string(text);
  return std::string(raw);
}

std::string header(const KafkaRecord& record, std::string_view name) {
  std::size_t looked = 0;
  for (const auto& [key, value] : record.headers) {
    if (looked++ == kRecordHeadersMax) break;
    if (key == name) return header_text(value);
  }
  return {};
}

bool is_row_change(base::JsonObject object) {
  base::JsonObject source;
  return !text_at(object, "op").empty() && object.at_key("source").get(source) == simdjson::SUCCESS;
}

// Says of itself what it is.
bool is_meant(base::JsonObject object) {
  return has(object, "specversion") || has(object, "to") || is_row_change(object);
}

// ---- row changes
std::string_view type_of(std::string_view op) {
  if (op == "c") return "row.created";
  if (op == "u") return "row.updated";
  if (op == "d") return "row.deleted";
  if (op == "r") return "row.read";  // found there when a snapshot was taken
  return {};
}

// "/shop/public/orders": database, schema where there is one, table.
std::string source_of(base::JsonObject source) {
  std::string out;
  for (const char* part : {"db", "schema", "table", "collection"}) {
    if (const auto text = text_at(source, part); !text.empty()) out.append("/").append(text);
  }
  return out.empty() ? "/" + std::string(text_at(source, "name")) : out;
}

// Where in the database's log it stands: the same however often the change is carried.
std::string position_of(base::JsonObject source) {
  std::string out;
  for (const char* part : {"lsn", "txId", "file", "pos", "row", "gtid", "scn", "ssn", "change_lsn",
                           "commit_lsn", "event_serial_no", "ord"}) {
    base::JsonElement value;
    if (source.at_key(part).get(value) == simdjson::SUCCESS && !value.is_null())
      out.append(part).append("=").append(base::to_json(value)).append(";");
  }
  return out;
}

void write_side(base::JsonWriter& out, base::JsonObject change, std::string_view side) {
  base::JsonElement row;
  out.key(side);
  if (change.at_key(side).get(row) == simdjson::SUCCESS) {
    out.element(row);
  } else {
    out.null();
  }
}

// A change as an event. Its id is made of what it is, so that one that is carried twice is one.
std::string event_of(const KafkaRecord& record, base::JsonObject change, std::string_view type) {
  base::JsonElement source;
  base::JsonObject origin;
  static_cast<void>(change.at_key("source").get(source));
  static_cast<void>(source.get(origin));
  base::JsonWriter data;
  data.object().field("op", text_at(change, "op"));
  write_side(data, change, "before");
  write_side(data, change, "after");
  const std::string where = source_of(origin), position = position_of(origin);
  base::JsonWriter rows;
  rows.object();
  write_side(rows, change, "before");
  write_side(rows, change, "after");
  rows.end_object();
  // Rows of one COPY share their position: what they hold tells them apart.
  const std::string identity =
      position.empty() ? record.place() : fmt::format("{}\n{}\n{}\n{}", where, type, position, rows.str());
  const base::Hash128 hash = base::siphash128(kRowKey, identity);
  base::JsonWriter out(1024);
  out.object().field("specversion", "1.0");
  out.field("id", base::hex({reinterpret_cast<const char*>(hash.data()), hash.size()}));
  out.field("source", base::first_characters(where, kEventSourceMax)).field("type", type);
  std::int64_t ms = 0;
  if (origin.at_key("ts_ms").get(ms) == simdjson::SUCCESS && ms > 0)
    out.field("time", to_rfc3339(from_ms(ms)));
  data.key("source").element(source).end_object();
  out.key("data").raw(data.str()).end_object();
  return out.str();
}

// ---- shapes
class Decoder {
 public:
  explicit Decoder(const KafkaRecord& record) : record_(record) {}

  std::expected<DecodedRecord, base::Problem> run() {
    if (!record_.value || record_.value->empty()) return DecodedRecord{};
    if (record_.value->size() > kRecordValueMax)
      return problem("body_too_large", fmt::format("a record has at most {} bytes", kRecordValueMax));
    kind_ = header(record_, "eventType");
    text_ = *record_.value;
    for (int i = 0; i <= kWrappingsMax; ++i) {
      auto root = document_.parse(text_);
      if (!root) return not_json(root.error().message);
      auto done = look(*root);
      if (!done) return std::unexpected(std::move(done.error()));
      if (*done) return std::move(**done);
    }
    return problem("unknown_shape", "JSON texts are in each other too deep");
  }

 private:
  using Step = std::expected<std::optional<DecodedRecord>, base::Problem>;

  std::unexpected<base::Problem> not_json(const std::string& why) const {
    // The first byte of what a schema registry's serialisers write.
    if (!record_.value->empty() && record_.value->front() == '\0')
      return problem("unsupported",
                     "it begins with the byte 0, as Avro and Protobuf of a schema registry do; write JSON");
    if (!header(record_, "ce_specversion").empty())
      return problem("unsupported",
                     "the binary mode of CloudEvents is not available; write the whole event as JSON");
    return problem("not_json", why);
  }

  // nullopt: `text_` is what was inside, look again.
  Step look(base::JsonElement root) {
    is_whole_ = true;
    for (int i = 0; i <= kWrappingsMax; ++i) {
      std::string_view inner;
      base::JsonObject object;
      if (root.is_null()) return DecodedRecord{};
      if (root.get(inner) == simdjson::SUCCESS) {
        text_ = std::string(inner);
        return std::nullopt;
      }
      if (root.get(object) != simdjson::SUCCESS)
        return problem("unknown_shape", "one JSON object is one notification, event or row change");
      base::JsonElement payload;
      if (is_meant(object) || object.at_key("payload").get(payload) != simdjson::SUCCESS)
        return read(root, object);
      // The envelope of a schema, or of an outbox that has its type beside the payload.
      if (const auto type = text_at(object, "eventType"); kind_.empty() && !type.empty()) kind_ = type;
      root = payload;
      is_whole_ = false;
    }
    return problem("unknown_shape", "payloads are in each other too deep");
  }

  Step read(base::JsonElement root, base::JsonObject object) {
    DecodedRecord out;
    if (has(object, "specversion")) {
      out.kind = Kind::Event;
    } else if (is_row_change(object)) {
      const auto type = type_of(text_at(object, "op"));
      if (type.empty()) return out;  // a truncated table, a message of the log
      out.kind = Kind::Event;
      out.body = event_of(record_, object, type);
    } else if (has(object, "to") || kind_ == "notification") {
      out.kind = Kind::Notification;
    } else if (is_heartbeat(object)) {
      return out;
    } else if (!header(record_, "ce_specversion").empty()) {
      return problem("unsupported",
                     "the binary mode of CloudEvents is not available; write the whole event as JSON");
    } else {
      return problem("unknown_shape",
                     "it is neither a notification (to), nor a CloudEvent (specversion), nor a row change "
                     "(op, source, before, after)");
    }
    if (out.body.empty()) out.body = is_whole_ ? std::move(text_) : base::to_json(root);
    const std::size_t most = out.kind == Kind::Event ? kEventMax : kRequestMax;
    if (out.body.size() > most)
      return problem("body_too_large", fmt::format("one {} has at most {} bytes",
                                                   out.kind == Kind::Event ? "event" : "notification", most));
    if (out.kind == Kind::Notification && !names_event(object)) return name(std::move(out));
    return out;
  }

  static bool names_event(base::JsonObject object) {
    base::JsonElement id;
    return object.at_key("event_id").get(id) == simdjson::SUCCESS && !id.is_null();
  }
  static bool is_heartbeat(base::JsonObject object) { return has(object, "ts_ms") && object.size() == 1; }

  Step name(DecodedRecord out) const {
    out.event_id = header(record_, "id");
    if (out.event_id.size() > kEventIdMax)
      return problem("too_long", fmt::format("the header \"id\" has at most {} bytes", kEventIdMax));
    out.is_by_place = out.event_id.empty();
    if (out.is_by_place) out.event_id = record_.place();
    return out;
  }

  const KafkaRecord& record_;
  base::JsonDocument document_;
  std::string text_, kind_;
  bool is_whole_ = true;  // `text_` is the document, nothing around it
};

// ---- keeping
// Text as text, other bytes in base64: exactly what came, and readable where that can be.
void write_bytes(base::JsonWriter& out, std::string_view name, std::string_view bytes) {
  if (base::to_valid_utf8(bytes) == bytes) {
    out.field(name, bytes);
  } else {
    out.field(std::string(name) + "_base64", base::base64(bytes));
  }
}

std::optional<std::string> bytes_at(base::JsonObject object, const std::string& name) {
  std::string_view text;
  if (object.at_key(name).get(text) == simdjson::SUCCESS) return std::string(text);
  if (object.at_key(name + "_base64").get(text) != simdjson::SUCCESS) return std::nullopt;
  auto bytes = base::unbase64(text);
  return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
}

}  // namespace

std::string KafkaRecord::place() const { return fmt::format("{}/{}/{}", topic, partition, offset); }

std::expected<DecodedRecord, base::Problem> decode_record(const KafkaRecord& record) {
  return Decoder(record).run();
}

std::string encode_record(const KafkaRecord& record) {
  base::JsonWriter out(record.value.value_or("").size() + 256);
  out.object().field("topic", record.topic).field("partition", static_cast<std::int64_t>(record.partition));
  out.field("offset", record.offset).field("at", to_ms(record.at));
  if (!record.key.empty()) write_bytes(out, "key", std::string_view(record.key).substr(0, kKeyMax));
  out.key("headers").array();
  std::size_t count = 0;
  for (const auto& [key, value] : record.headers) {
    if (count++ == kRecordHeadersMax) break;
    out.object();
    write_bytes(out, "name", std::string_view(key).substr(0, kHeaderKeyMax));
    write_bytes(out, "value", std::string_view(value).substr(0, kHeaderValueMax));
    out.end_object();
  }
  out.end_array();
  if (record.value) {
    write_bytes(out, "value", std::string_view(*record.value).substr(0, kRecordValueMax));
    if (record.value->size() > kRecordValueMax) out.field("cut", true);
  }
  out.end_object();
  return out.str();
}

Result<KafkaRecord> read_record(std::string_view text) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(text));
  base::JsonObject object;
  KafkaRecord record;
  std::int64_t number = 0;
  base::JsonArray headers;
  if (root.get(object) != simdjson::SUCCESS || object.at_key("headers").get(headers) != simdjson::SUCCESS)
    return fail(Errc::Corruption, "a kept record cannot be read");
  record.topic = text_at(object, "topic");
  if (object.at_key("partition").get(number) == simdjson::SUCCESS)
    record.partition = static_cast<std::int32_t>(number);
  if (object.at_key("offset").get(number) == simdjson::SUCCESS) record.offset = number;
  if (object.at_key("at").get(number) == simdjson::SUCCESS) record.at = from_ms(number);
  record.key = bytes_at(object, "key").value_or("");
  record.value = bytes_at(object, "value");
  for (const base::JsonElement element : headers) {
    base::JsonObject one;
    if (element.get(one) != simdjson::SUCCESS) return fail(Errc::Corruption, "a kept record cannot be read");
    record.headers.emplace_back(bytes_at(one, "name").value_or(""), bytes_at(one, "value").value_or(""));
  }
  return record;
}

}  // namespace carillon::model
