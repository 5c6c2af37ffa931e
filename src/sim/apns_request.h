// The checks APNs makes on a request, without any connection: pure, so that each has its own test.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sim/credentials.h"
#include "sim/h2_server.h"

namespace carillon::sim {

// Vendor's answer; an empty reason means accepted (200).
struct ApnsVerdict {
  int status = 200;
  std::string_view reason;  // a literal
};

struct ApnsHeaders {
  std::string_view authorization, topic, push_type, id, expiration, priority, collapse_id;
  bool has_duplicate = false;
};
ApnsHeaders read_apns_headers(std::span<const H2Field> fields) noexcept;

// What a provider token (the JWT behind "bearer ") is worth; `issued_s` is its iat.
struct ProviderToken {
  ApnsVerdict verdict;
  std::int64_t issued_s = 0;
};
ProviderToken check_provider_token(std::string_view jwt, const Credentials& credentials);
// The same for its age, which changes: an hour at most, in both directions.
ApnsVerdict check_token_age(std::int64_t issued_s, Time now) noexcept;

// Everything but method, path and authorization. `body` has SIMDJSON_PADDING behind its end;
// `body_size` is its full size, which may exceed what was kept.
ApnsVerdict check_apns_push(const ApnsHeaders& headers, std::string_view device_token, std::string_view body,
                            std::size_t body_size);

}  // namespace carillon::sim
