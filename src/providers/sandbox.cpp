// The sandbox: ends every message inside this server, and acts out the reserved recipients.
#include <deque>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "model/address.h"
#include "providers/calls.h"
#include "providers/catalog.h"

namespace carillon::providers {
namespace {

constexpr std::size_t kInFlightMax = 4096;  // messages
constexpr std::size_t kBatchMax = 1000;     // messages per commit
constexpr Millis kSlow{2000};

struct SandboxOptions {};
void describe_sandbox(base::SettingsGroup&, SandboxOptions&) {}

struct Pending {
  Job* job;
  JobSink* sink;
  SteadyTime deadline;
};

// Messages that come while a commit runs go into the next one together.
class SandboxProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(SandboxOptions, CommonOptions common,
                                                  const Context& context) {
    if (context.sandbox == nullptr) {
      return fail(Errc::FailedPrecondition, "this process has no place for sandbox messages");
    }
    return std::make_unique<SandboxProvider>(std::move(common), context);
  }

  SandboxProvider(CommonOptions common, const Context& context)
      : executor_(context.executor),
        box_(*context.sandbox),
        max_(common.max_in_flight > 0 ? static_cast<std::size_t>(common.max_in_flight) : kInFlightMax),
        slow_wake_(context.executor) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    for (Job* job : jobs) waiting_.push_back({job, &sink, deadline.at()});
    in_flight_ += jobs.size();
    if (is_committing_ || jobs.empty()) return;
    // Set before: a commit with nothing to store ends inside spawn().
    is_committing_ = true;
    if (!gate_.spawn(executor_, "commit", [this] { return commit(); })) {
      is_committing_ = false;
      fail_waiting("the sandbox is closing");
    }
  }

  [[nodiscard]] std::size_t free_slots() const noexcept override {
    return in_flight_ < max_ ? max_ - in_flight_ : 0;
  }

  Task<TestReport> test(base::Deadline) override {
    co_return TestReport{true, "The sandbox keeps every message inside this server; nothing is sent."};
  }

  Task<void> close(base::Deadline deadline) override {
    slow_until_ = deadline.at();
    slow_wake_.set();
    co_await drain(gate_);
  }

 private:
  Task<void> commit() {
    while (!waiting_.empty()) {
      const std::size_t count = std::min(waiting_.size(), kBatchMax);
      std::vector<Pending> batch(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
      co_await commit(std::move(batch));
    }
    is_committing_ = false;
  }

  Task<void> commit(std::vector<Pending> batch) {
    std::vector<SandboxEntry> entries;
    entries.reserve(batch.size());
    for (const Pending& p : batch) {
      if (is_kept(*p.job)) entries.push_back(entry_of(*p.job));
    }
    Result<void> added;
    if (!entries.empty()) added = co_await box_.add(std::move(entries));
    if (!added) base::log_warn("sandbox messages could not be stored: {}", added.error().message);
    for (const Pending& p : batch) {
      if (!added && is_kept(*p.job)) {
        finish(p, model::Outcome::not_sent("the sandbox could not store the message"));
      } else if (model::reserved_recipient(p.job->target.address) == model::ReservedRecipient::Slow) {
        answer_late(p);
      } else {
        finish(p, outcome_of(*p.job));
      }
    }
  }

  // Refused ones never arrive.
  static bool is_kept(const Job& job) {
    switch (model::reserved_recipient(job.target.address)) {
      case model::ReservedRecipient::Bounce:
      case model::ReservedRecipient::TempFail: return false;
      case model::ReservedRecipient::None:
      case model::ReservedRecipient::Ok:
      case model::ReservedRecipient::Complaint:
      case model::ReservedRecipient::Slow:
      case model::ReservedRecipient::Unknown: return true;
    }
    return true;
  }

  static SandboxEntry entry_of(const Job& job) {
    SandboxEntry entry{job.project,        job.delivery,       job.notification,
                       job.target.channel, job.target.address, {}};
    base::JsonWriter out(512);
    model::write_message(out, *job.message, job.target.channel);
    entry.content = out.str();
    entry.is_sensitive = job.is_sensitive;
    return entry;
  }

  static model::Outcome outcome_of(const Job& job) {
    using model::Outcome;
    using model::OutcomeKind;
    const bool is_push = job.target.channel == model::Channel::Push;
    switch (model::reserved_recipient(job.target.address)) {
      case model::ReservedRecipient::Bounce:
        return Outcome::of(OutcomeKind::InvalidRecipient, is_push ? 410 : 550, "Bounce",
                           "a reserved recipient that does not exist");
      case model::ReservedRecipient::TempFail:
        return Outcome::of(OutcomeKind::Temporary, is_push ? 429 : 503, "TempFail",
                           "a reserved recipient that is refused for now");
      case model::ReservedRecipient::Unknown:
        return Outcome::ambiguous("a reserved recipient that never answers");
      case model::ReservedRecipient::None:
      case model::ReservedRecipient::Ok:
      case model::ReservedRecipient::Complaint:
      case model::ReservedRecipient::Slow: break;
    }
    std::string id = "sandbox-";
    base::append_id(id, "", job.delivery);
    return Outcome::sent(std::move(id));
  }

  void answer_late(const Pending& p) {
    slow_.push_back({p, std::min(std::chrono::steady_clock::now() + kSlow, p.deadline)});
    slow_wake_.set();
    if (is_waiting_) return;
    is_waiting_ = gate_.spawn(executor_, "slow answers", [this] { return answer_slow(); });
    if (!is_waiting_) {
      const Slow slow = slow_.back();
      slow_.pop_back();
      finish(slow.pending, outcome_of(*slow.pending.job));
    }
  }

  Task<void> answer_slow() {
    while (!slow_.empty()) {
      SteadyTime next = slow_until_;
      for (const Slow& slow : slow_) next = std::min(next, slow.at);
      static_cast<void>(co_await slow_wake_.wait(base::Deadline(next)));
      const auto now = std::chrono::steady_clock::now();
      std::vector<Slow> due;
      std::erase_if(slow_, [&](const Slow& slow) {
        const bool is_due = slow.at <= now || slow_until_ <= now;
        if (is_due) due.push_back(slow);
        return is_due;
      });
      for (const Slow& slow : due) finish(slow.pending, outcome_of(*slow.pending.job));
    }
    is_waiting_ = false;
  }

  void fail_waiting(const char* why) {
    const auto waiting = std::exchange(waiting_, {});
    for (const Pending& p : waiting) finish(p, model::Outcome::not_sent(why));
  }

  void finish(const Pending& p, model::Outcome outcome) {
    --in_flight_;
    p.sink->finished(*p.job, std::move(outcome));
  }

  struct Slow {
    Pending pending;
    SteadyTime at;
  };
  const boost::asio::any_io_executor executor_;
  SandboxBox& box_;
  const std::size_t max_;
  std::deque<Pending> waiting_;
  std::deque<Slow> slow_;
  SteadyTime slow_until_ = SteadyTime::max();
  base::Signal slow_wake_;
  std::size_t in_flight_ = 0;
  bool is_committing_ = false, is_waiting_ = false;
  base::TaskGate gate_{"sandbox"};
};

}  // namespace

extern const ProviderType sandbox{
    .name = "sandbox",
    .title = "Sandbox",
    .channel = model::Channel::Push,
    .is_any_channel = true,
    .platforms = {},
    .service = {},
    .default_endpoint = {},
    .batch_max = kBatchMax,
    .in_flight_default = kInFlightMax,
    .has_handle = true,
    .declare = declare_as<SandboxOptions, describe_sandbox>,
    .open = open_as<SandboxProvider, SandboxOptions, describe_sandbox>,
};

}  // namespace carillon::providers
