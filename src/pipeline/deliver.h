// Deliver: takes due deliveries, checks them once more, renders, and hands them to a provider.
//
// Everything runs on the delivery executor. One coroutine claims for all lanes; one runs each queue, and
// where the store is asked over a network one more what is critical in it, which does not wait for the
// others' answers. No coroutine, timer or log line per delivery.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log_repeats.h"
#include "base/pace.h"
#include "model/template.h"
#include "pipeline/attach.h"
#include "pipeline/flight.h"
#include "pipeline/journal.h"
#include "pipeline/record.h"
#include "pipeline/replay_changes.h"
#include "pipeline/sensitive.h"
#include "pipeline/waiting.h"

namespace carillon::pipeline {

// How a delivery on a channel other than push is addressed, or a raw push token: as an audited replay changed
// it, else as the user is now, else as the request says. An empty address: not at all.
struct Addressed {
  std::string address;
  std::string_view service, sealed_secret;  // point into the flight
};
[[nodiscard]] Addressed plain_address(const Flight& flight, const ProjectView* view);

class Deliverer final : public providers::JobSink {
 public:
  Deliverer(const Pipeline::Deps& deps, const Options& options, Journal& journal, Windows& windows,
            Recorder& recorder, Integrations& integrations, base::Urgency& urgency);
  ~Deliverer() override;

  void start();
  // A lane may have due rows: a hint came (any thread may post this to the executor).
  void ring(model::Lane lane);
  // The lane has rows that are due: they are taken from the Store in due order.
  void scan(model::Lane lane);
  void scan_all();
  // A place in the lane's window for a delivery that is about to be stored as taken (AcceptItem::take_for);
  // false when the window is full or older rows of the lane wait. Any thread. Ends with taken() or
  // unreserve().
  [[nodiscard]] bool try_reserve(model::Lane lane) noexcept;
  void unreserve(model::Lane lane);
  // Stored as taken, each with a place reserved. Any thread.
  void taken(std::vector<Taken> rows);
  // Rows of the lane are about to wait for a claim: what comes now waits behind them. Any thread.
  void older_wait(model::Lane lane) noexcept {
    is_open_[lane.index()].store(false, std::memory_order_relaxed);
  }
  // A window or an integration has room again.
  void freed(model::Lane lane);
  // Claims nothing more and begins nothing more; what is claimed and not begun is released.
  void stop();
  // After stop(): blocks the calling thread (not the delivery thread) until no coroutine of it runs.
  void wait() {
    attacher_.wait();
    gate_.wait(base::Deadline::never());
  }
  // Those a provider has, and notifications whose attachments are on their way.
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_ + attacher_.count(); }

  void finished(providers::Job& job, model::Outcome outcome) override;
  void named(providers::Job& job, const std::string& provider_id) override;

  // What a delivery says: its notification's request, opened where something in it is sensitive, and what a
  // replay changed.
  struct Said {
    const model::SendRequest* request = nullptr;
    ReplayChanges changes;
    bool is_wiped = false;  // what is hidden in the request is not there any more
    std::shared_ptr<const Opened> opened;
    std::int64_t opened_of = 0;  // notification
    // The last image that was an object, and the URL it got: deliveries of one notification share it.
    std::int32_t image_project = 0;
    std::string image, image_url;
  };

 private:
  enum class Step : std::uint8_t { Go, Park, Recorded };

  // claim.cpp
  Task<void> claim_loop();
  Task<void> claim(std::vector<store::ClaimRequest> asked, bool is_critical);
  std::vector<store::ClaimRequest> wanted_claims(bool of_critical);
  // How many rows of the lane the next claim may bring, `room` being in its window.
  std::size_t claim_limit(model::Lane lane, std::size_t room);
  void not_begun(model::Lane lane, std::size_t n);  // of claim_limit()
  // What this process could not begin soon is left to the others.
  void fit_windows();
  [[nodiscard]] bool is_paced(model::Lane lane) const noexcept;
  void take_claimed(std::vector<model::Delivery> rows, std::uint64_t lapses,
                    const std::vector<store::ClaimRequest>& asked);
  void add(FlightPtr flight);
  void return_unused(const std::vector<store::ClaimRequest>& asked, const std::vector<model::Delivery>& rows);

  // deliver.cpp
  Task<void> run_queue(model::Queue queue);
  Task<void> run_critical(model::Queue queue);
  Task<void> prepare_and_begin(std::vector<FlightPtr> flights);
  // Leaves in `flights` those to begin now; the others were recorded, wait for a slot of their integration,
  // or, when the store is away, were put back.
  Task<void> prepare(std::vector<FlightPtr>& flights);
  Task<Result<void>> load(std::vector<FlightPtr>& flights);
  Task<Result<std::vector<bool>>> load_suppressed(std::vector<FlightPtr>& flights);
  Task<void> record_sent(std::vector<FlightPtr>& flights);
  Task<void> put_back_all(std::vector<FlightPtr>& flights, const Error& error);
  Task<void> render(std::vector<FlightPtr>& flights);
  Task<Result<void>> open_said(const Flight& flight, Said& said);
  Task<Result<void>> open_changes(const Flight& flight, Said& said);
  // A URL in the place of an image that is an object.
  Task<Result<void>> link(std::int32_t project, model::Message& message, Said& said);
  // Errors: NotFound (the version is gone) · the Store's.
  using Compiled = Result<std::shared_ptr<model::CompiledTemplate>>;
  Task<Compiled> compiled(const model::Notification& notification, std::shared_ptr<const Snapshot> snapshot);
  Task<Compiled> find_compiled(const model::Notification& notification,
                               std::shared_ptr<const Snapshot> snapshot);
  // The version that frames it; 0: none.
  static std::int64_t layout_version(const ProjectView* view, std::string_view layout, Time accepted_at);
  // What it says cannot be had: never more (NotFound), or not at this moment.
  void cannot_say(FlightPtr flight, const Error& error);
  void begin(std::vector<FlightPtr> flights);
  // Gives back those that others may have taken over since they were claimed.
  void give_back_lapsed(std::vector<FlightPtr>& flights);
  // Releases what is claimed and not begun.
  void release_rest();
  // Releases a claim whose slot was taken but not used.
  void give_back(FlightPtr flight);

  // check.cpp
  Step check(FlightPtr& flight, const Snapshot& snapshot, bool is_suppressed);
  std::vector<Account*> find_candidates(const Flight& flight, const ProjectView& view, std::string_view app,
                                        const model::Device* device);
  Step choose_account(FlightPtr& flight, const ProjectView& view, std::string_view app,
                      const model::Device* device);
  bool open_secret(Flight& flight, std::string_view sealed);
  bool stops_early(FlightPtr& flight, const ProjectView& view, std::string_view app);
  bool stops_by_local_time(FlightPtr& flight, const ProjectView& view, const model::Device* device);
  bool stops_by_user(FlightPtr& flight, const ProjectView& view, const model::Device*& device);
  void record(FlightPtr& flight, model::DeliveryStatus to, model::Reason reason,
              std::optional<Time> due = std::nullopt, std::string dead_letter = {});

  const Pipeline::Deps& deps_;
  const Options& options_;
  Journal& journal_;
  Windows& windows_;
  Recorder& recorder_;
  Integrations& integrations_;
  base::Urgency& urgency_;
  Waiting waiting_;
  base::Signal claim_wake_;
  base::LogRepeats claim_failures_;
  std::array<std::unique_ptr<base::Signal>, model::kQueueCount> queue_wake_, critical_wake_;
  std::array<bool, model::kQueueCount> is_preparing_{};  // run_queue() waits for the store's answers
  base::Pace pace_{1'000, 300};                          // of bulk, while something critical is about
  SteadyTime fit_again_at_{};                            // the windows
  bool is_held_back_ = false;                            // a claim would be made if it were not for that
  std::size_t claiming_ = 0, claiming_others_ = 0;       // claims under way; those that are not critical
  std::array<bool, model::kLaneCount> scan_wanted_{};
  std::array<bool, model::kLaneCount> is_claiming_{};
  std::array<std::uint64_t, model::kLaneCount> polled_{};       // token of the last batch of hints
  std::array<std::atomic<bool>, model::kLaneCount> is_open_{};  // nothing older waits in that lane
  std::unordered_map<std::string, std::shared_ptr<model::CompiledTemplate>> compiled_;
  struct {
    std::int32_t project = 0;
    int version = 0;
    std::int64_t layout_version = 0;
    std::string key, layout;
    std::shared_ptr<model::CompiledTemplate> content;
  } last_;  // of compiled_
  std::size_t in_flight_ = 0;
  bool is_stopping_ = false;
  Attacher attacher_{deps_,
                     {.ready = [this](std::vector<FlightPtr> flights) { begin(std::move(flights)); },
                      .failed = [this](FlightPtr f, const Error& why) { cannot_say(std::move(f), why); },
                      .unused = [this](FlightPtr flight) { give_back(std::move(flight)); }}};
  base::Histogram claim_size_;
  base::Counter marks_found_;
  base::TaskGate gate_{"deliver"};
};

}  // namespace carillon::pipeline
