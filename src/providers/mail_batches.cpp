#include "providers/mail_batches.h"

#include <utility>

namespace carillon::providers {

using model::Outcome;

MailBatches::MailBatches(boost::asio::any_io_executor executor, std::string owner, Limits limits, Same same,
                         Fits fits, Send send)
    : limits_(limits),
      same_(same),
      fits_(fits),
      send_(std::move(send)),
      calls_(std::move(executor), std::move(owner), limits.requests_max) {}

MailBatches::Limits MailBatches::limits_of(const CommonOptions& common, std::size_t batch_max,
                                           std::int64_t requests_asked, std::int64_t requests,
                                           std::size_t jobs) {
  return {.batch_max = batch_max,
          .requests_max = static_cast<std::size_t>(requests_asked > 0 ? requests_asked : requests),
          .jobs_max = slots_of(common, jobs)};
}

void MailBatches::add(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) {
  std::vector<std::int64_t> touched;
  for (Job* job : jobs) {
    ++count_;
    if (is_closed_) {
      finish(sink, *job, Outcome::not_sent("the integration is closing"));
      continue;
    }
    add(*job, sink, deadline);
    if (touched.empty() || touched.back() != job->notification) touched.push_back(job->notification);
  }
  for (const std::int64_t notification : touched) {
    const auto found = streams_.find(notification);
    if (found == streams_.end() || !found->second.open || found->second.same_under_way > 0) continue;
    release(found->second);
  }
  pump();
}

void MailBatches::add(Job& job, JobSink& sink, base::Deadline deadline) {
  Stream& stream = streams_[job.notification];
  const bool is_known =
      stream.content && (stream.content == job.message || same_(*stream.content, *job.message));
  if (stream.open && (!is_known || stream.open->sink != &sink || !fits_(*stream.open, job))) release(stream);
  if (!is_known) {
    stream.letter = next_letter_++;
    stream.content = job.message;
    stream.same_under_way = 0;
  }
  if (!stream.open) {
    stream.open.emplace();
    stream.open->sink = &sink;
    stream.open->deadline = deadline;
    stream.open->letter = stream.letter;
  }
  stream.open->jobs.push_back(&job);
  if (stream.open->jobs.size() >= limits_.batch_max) release(stream);
}

void MailBatches::release(Stream& stream) {
  ++stream.under_way;
  ++stream.same_under_way;
  auto& lane = ready_[static_cast<std::size_t>(stream.open->first().priority)];
  lane.push_back(std::move(*stream.open));
  stream.open.reset();
}

void MailBatches::pump() {
  for (auto& lane : ready_) {
    while (!lane.empty() && requests_ < limits_.requests_max) {
      auto batch = std::make_unique<MailBatch>(std::move(lane.front()));
      lane.pop_front();
      ++requests_;
      const bool is_begun =
          calls_.begin([this, batch = std::move(batch)]() -> Task<void> { co_await run(*batch); });
      CARILLON_ASSERT(is_begun);  // close() empties the lanes before it closes the gate
    }
  }
}

Task<void> MailBatches::run(MailBatch& batch) {
  const std::int64_t notification = batch.first().notification;
  const std::uint64_t letter = batch.letter;
  if (batch.deadline.passed()) {
    finish_all(batch, Outcome::not_sent("the answers to earlier requests took all the time there was"));
  } else {
    co_await send_(batch);
  }
  --requests_;
  ended(notification, letter);
  pump();
}

void MailBatches::ended(std::int64_t notification, std::uint64_t letter) {
  const auto found = streams_.find(notification);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  --stream.under_way;
  if (stream.letter == letter) --stream.same_under_way;
  if (stream.open && stream.same_under_way == 0) release(stream);
  if (stream.under_way == 0) streams_.erase(found);
}

void MailBatches::finish(JobSink& sink, Job& job, Outcome outcome) {
  --count_;
  sink.finished(job, std::move(outcome));
}

void MailBatches::finish_all(MailBatch& batch, const Outcome& outcome) {
  for (Job* job : batch.jobs) finish(*batch.sink, *job, outcome);
}

Task<void> MailBatches::close() {
  is_closed_ = true;
  std::vector<MailBatch> waiting;
  for (auto& lane : ready_) {
    for (MailBatch& batch : lane) waiting.push_back(std::move(batch));
    lane.clear();
  }
  for (auto& [notification, stream] : streams_) {
    if (stream.open) waiting.push_back(std::move(*stream.open));
    stream.open.reset();
  }
  for (MailBatch& batch : waiting) finish_all(batch, Outcome::not_sent("the integration is closing"));
  co_await calls_.close();
  streams_.clear();
}

}  // namespace carillon::providers
