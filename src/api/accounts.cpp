#include "api/accounts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/password_hash.h"
#include "base/totp.h"
#include "model/password.h"

namespace carillon::api {
namespace {

constexpr int kNice = 10;  // sending goes before signing in
constexpr std::size_t kRecoveryCodes = 10;
constexpr std::size_t kRecoveryHalf = 5;  // characters on each side of the hyphen
constexpr std::int64_t kToldMax = 5;      // failures in the audit trail, of one subject
constexpr Millis kToldPer{10LL * 60'000};
constexpr Millis kBusyRetry{5'000};

// Of 32 characters, none of which is taken for another: five bits each.
constexpr std::string_view kRecoveryAlphabet = "23456789abcdefghijkmnpqrstuvwxyz";
static_assert(kRecoveryAlphabet.size() == 32);

// Whoever has one IPv6 address has the 2^64 of its network.
std::string network_of(const std::string& address) {
  boost::system::error_code ec;
  const auto parsed = boost::asio::ip::make_address(address, ec);
  if (ec || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return address;
  const auto bytes = parsed.to_v6().to_bytes();
  return base::hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), 8));
}

std::vector<cache::Take> takes_of(const Attempt& attempt, std::int64_t cost) {
  std::vector<cache::Take> takes(2);
  takes[0].key = "sign_in/member/" + attempt.subject;
  takes[0].limit = kMemberFailures;
  takes[1].key = "sign_in/address/" + network_of(attempt.address);
  takes[1].limit = kAddressFailures;
  for (cache::Take& take : takes) {
    take.cost = cost;
    take.per = kFailuresPer;
  }
  return takes;
}

// One of those who wait for the thread of passwords.
class Place {
 public:
  explicit Place(std::atomic<std::size_t>& waiting) : waiting_(waiting), before_(waiting.fetch_add(1)) {}
  ~Place() { waiting_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool is_free() const noexcept { return before_ < kPasswordsWaitingMax; }

 private:
  std::atomic<std::size_t>& waiting_;
  const std::size_t before_;
};

}  // namespace

void describe(base::SettingsGroup& group, ConsoleOptions& options) {
  constexpr double kMinute = 60'000, kDay = 86'400'000;
  group.duration("idle_timeout", options.idle_timeout)
      .range(kMinute, 30 * kDay)
      .help("A member who does nothing for so long is signed out.");
  group.duration("session_lifetime", options.session_lifetime)
      .range(kMinute, 90 * kDay)
      .help("A member has to sign in again after so long.");
  group.duration("invitation_lifetime", options.invitation_lifetime)
      .range(kMinute, 30 * kDay)
      .help("How long a link works by which a member joins or sets a new password.");
  group.integer("streams", options.streams)
      .range(0, 100'000)
      .help("How many may watch GET /v1/stream at a time.");
}

Accounts::Accounts(cache::Cache& cache, const base::KeyRing& keys) : cache_(cache), keys_(keys) {
  boost::asio::post(thread_, [] {
    // Of this thread alone (Linux); where it fails all are equal.
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
  });
}

Accounts::~Accounts() { thread_.join(); }

Task<Examined> Accounts::examine(Attempt attempt) {
  // Who is out of guesses does not even wait.
  if (const auto wait = co_await refuse(attempt)) co_return Examined{Verdict::TooMany, {}, *wait};
  const Place place(waiting_);
  if (!place.is_free()) co_return Examined{Verdict::TooMany, {}, kBusyRetry};
  co_return co_await boost::asio::co_spawn(thread_, look(std::move(attempt)), boost::asio::use_awaitable);
}

// On the thread of passwords: one after the other, so that those who guess at the same time are all counted.
Task<Examined> Accounts::look(Attempt attempt) {
  if (const auto wait = co_await refuse(attempt)) co_return Examined{Verdict::TooMany, {}, *wait};
  Examined examined;
  examined.login = attempt.login;
  if (attempt.is_password_wanted) {
    const auto is_right =
        base::is_password(attempt.is_doomed ? std::string_view() : std::string_view(attempt.login.password),
                          model::normal_password(attempt.password));
    if (!is_right) {
      base::log_warn("a password was not looked at: {}", is_right.error().message);
      co_return Examined{};
    }
    examined.verdict = *is_right ? Verdict::Right : Verdict::WrongPassword;
  } else {
    examined.verdict = Verdict::Right;
  }
  if (examined.verdict == Verdict::Right && attempt.is_code_wanted && !attempt.login.totp.empty())
    examined.verdict = check_code(attempt, examined.login);
  if (examined.verdict == Verdict::WrongPassword || examined.verdict == Verdict::WrongCode)
    co_await count(attempt);
  co_return examined;
}

Verdict Accounts::check_code(const Attempt& attempt, store::Login& login) const {
  if (attempt.code.empty()) return Verdict::CodeNeeded;
  const auto secret = keys_.sealer.open(login.totp, totp_context(attempt.member));
  if (!secret) {
    base::log_error(
        "the TOTP secret of the member '{}' cannot be read: {}; carillon admin reset-password {} --totp",
        attempt.member, secret.error().message, attempt.member);
    return Verdict::Failed;
  }
  if (const auto step = base::match_totp(secret->reveal(), attempt.code, attempt.now, login.totp_step)) {
    login.totp_step = *step;
    return Verdict::Right;
  }
  const auto it = std::ranges::find(login.recovery, recovery_hash(attempt.code));
  if (it == login.recovery.end()) return Verdict::WrongCode;
  login.recovery.erase(it);
  return Verdict::Right;
}

// How long until another guess is free; nullopt: one is. A cache that does not answer (none that
// cache::open() gives) allows everything.
Task<std::optional<Millis>> Accounts::refuse(const Attempt& attempt) {
  auto takes = takes_of(attempt, 0);
  const auto looked = co_await cache_.take(takes, attempt.now);
  if (!looked) co_return std::nullopt;
  std::optional<Millis> wait;
  for (std::size_t i = 0; i < looked->size(); ++i) {
    if ((*looked)[i].remaining > 0) continue;
    const Millis each = kFailuresPer / takes[i].limit;
    const Millis until = (*looked)[i].reset_after - kFailuresPer + each;
    wait = std::max({wait.value_or(Millis(0)), until, Millis(1'000)});
  }
  co_return wait;
}

Task<void> Accounts::count(const Attempt& attempt) {
  const auto taken = co_await cache_.take(takes_of(attempt, 1), attempt.now);
  if (!taken) base::log_debug("a wrong guess is not counted: {}", taken.error().message);
}

Task<Result<std::string>> Accounts::hash(std::string password) {
  const Place place(waiting_);
  if (!place.is_free()) { co_return fail(Errc::Unavailable, "too many sign in at the same time; try again"); }
  const auto compute = [](std::string text) -> Task<Result<std::string>> {
    co_return base::hash_password(text);
  };
  co_return co_await boost::asio::co_spawn(thread_, compute(std::move(password)), boost::asio::use_awaitable);
}

Task<bool> Accounts::may_tell(std::string subject, Time now) {
  std::vector<cache::Take> takes(1);
  takes[0].key = "sign_in/told/" + subject;
  takes[0].limit = kToldMax;
  takes[0].per = kToldPer;
  const auto taken = co_await cache_.take(std::move(takes), now);
  co_return !taken || taken->front().allowed;
}

std::string Accounts::totp_context(std::string_view member) { return fmt::format("member/{}/totp", member); }

std::vector<std::string> Accounts::make_recovery_codes() {
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < kRecoveryCodes; ++i) {
    std::string code;
    for (const char byte : base::random_bytes(2 * kRecoveryHalf)) {
      if (code.size() == kRecoveryHalf) code += '-';
      code += kRecoveryAlphabet[static_cast<unsigned char>(byte) % kRecoveryAlphabet.size()];
    }
    codes.push_back(std::move(code));
  }
  return codes;
}

std::string Accounts::recovery_hash(std::string_view code) const {
  std::string plain;
  for (const char c : code) {
    if (c == '-' || c == ' ') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return keys_.credential_hash("recovery/" + plain);
}

}  // namespace carillon::api
