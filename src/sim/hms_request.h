// The checks Push Kit makes on a message, without any connection: pure, so that each has its own test.
#pragma once

#include <string>
#include <string_view>

namespace carillon::sim {

// What a valid message says; the views point into the parsed body and live until this thread parses again.
struct HmsMessage {
  std::string_view token, collapse, tag;  // collapse: the notification's tag; tag: bi_tag
  bool is_validate_only = false;
};

// Huawei's answer: HTTP status and business code.
struct HmsVerdict {
  int status = 200;
  std::string_view code = "80000000";
  std::string message = "Success";
  [[nodiscard]] bool is_ok() const noexcept { return code == "80000000"; }
};

// `body` has SIMDJSON_PADDING behind its end.
HmsVerdict check_hms_message(std::string_view body, HmsMessage& out);

}  // namespace carillon::sim
