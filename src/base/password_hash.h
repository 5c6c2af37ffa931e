// How passwords of people are stored: Argon2id (RFC 9106), which costs an attacker memory for each guess.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace carillon::base {

// Memory of one hash in KiB, and how often it is gone through: the second choice of RFC 9106 §4. One lane: a
// sign-in takes one core for about 0.1 s and not all of them.
inline constexpr unsigned kPasswordMemoryKib = 64 * 1024;
inline constexpr unsigned kPasswordPasses = 3;

// "$argon2id$v=19$m=65536,t=3,p=1$salt$hash", with 16 random bytes of salt. Takes kPasswordMemoryKib of
// memory and about 0.1 s of CPU: not for a thread that answers requests. Any thread. Errors: Unavailable (no
// memory).
[[nodiscard]] Result<std::string> hash_password(std::string_view password);

// Whether it is that password, in constant time. Costs as much as hash_password(), also for an `encoded` that
// is empty or malformed, so that the time does not tell who has a password. Errors: Unavailable (no memory).
[[nodiscard]] Result<bool> is_password(std::string_view encoded, std::string_view password);

}  // namespace carillon::base
