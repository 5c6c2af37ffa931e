// Gathers e-mails of one notification and equal content into requests with many recipients.
//
// No timer: what cannot go at once waits, and what waits gathers. A letter goes at once unless the same one
// is under way to other recipients already; then it waits for that answer or until the batch is full, so a
// single mail is never late and a campaign leaves in full requests.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/channel.h"
#include "providers/calls.h"
#include "providers/provider.h"

namespace carillon::providers {

// Jobs that go in one request: same notification, same sink, equal content.
struct MailBatch {
  std::vector<Job*> jobs;
  JobSink* sink = nullptr;
  base::Deadline deadline = base::Deadline::never();  // of its first
  std::uint64_t letter = 0;                           // which content of its notification: MailBatches' own
  [[nodiscard]] const Job& first() const { return *jobs.front(); }
};

// All calls on the executor it was made with; destroyed after close() only.
class MailBatches {
 public:
  struct Limits {
    std::size_t batch_max = 1;     // jobs of one request
    std::size_t requests_max = 1;  // under way at a time
    std::size_t jobs_max = 1;      // given to add() and not finished
  };
  // Makes one request; calls finish() for every job exactly once. The batch outlives the task.
  using Send = std::function<Task<void>(MailBatch& batch)>;
  // Is it the same letter, so that both can go in one request? Of one notification.
  using Same = bool (*)(const model::Message& a, const model::Message& b);
  // May `job`, of the same letter, go with `batch`, which has room?
  using Fits = bool (*)(const MailBatch& batch, const Job& job);

  MailBatches(boost::asio::any_io_executor executor, std::string owner, Limits limits, Same same, Fits fits,
              Send send);

  // What the settings say of an account: `requests`, `jobs`: where they say nothing.
  static Limits limits_of(const CommonOptions& common, std::size_t batch_max, std::int64_t requests_asked,
                          std::int64_t requests, std::size_t jobs);

  void add(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline);
  void finish(JobSink& sink, Job& job, model::Outcome outcome);
  void finish_all(MailBatch& batch, const model::Outcome& outcome);
  [[nodiscard]] std::size_t free_slots() const noexcept {
    return count_ < limits_.jobs_max ? limits_.jobs_max - count_ : 0;
  }
  // What waits ends as NotSent; what is under way is waited for.
  Task<void> close();

 private:
  // One notification with letters on their way.
  struct Stream {
    std::optional<MailBatch> open;  // gathers
    std::uint64_t letter = 0;       // the latest content
    std::shared_ptr<const model::Message> content;
    std::size_t same_under_way = 0;  // batches of that content, ready or sent
    std::size_t under_way = 0;       // batches of any
  };
  void add(Job& job, JobSink& sink, base::Deadline deadline);
  // The open batch is ready to go.
  void release(Stream& stream);
  // Begins what is ready and there is room for.
  void pump();
  Task<void> run(MailBatch& batch);
  void ended(std::int64_t notification, std::uint64_t letter);

  const Limits limits_;
  const Same same_;
  const Fits fits_;
  const Send send_;
  std::unordered_map<std::int64_t, Stream> streams_;
  std::array<std::deque<MailBatch>, model::kPriorityCount> ready_;  // most urgent first
  std::uint64_t next_letter_ = 1;
  std::size_t count_ = 0, requests_ = 0;
  bool is_closed_ = false;
  Calls calls_;
};

}  // namespace carillon::providers
