#include "providers/jpush.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"

namespace carillon::providers {
namespace jpush_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::string_view kEndpoint = "https://api.jpush.cn";
constexpr std::size_t kInFlightDefault = 50;
constexpr std::size_t kBatchMax = 100;           // pushes in one request; JPush takes 1000
constexpr std::size_t kRememberedMax = 100'000;  // deliveries whose push id is kept
constexpr std::size_t kPoolMax = 2'000;          // push ids kept ready
constexpr Millis kCidLife{20 * 60 * 60'000};     // JPush: a day; ours end before
constexpr Millis kPoolLife{3 * 60 * 60'000};     // of one that waits for its first push
constexpr std::string_view kProbeToken = "carillonintegrationtest";

// Push ids (cid) from JPush's pool. A push repeated with the id of the first try is answered with the first
// result and not pushed again: what ended without a certain answer keeps its id, here and, for a restart and
// for other processes, with its delivery (JobSink::named, Outcome::provider_id).
class PushIds {
 public:
  // The id this delivery was tried with, or an unused one; empty: fetch some first. `previous`: the one it
  // was stored with, as long as JPush knows it; empty: none.
  std::string take(const std::string& handle, const std::string& previous, Time now) {
    forget_old(now);
    if (const auto it = remembered_.find(handle); it != remembered_.end()) return it->second.id;
    if (!previous.empty()) return previous;
    if (pool_.empty()) return {};
    std::string id = std::move(pool_.front().id);
    pool_.pop_front();
    return id;
  }
  void add(std::string id, Time now) {
    if (pool_.size() < kPoolMax) pool_.push_back({std::move(id), now});
  }
  // How the try with that id ended.
  void ended(const std::string& handle, const std::string& id, const Outcome& outcome, Time now) {
    if (outcome.kind != OutcomeKind::Ambiguous && outcome.kind != OutcomeKind::Temporary) {
      remembered_.erase(handle);
      return;
    }
    if (!remembered_.emplace(handle, Known{id, now}).second) return;
    order_.emplace_back(now, handle);
    if (remembered_.size() > kRememberedMax) forget_first();
  }

 private:
  struct Known {
    std::string id;
    Time since{};
  };
  void forget_first() {
    const auto [since, handle] = std::move(order_.front());
    order_.pop_front();
    const auto it = remembered_.find(handle);
    if (it != remembered_.end() && it->second.since == since) remembered_.erase(it);
  }
  void forget_old(Time now) {
    while (!order_.empty() && now - order_.front().first > kCidLife) forget_first();
    while (!pool_.empty() && now - pool_.front().since > kPoolLife) pool_.pop_front();
  }

  std::deque<Known> pool_;
  std::unordered_map<std::string, Known> remembered_;  // by the delivery's handle
  std::deque<std::pair<Time, std::string>> order_;     // of remembered_, oldest first
};

// A push that is written but for its id.
struct Ready {
  Job* job = nullptr;
  JobSink* sink = nullptr;
  base::Deadline deadline = base::Deadline::never();
  std::string members;  // of append_push()
  std::string cid;
};

class JpushProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    return std::make_unique<JpushProvider>(std::move(options), std::move(common), context);
  }

  JpushProvider(Options options, CommonOptions common, const Context& context)
      : options_(std::move(options)),
        common_(std::move(common)),
        clock_(*context.clock),
        callback_url_(context.callback_url),
        http_(net::HttpClient::open(context.executor)),
        calls_(context.executor, "jpush", slots_of(common_, kInFlightDefault)) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    std::vector<Ready> ready;
    for (Job* job : jobs) {
      Ready push{.job = job, .sink = &sink, .deadline = deadline, .members = {}, .cid = {}};
      if (auto refused = append_push(push.members, *job, options_, callback_url_)) {
        sink.finished(*job, std::move(*refused));
        continue;
      }
      push.cid = ids_.take(job->handle(), stored_id(*job), clock_.now());
      (push.cid.empty() ? waiting_ : ready).push_back(std::move(push));
    }
    go(std::move(ready));
    if (waiting_.empty() || is_fetching_) return;
    is_fetching_ = calls_.begin([this] { return fetch(); });
    if (!is_fetching_) end_waiting(Outcome::not_sent("the integration is closing"));
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override {
    const std::size_t free = calls_.free();
    return free > waiting_.size() ? free - waiting_.size() : 0;
  }

  // JPush checks a push to a made-up device without sending it: what it says of the device proves the rest.
  Task<TestReport> test(base::Deadline deadline) override {
    net::HttpCall call =
        call_of("/v3/push/validate",
                fmt::format(R"({{"platform":["android"],"audience":{{"registration_id":["{}"]}},)"
                            R"("notification":{{"alert":"Test"}}}})",
                            kProbeToken));
    const auto response = co_await http_->call(std::move(call), deadline);
    if (!response) co_return TestReport{false, "JPush could not be reached: " + response.error().detail};
    const Outcome outcome = response->status == 200 ? Outcome::sent({}) : classify(*response, clock_.now());
    if (outcome.kind == OutcomeKind::Sent || outcome.kind == OutcomeKind::InvalidRecipient) {
      co_return TestReport{true, "JPush accepted the credentials and read a push without sending it."};
    }
    co_return TestReport{
        false, fmt::format("JPush answered {} {}: {}", response->status, outcome.code, outcome.detail)};
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }
  Task<void> close(base::Deadline) override {
    co_await calls_.close();
    co_await http_->close();
  }

 private:
  net::HttpCall call_of(std::string_view path, std::string body) const {
    net::HttpCall call;
    call.url = fmt::format("{}{}", common_.endpoint, path);
    call.user = options_.app_key;
    call.password = options_.master_secret;
    call.ca_file = common_.ca_file;
    if (body.empty()) return call;
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/json");
    call.request.body = std::move(body);
    return call;
  }

  void go(std::vector<Ready> pushes) {
    if (!options_.is_batched) {
      for (Ready& push : pushes) {
        auto one = std::make_shared<Ready>(std::move(push));
        if (calls_.begin([this, one] { return run(one); })) continue;
        end(*one, Outcome::not_sent("the integration is closing"));
      }
      return;
    }
    for (std::size_t i = 0; i < pushes.size(); i += kBatchMax) {
      auto some = std::make_shared<std::vector<Ready>>();
      for (std::size_t k = i; k < std::min(pushes.size(), i + kBatchMax); ++k) {
        some->push_back(std::move(pushes[k]));
      }
      if (calls_.begin([this, some] { return run_batch(some); })) continue;
      for (Ready& push : *some) end(push, Outcome::not_sent("the integration is closing"));
    }
  }

  // An id of JPush's pool that an earlier try was made with; they begin with the app's key. The delivery is
  // no younger than that try, so an id of a young delivery has not expired.
  [[nodiscard]] std::string stored_id(const Job& job) const {
    const bool is_cid = !options_.app_key.empty() && job.previous_id.starts_with(options_.app_key + "-");
    return is_cid && clock_.now() - base::id_time(job.delivery) < kCidLife ? job.previous_id : std::string();
  }

  void end(const Ready& push, Outcome outcome) {
    ids_.ended(push.job->handle(), push.cid, outcome, clock_.now());
    // Where it goes on, so does its id.
    if (outcome.provider_id.empty() && may_repeat(outcome.kind)) outcome.provider_id = push.cid;
    push.sink->finished(*push.job, std::move(outcome));
  }

  static bool may_repeat(OutcomeKind kind) noexcept {
    return kind != OutcomeKind::Sent && kind != OutcomeKind::InvalidRecipient &&
           kind != OutcomeKind::Permanent;
  }

  Task<void> run(std::shared_ptr<Ready> push) {
    push->sink->named(*push->job, push->cid);
    std::string body = R"({"cid":)";
    base::append_json_string(body, push->cid);
    body += R"(,"audience":{"registration_id":[)";
    base::append_json_string(body, push->job->target.address);
    body += "]},";
    body += push->members;
    body += '}';
    net::HttpCall call = call_of("/v3/push", std::move(body));
    const auto response = co_await http_->call(std::move(call), push->deadline);
    end(*push, response ? classify(*response, clock_.now()) : outcome_of_failure(response.error()));
  }

  Task<void> run_batch(std::shared_ptr<std::vector<Ready>> pushes) {
    std::string body = R"({"pushlist":{)";
    base::Deadline deadline = pushes->front().deadline;
    for (const Ready& push : *pushes) {
      push.sink->named(*push.job, push.cid);
      if (&push != &pushes->front()) body += ',';
      base::append_json_string(body, push.cid);
      body += R"(:{"target":)";
      base::append_json_string(body, push.job->target.address);
      body += ',';
      body += push.members;
      body += '}';
      deadline = base::Deadline(std::min(deadline.at(), push.deadline.at()));
    }
    body += "}}";
    net::HttpCall call = call_of("/v3/push/batch/regid/single", std::move(body));
    const auto response = co_await http_->call(std::move(call), deadline);
    base::JsonDocument document;
    const auto root = response && response->status == 200
                          ? document.parse(response->body)
                          : Result<base::JsonElement>(fail(Errc::InvalidArgument, "refused"));
    for (const Ready& push : *pushes) {
      base::JsonElement result;
      if (!response) {
        end(push, outcome_of_failure(response.error()));
      } else if (root && (*root)[push.cid].get(result) == simdjson::SUCCESS) {
        end(push, classify_one(result));
      } else {
        end(push, classify(*response, clock_.now()));
      }
    }
  }

  // Whatever became of the request for ids, the messages themselves were not sent.
  static Outcome without_id(Outcome outcome) {
    if (outcome.kind == OutcomeKind::Throttled || outcome.kind == OutcomeKind::Misconfigured) return outcome;
    if (outcome.kind == OutcomeKind::Temporary) return outcome;
    return Outcome::not_sent(fmt::format("no push id: JPush answered {} {}", outcome.status, outcome.code));
  }

  // Nothing: some came.
  Task<std::optional<Outcome>> ask_for_ids(base::Deadline deadline) {
    net::HttpCall call = call_of(fmt::format("/v3/push/cid?count={}&type=push", options_.cids), {});
    const auto response = co_await http_->call(std::move(call), deadline);
    if (!response) co_return Outcome::not_sent("no push id: " + response.error().detail);
    const Time now = clock_.now();
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    base::JsonArray ids;
    if (response->status != 200 || !root || (*root)["cidlist"].get(ids) != simdjson::SUCCESS) {
      co_return without_id(classify(*response, now));
    }
    std::size_t count = 0;
    for (const base::JsonElement id : ids) {
      std::string_view text;
      if (id.get(text) != simdjson::SUCCESS || text.empty() || text.size() > 256) continue;
      ids_.add(std::string(text), now);
      ++count;
    }
    if (count == 0) co_return Outcome::not_sent("no push id: JPush gave none");
    co_return std::nullopt;
  }

  Task<void> fetch() {
    while (!waiting_.empty()) {
      base::Deadline deadline = waiting_.front().deadline;
      if (auto failure = co_await ask_for_ids(deadline)) {
        end_waiting(*failure);
        continue;  // a sink may have sent more
      }
      std::vector<Ready> ready;
      std::vector<Ready> waiting = std::exchange(waiting_, {});
      for (Ready& push : waiting) {
        push.cid = ids_.take(push.job->handle(), stored_id(*push.job), clock_.now());
        (push.cid.empty() ? waiting_ : ready).push_back(std::move(push));
      }
      go(std::move(ready));
    }
    is_fetching_ = false;
  }

  void end_waiting(const Outcome& outcome) {
    for (const Ready& push : std::exchange(waiting_, {})) push.sink->finished(*push.job, outcome);
  }

  const Options options_;
  CommonOptions common_;
  const base::Clock& clock_;
  const std::string callback_url_;
  const std::unique_ptr<net::HttpClient> http_;
  PushIds ids_;
  std::vector<Ready> waiting_;  // for an id
  bool is_fetching_ = false;
  Calls calls_;
};

constexpr model::Platform kPlatforms[] = {model::Platform::Android, model::Platform::Ios,
                                          model::Platform::Harmony};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("app_key", options.app_key)
      .required()
      .help("AppKey of the app, from the JPush console.")
      .korean("JPush 콘솔에 있는 앱의 AppKey입니다.");
  group.secret("master_secret", options.master_secret)
      .required()
      .help("Master Secret of the app, from the JPush console.")
      .korean("JPush 콘솔에 있는 앱의 Master Secret입니다.");
  group.text("harmony_category", options.harmony_category)
      .help("Category of notifications on HarmonyOS, as Huawei names it; HarmonyOS devices need one.")
      .korean("Huawei가 정한 HarmonyOS 알림 분류입니다. HarmonyOS 기기에는 꼭 필요합니다.");
  group.integer("cids", options.cids)
      .range(1, 1000)
      .unit("ids")
      .help("So many push ids are fetched at a time; they keep a repeated push from being shown twice.")
      .korean("한 번에 받아 두는 푸시 ID의 개수입니다. 다시 보낸 푸시가 두 번 표시되지 않게 합니다.");
  group.boolean("batch", options.is_batched)
      .help("Sends up to 100 messages in one request; JPush lets VIP accounts do so.")
      .korean("요청 하나에 메시지를 100개까지 담아 보냅니다. JPush의 VIP 계정만 쓸 수 있습니다.");
}

}  // namespace jpush_detail

extern const ProviderType jpush{
    .name = "jpush",
    .title = "JPush (Jiguang)",
    .channel = model::Channel::Push,
    .platforms = jpush_detail::kPlatforms,
    .service = "jpush",
    .default_endpoint = jpush_detail::kEndpoint,
    .batch_max = jpush_detail::kBatchMax,
    .payload_max = jpush_detail::kAndroidMax,
    .in_flight_default = jpush_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .has_handle = true,
    .declare = declare_as<jpush_detail::Options, jpush_detail::describe_options>,
    .open = open_as<jpush_detail::JpushProvider, jpush_detail::Options, jpush_detail::describe_options>,
};

}  // namespace carillon::providers
