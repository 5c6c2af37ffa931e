// Signature version 4 of AWS, and of who speaks its protocols (S3-compatible stores): requests signed in a
// header, and presigned URLs. Source: docs.aws.amazon.com, "Signature Version 4 for API requests".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "net/http_client.h"

namespace carillon::net {

struct AwsCredential {
  std::string access_key_id;  // AKIA…
  base::Secret secret_access_key;
  base::Secret session_token;  // of temporary credentials; empty: none
};

// Hash of a payload that a signature does not cover (S3 only).
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Immutable; one object may be used from several threads.
class SigV4 {
 public:
  static constexpr std::chrono::seconds kExpiresMax{604'800};  // seven days

  // `service`: "s3", "ses", …. For "s3" the path is taken as it stands in the URL and the payload's hash is a
  // header; for others the path is encoded once more, as AWS wants it.
  SigV4(AwsCredential credential, std::string region, std::string service);

  // Adds x-amz-date, for S3 x-amz-content-sha256, with a session token x-amz-security-token, and
  // authorization to `call`, whose url, method, headers and body must not change afterwards. All headers it
  // has are signed. The path has no "." or ".." segments. `payload_hash`: hexadecimal SHA-256 or
  // kUnsignedPayload; empty: of `call.content`, or where there is none of `call.request.body`. Errors:
  // InvalidArgument (url) · those of Body::read().
  Result<void> sign(HttpCall& call, Time now, std::string_view payload_hash = {}) const;

  // `url` (http or https, its query encoded as in RFC 3986) with a signature that lets anybody make this
  // request until `now` + `expires` (1 s to kExpiresMax). Only the host is signed besides.
  // Errors: InvalidArgument (url, expires).
  [[nodiscard]] Result<std::string> presign(std::string_view method, std::string_view url, Time now,
                                            std::chrono::seconds expires) const;

 private:
  const AwsCredential credential_;
  const std::string region_, service_;
};

// The signature alone, for who checks one: of a request with these headers, all signed (host among them).
// `path` and `query` as in the request line, `stamp`: "20150830T123600Z".
struct SigV4Request {
  std::string_view method, path, query, stamp, payload_hash;
  Headers headers;
};
[[nodiscard]] std::string sigv4_signature(const SigV4Request& request, const base::Secret& secret_access_key,
                                          std::string_view region, std::string_view service);

}  // namespace carillon::net
