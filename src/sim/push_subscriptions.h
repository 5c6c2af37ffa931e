// The browsers that subscribed at the simulated push service. It keeps their private keys, so that it can
// read what they are sent.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/crypto.h"
#include "base/error.h"

namespace carillon::sim {

struct PushSubscriber {
  base::Secret private_key;
  base::Bytes public_key, auth;
  std::string application_key;  // base64url; only its holder may send. Empty: anybody
  bool has_ended = false;
};

// Thread-safe.
class PushSubscriptions {
 public:
  static constexpr std::size_t kSubscribersMax = 100'000;

  // https://host:port of the push service.
  void set_origin(std::string origin);
  [[nodiscard]] std::string origin() const;

  // What a browser gets: {"endpoint","keys":{"p256dh","auth"}}. `json`: {"applicationServerKey"} or empty.
  // Errors: InvalidArgument · ResourceExhausted.
  Result<std::string> make_for(std::string_view json);
  // The browser takes it back. False: there is none of that id.
  bool end(std::string_view id);
  // The reserved ids are always there, with the keys of the example in RFC 8291.
  [[nodiscard]] std::optional<PushSubscriber> find(std::string_view id) const;

 private:
  mutable std::mutex mutex_;
  std::string origin_;
  std::unordered_map<std::string, PushSubscriber> subscribers_;
};

}  // namespace carillon::sim
