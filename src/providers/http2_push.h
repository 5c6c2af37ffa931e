// The engine under every HTTP/2 push vendor: whole spans in, one outcome per job out.
//
// A vendor supplies pure build and classify plus a credential; connections, buffers, waiting for
// credentials and the one repetition after a refused credential are here. No coroutine and no timer
// per job: the HTTP/2 client keeps the deadlines.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "model/outcome.h"
#include "net/http2_client.h"
#include "providers/provider.h"

namespace carillon::providers {

// The value of the authorization header, shared by all requests that carry it.
using CredentialValue = std::shared_ptr<const std::string>;

// Where it comes from. Called on the engine's executor.
class PushCredential {
 public:
  virtual ~PushCredential() = default;
  // What to use now; null: obtain() first.
  virtual CredentialValue current() = 0;
  // Gets one; nullopt when current() has a value now, else what every waiting job ends with. Never runs
  // twice at a time.
  virtual Task<std::optional<model::Outcome>> obtain(base::Deadline deadline) = 0;
  // The vendor called `value` too old. True: the request may be repeated once, after obtain() when
  // current() is null then.
  virtual bool refused(const CredentialValue& value) = 0;
};

// One request under construction; reused, so that its strings keep their memory.
struct PushRequest {
  static constexpr std::size_t kFieldsMax = 10;

  std::string path, body;
  std::string scratch;  // values of header fields; grow it before the first view into it is taken
  std::array<net::Http2Request::Field, kFieldsMax> fields;
  std::size_t field_count = 0;

  void add(std::string_view name, std::string_view value, bool never_index = false) {
    CARILLON_ASSERT(field_count < fields.size());
    fields[field_count++] = {name, value, never_index};
  }
  void clear() {
    path.clear();
    body.clear();
    scratch.clear();
    field_count = 0;
  }
};

// An answer read.
struct PushVerdict {
  enum class Follow : std::uint8_t {
    None,
    RenewCredential,  // ask the credential; repeat once when it says so, else `outcome`
    NewConnections,   // `outcome`, and later requests take new connections
  };
  model::Outcome outcome;
  Follow follow = Follow::None;
};

// What is particular to a vendor. Pure: no I/O, no clock.
class PushRules {
 public:
  virtual ~PushRules() = default;
  // Writes path, fields (without authorization) and body. The views may point into `request`, `job` or
  // these rules. An outcome: the job ends here, nothing is sent. `is_test`: validate only, where the
  // vendor can.
  virtual std::optional<model::Outcome> build(const Job& job, bool is_test, PushRequest& request) const = 0;
  virtual PushVerdict classify(const net::Http2Response& response, Time now) const = 0;
};

// Owned by a provider; all calls on the executor it was opened with.
class Http2Push final : private net::Http2Sink {
 public:
  struct Options {
    net::Http2Options client;
    std::size_t in_flight_max = 1000;
  };
  // Errors: InvalidArgument (endpoint, ca_file).
  static Result<std::unique_ptr<Http2Push>> open(const Context& context, Options options,
                                                 std::unique_ptr<PushRules> rules,
                                                 std::unique_ptr<PushCredential> credential);
  ~Http2Push() override;

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline);
  [[nodiscard]] std::size_t free_slots() const noexcept;
  // Sends one made-up job and returns how it ended. Cancelling leaves the request running.
  Task<model::Outcome> probe(Target target, base::Deadline deadline);
  // The same as an integration's test, for vendors that validate without sending: being told that the made-up
  // token is none proves the credentials. `vendor`: "FCM". `bad`: what stands for a token.
  Task<TestReport> try_out(std::string vendor, std::string bad, base::Deadline deadline);
  Task<void> close(base::Deadline deadline);

 private:
  struct Slot {
    Job* job = nullptr;
    JobSink* sink = nullptr;
    CredentialValue credential;
    base::Deadline deadline = base::Deadline::never();
    bool is_repeated = false;
    PushRequest request;
  };
  struct Probe;

  Http2Push(const Context& context, Options options, std::unique_ptr<net::Http2Client> client,
            std::unique_ptr<PushRules> rules, std::unique_ptr<PushCredential> credential);

  void begin(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline, bool is_test);
  void submit(std::span<Slot* const> slots, base::Deadline deadline);
  void wait_for_credential(Slot& slot);
  Task<void> obtain();
  void finish(Slot& slot, model::Outcome outcome);
  Slot& take_slot();
  void on_response(std::uint64_t tag, const net::Http2Response& response) override;
  void on_failure(std::uint64_t tag, const net::TransportError& error) override;

  const boost::asio::any_io_executor executor_;
  const base::Clock& clock_;
  const std::size_t in_flight_max_;
  const std::unique_ptr<net::Http2Client> client_;
  const std::unique_ptr<PushRules> rules_;
  const std::unique_ptr<PushCredential> credential_;
  std::vector<std::unique_ptr<Slot>> slots_;  // all
  std::vector<Slot*> free_;
  std::vector<Slot*> waiting_;  // for a credential
  std::vector<net::Http2Request> requests_;
  std::vector<Slot*> batch_;
  std::size_t in_flight_ = 0;
  bool is_obtaining_ = false, is_closing_ = false;
  base::TaskGate gate_{"push"};
};

}  // namespace carillon::providers
