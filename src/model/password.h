// What a password of a member has to be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/member.h"

namespace carillon::model {

inline constexpr std::size_t kPasswordMin = 12;          // characters
inline constexpr std::size_t kPasswordMax = 256;         // characters
inline constexpr std::size_t kPasswordBytesMax = 1'024;  // as it comes, and as it is after normal_password()

// The form that is hashed: Unicode NFKC, so that a password typed on another keyboard is the same one. Of
// text that is no UTF-8, or that grows above kPasswordBytesMax: the empty text, which no password is.
[[nodiscard]] std::string normal_password(std::string_view typed);

// What is wrong with a new password (normal_password()) of that member, as an advice; nullopt: nothing.
// Length is what makes guessing hard (NIST SP 800-63B §5.1.1.2): there is no rule about kinds of characters.
[[nodiscard]] std::optional<std::string> password_problem(std::string_view password, const Member& member);

}  // namespace carillon::model
