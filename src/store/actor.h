// Who asks for a change: for the audit trail.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace carillon::store {

// Made from a name where nothing else is known: what the system does by itself, tests.
struct Actor {
  std::string name;        // "app:shop" "key:ops" "cli" "client:42" "system"; empty: nobody
  std::string request_id;  // of the request that asked for it; empty: none did
  std::string origin;      // IP address of whoever sent that request; empty: this machine

  Actor() = default;
  Actor(std::string who) : name(std::move(who)) {}
  Actor(const char* who) : name(who) {}
  Actor(std::string who, std::string request, std::string from)
      : name(std::move(who)), request_id(std::move(request)), origin(std::move(from)) {}

  [[nodiscard]] bool empty() const noexcept { return name.empty(); }
  // For what keeps only the name.
  operator const std::string&() const noexcept { return name; }
  friend bool operator==(const Actor& actor, std::string_view who) noexcept { return actor.name == who; }
};

}  // namespace carillon::store
