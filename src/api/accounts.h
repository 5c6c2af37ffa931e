// How members prove who they are: passwords, codes, and how often one may try.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "cache/cache.h"
#include "model/member.h"
#include "store/sessions.h"

namespace carillon::api {

struct ConsoleOptions {
  Millis idle_timeout{12LL * 3'600'000};         // a session that is not used ends
  Millis session_lifetime{7LL * 86'400'000};     // every session ends
  Millis invitation_lifetime{72LL * 3'600'000};  // of a link by which somebody joins
  std::int64_t streams = 100;                    // GET /v1/stream, at a time
};
void describe(base::SettingsGroup& group, ConsoleOptions& options);

// Guesses that are wrong: so many are free, after which there is one more every kFailuresPer / limit.
inline constexpr std::int64_t kMemberFailures = 10;   // of one member, from wherever
inline constexpr std::int64_t kAddressFailures = 50;  // from one address, of whomever
inline constexpr Millis kFailuresPer{30LL * 60'000};
inline constexpr std::size_t kPasswordsWaitingMax = 32;

// What is looked at, and for whom.
struct Attempt {
  std::string subject;   // whose guesses are counted: a member's key, or what stands for an unknown one
  std::string address;   // IP address it comes from; empty: this machine
  std::string password;  // as typed
  std::string code;      // as typed; empty: none was given
  store::Login login;
  std::string member;          // key; whose sealed secrets are opened
  bool is_doomed = false;      // unknown or disabled: it takes as long, and is wrong
  bool is_code_wanted = true;  // false: the password alone is asked for
  bool is_password_wanted = true;
  Time now{};
};
enum class Verdict : std::uint8_t {
  Right,
  WrongPassword,
  CodeNeeded,  // the password is right
  WrongCode,
  TooMany,  // not looked at
  Failed,   // not looked at: no memory, or a secret that cannot be opened; the log says which
};
struct Examined {
  Verdict verdict = Verdict::Failed;
  store::Login login;     // Right: with the code used up
  Millis retry_after{0};  // TooMany
};

// Owns the one thread that computes password hashes, so that neither requests nor memory depend on how many
// people sign in. Thread-safe.
class Accounts {
 public:
  // All outlive it.
  Accounts(cache::Cache& cache, const base::KeyRing& keys);
  ~Accounts();  // nothing of it is awaited any more

  // Looks at a password and a code; what is wrong counts against subject and address. TooMany: they have
  // guessed too often, or kPasswordsWaitingMax others wait.
  Task<Examined> examine(Attempt attempt);
  // Argon2id of a new password (model::normal_password()). Errors: Unavailable (too many wait, no memory).
  Task<Result<std::string>> hash(std::string password);
  // Whether something may be told to the audit trail once more: few, so that guessing does not fill it.
  Task<bool> may_tell(std::string subject, Time now);

  // What a member's sealed TOTP secret is bound to.
  [[nodiscard]] static std::string totp_context(std::string_view member);
  // Ten of them, "k3mvq-7xw2p"; as stored.
  [[nodiscard]] static std::vector<std::string> make_recovery_codes();
  [[nodiscard]] std::string recovery_hash(std::string_view code) const;

 private:
  Task<Examined> look(Attempt attempt);
  Task<std::optional<Millis>> refuse(const Attempt& attempt);
  Task<void> count(const Attempt& attempt);
  [[nodiscard]] Verdict check_code(const Attempt& attempt, store::Login& login) const;

  cache::Cache& cache_;
  const base::KeyRing& keys_;
  std::atomic<std::size_t> waiting_{0};
  boost::asio::thread_pool thread_{1};
};

}  // namespace carillon::api
