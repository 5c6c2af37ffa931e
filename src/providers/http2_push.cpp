#include "providers/http2_push.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "providers/calls.h"

namespace carillon::providers {
namespace {

constexpr Millis kObtainMax{10'000};  // one attempt to get a credential
constexpr std::size_t kScratchBytes = 512;

}  // namespace

// Keeps itself until its job ended: whoever asked may be gone by then.
struct Http2Push::Probe final : JobSink {
  explicit Probe(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  void finished(Job&, model::Outcome result) override {
    outcome = std::move(result);
    done.set();
    const auto keep = std::exchange(self, nullptr);
  }
  Job job;
  model::Outcome outcome;
  base::Signal done;
  std::shared_ptr<Probe> self;
};

Result<std::unique_ptr<Http2Push>> Http2Push::open(const Context& context, Options options,
                                                   std::unique_ptr<PushRules> rules,
                                                   std::unique_ptr<PushCredential> credential) {
  CARILLON_TRY(auto client, net::Http2Client::open(context.executor, options.client));
  return std::unique_ptr<Http2Push>(
      new Http2Push(context, std::move(options), std::move(client), std::move(rules), std::move(credential)));
}

Http2Push::Http2Push(const Context& context, Options options, std::unique_ptr<net::Http2Client> client,
                     std::unique_ptr<PushRules> rules, std::unique_ptr<PushCredential> credential)
    : executor_(context.executor),
      clock_(*context.clock),
      in_flight_max_(options.in_flight_max),
      client_(std::move(client)),
      rules_(std::move(rules)),
      credential_(std::move(credential)) {}

Http2Push::~Http2Push() = default;

void Http2Push::send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) {
  begin(jobs, sink, deadline, false);
}

std::size_t Http2Push::free_slots() const noexcept {
  return in_flight_ < in_flight_max_ && !is_closing_ ? in_flight_max_ - in_flight_ : 0;
}

void Http2Push::begin(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline, bool is_test) {
  // A sink may send more from inside finished(): the batch in hand is not touched by it.
  std::vector<Slot*> batch = std::exchange(batch_, {});
  batch.clear();
  const CredentialValue credential = is_closing_ ? nullptr : credential_->current();
  in_flight_ += jobs.size();
  for (Job* job : jobs) {
    Slot& slot = take_slot();
    slot.job = job;
    slot.sink = &sink;
    slot.deadline = deadline;
    slot.is_repeated = false;
    slot.request.clear();
    std::optional<model::Outcome> refused = rules_->build(*job, is_test, slot.request);
    if (is_closing_) refused = model::Outcome::not_sent("the integration is closing");
    if (refused) {
      finish(slot, std::move(*refused));
    } else if (credential) {
      slot.credential = credential;
      batch.push_back(&slot);
    } else {
      wait_for_credential(slot);
    }
  }
  submit(batch, deadline);
  batch_ = std::move(batch);
}

void Http2Push::submit(std::span<Slot* const> slots, base::Deadline deadline) {
  if (slots.empty()) return;
  requests_.clear();
  for (Slot* slot : slots) {
    // One more than build() added; the credential is a value of its own that outlives a renewal.
    slot->request.add("authorization", *slot->credential);
    requests_.push_back({.path = slot->request.path,
                         .headers = {slot->request.fields.data(), slot->request.field_count},
                         .body = slot->request.body,
                         .tag = reinterpret_cast<std::uintptr_t>(slot)});
  }
  client_->submit(requests_, *this, deadline);
}

void Http2Push::wait_for_credential(Slot& slot) {
  waiting_.push_back(&slot);
  if (is_obtaining_) return;
  is_obtaining_ = gate_.spawn(executor_, "credential", [this] { return obtain(); });
  if (is_obtaining_) return;
  waiting_.pop_back();
  finish(slot, model::Outcome::not_sent("the integration is closing"));
}

Task<void> Http2Push::obtain() {
  while (!waiting_.empty()) {
    SteadyTime until = std::chrono::steady_clock::now() + kObtainMax;
    for (const Slot* slot : waiting_) until = std::min(until, slot->deadline.at());
    std::optional<model::Outcome> failure;
    if (!is_closing_ && !credential_->current())
      failure = co_await credential_->obtain(base::Deadline(until));
    if (is_closing_) failure = model::Outcome::not_sent("the integration is closing");
    const CredentialValue credential = failure ? nullptr : credential_->current();
    if (!credential && !failure) failure = model::Outcome::not_sent("no credential");
    const std::vector<Slot*> waiting = std::exchange(waiting_, {});
    for (Slot* slot : waiting) {
      if (failure) {
        finish(*slot, *failure);
      } else if (slot->deadline.passed()) {
        finish(*slot, model::Outcome::not_sent("no credential before the deadline"));
      } else {
        slot->credential = credential;
        submit({&slot, 1}, slot->deadline);
      }
    }
  }
  is_obtaining_ = false;
}

void Http2Push::on_response(std::uint64_t tag, const net::Http2Response& response) {
  Slot& slot = *reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(tag));
  PushVerdict verdict = rules_->classify(response, clock_.now());
  switch (verdict.follow) {
    case PushVerdict::Follow::None: break;
    case PushVerdict::Follow::NewConnections: client_->renew_connections(); break;
    case PushVerdict::Follow::RenewCredential:
      if (slot.is_repeated || is_closing_ || !credential_->refused(slot.credential)) break;
      slot.is_repeated = true;
      --slot.request.field_count;  // submit() adds the new credential
      slot.credential = credential_->current();
      if (slot.credential) {
        Slot* const again = &slot;
        return submit({&again, 1}, slot.deadline);
      }
      return wait_for_credential(slot);
  }
  finish(slot, std::move(verdict.outcome));
}

void Http2Push::on_failure(std::uint64_t tag, const net::TransportError& error) {
  Slot& slot = *reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(tag));
  switch (error.failure) {
    case net::SendFailure::NotSent: return finish(slot, model::Outcome::not_sent(error.detail));
    case net::SendFailure::Ambiguous: return finish(slot, model::Outcome::ambiguous(error.detail));
  }
}

Http2Push::Slot& Http2Push::take_slot() {
  if (free_.empty()) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->request.scratch.reserve(kScratchBytes);
    free_.push_back(slots_.back().get());
  }
  Slot& slot = *free_.back();
  free_.pop_back();
  return slot;
}

void Http2Push::finish(Slot& slot, model::Outcome outcome) {
  Job& job = *slot.job;
  JobSink& sink = *slot.sink;
  slot.credential.reset();
  --in_flight_;
  free_.push_back(&slot);
  sink.finished(job, std::move(outcome));
}

Task<model::Outcome> Http2Push::probe(Target target, base::Deadline deadline) {
  const auto probe = std::make_shared<Probe>(executor_);
  probe->self = probe;
  probe->job.target = std::move(target);
  probe->job.now = clock_.now();
  auto message = std::make_shared<model::Message>();
  message->title = "Test";
  message->body = "Carillon tests this integration.";
  probe->job.message = std::move(message);
  Job* const job = &probe->job;
  begin({&job, 1}, *probe, deadline, true);
  static_cast<void>(co_await probe->done.wait());
  co_return probe->outcome;
}

Task<TestReport> Http2Push::try_out(std::string vendor, std::string bad, base::Deadline deadline) {
  Target target;
  target.platform = model::Platform::Android;
  target.address = std::move(bad);
  const model::Outcome outcome = co_await probe(std::move(target), deadline);
  if (outcome.kind == model::OutcomeKind::Sent || outcome.kind == model::OutcomeKind::InvalidRecipient) {
    co_return TestReport{true,
                         vendor + " accepted the credentials and read a test message without delivering it."};
  }
  co_return TestReport{
      false, fmt::format("{} answered {} {}: {}", vendor, outcome.status, outcome.code, outcome.detail)};
}

Task<void> Http2Push::close(base::Deadline deadline) {
  is_closing_ = true;
  co_await client_->close(deadline);
  co_await drain(gate_);
}

}  // namespace carillon::providers
