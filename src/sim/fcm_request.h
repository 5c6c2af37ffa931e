// The checks FCM makes on a message, without any connection: pure, so that each has its own test.
#pragma once

#include <string>
#include <string_view>

namespace carillon::sim {

// What a valid message says; the views point into the parsed body and live until this thread parses again.
struct FcmMessage {
  enum class Target : unsigned char { Token, Topic, Condition, Installation } target = Target::Token;
  std::string_view recipient;
  std::string_view collapse;  // the first of android.collapse_key, android tag, apns-collapse-id, Topic
  bool is_validate_only = false;
};

// Vendor's answer to a refused message. `status` 200 means accepted.
struct FcmVerdict {
  int status = 200;
  std::string_view grpc_status;  // "INVALID_ARGUMENT"
  std::string_view error_code;   // FcmError's; empty: no such detail
  std::string field;             // of a BadRequest violation; empty: no such detail
  std::string message;
};

// `body` has SIMDJSON_PADDING behind its end.
FcmVerdict check_fcm_message(std::string_view body, FcmMessage& out);

// The error document as FCM writes it, appended to `out`.
void write_fcm_error(std::string& out, const FcmVerdict& verdict, std::string_view project_id);

}  // namespace carillon::sim
