// `carillon sim`: the vendors of vendors.def on this machine, with their real wire protocols,
// faults on demand and a log of everything they accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/settings.h"

namespace carillon::sim {

struct SimOptions {
  std::string host = "127.0.0.1";  // IP address to listen on
  std::string advertise;           // host in the URLs of sim.json; empty: `host`
  std::vector<std::string> names;  // more names and addresses for the certificate
  // 0: any free one.
  std::int64_t webpush_port = 9442;                         // HTTP/2, TLS
  std::int64_t apns_port = 9443;                            // HTTP/2, TLS
  std::int64_t fcm_port = 9444;                             // HTTP/2, TLS
  std::int64_t oauth_port = 9445;                           // HTTP/1.1: token endpoints of FCM and HMS
  std::int64_t hms_port = 9449;                             // HTTP/2, TLS
  std::int64_t smtp_port = 9025;                            // with STARTTLS
  std::int64_t control_port = 9440;                         // HTTP/1.1
  std::vector<std::int64_t> h1_ports = default_h1_ports();  // in the order of kH1Vendors
  bool oauth_tls = false;
  std::int64_t threads = 1;                  // for all vendors together
  std::string directory = "./carillon-sim";  // accounts, certificates, sim.json
  std::string log_file;                      // ground truth; empty: accepted.log in the directory
  bool counters_only = false;                // no line per message, for benchmarks
  std::string faults;                        // as PUT /faults takes them
  std::int64_t seed = 1;                     // of the faults
  Millis slow{3000};                         // how late the "slow" recipients are answered
  std::int64_t apns_streams_at_first = 1;    // per connection, until a valid token was seen
  std::int64_t streams_max = 1000;           // per HTTP/2 connection
  bool smtp_requires_auth = true;
  bool smtp_requires_starttls = false;
  std::int64_t smtp_size_max = 25 << 20;  // bytes
  Millis callback_step{50};               // between two callbacks about one message
  double callback_duplicate = 0, callback_reorder = 0, callback_loss = 0;  // shares
  std::string callback_ca_file;  // trusted behind https callbacks; empty: the system's
  bool quiet = false;            // does not print how to use it

  // All of them at free ports.
  void use_any_ports();
  static std::vector<std::int64_t> default_h1_ports();
};

// Declares all of them as settings of `group`; `options` must outlive it.
void describe(base::SettingsGroup& group, SimOptions& options);

// A running simulator with threads of its own. Destroying it stops it.
class Sim {
 public:
  // Makes accounts on first start, listens, writes `directory`/sim.json and, unless quiet, prints how to
  // use it. Errors: InvalidArgument (a setting) · Unavailable (port taken, file not writable) ·
  // Corruption (files in the directory make no sense).
  static Result<std::unique_ptr<Sim>> open(SimOptions options);
  virtual ~Sim() = default;

  // The content of sim.json: URLs, files and credentials of every vendor.
  [[nodiscard]] virtual const std::string& description() const noexcept = 0;
  // The body of PUT /v1/integrations/{key} for an account of one vendor here that pushes to iOS devices.
  // Errors: NotFound (a file of the directory is gone).
  [[nodiscard]] virtual Result<std::string> push_integration() const = 0;
  // What a person reads on a terminal: URLs and files, no secret.
  [[nodiscard]] virtual std::string instructions() const = 0;
  // Closes all connections, writes what the log has gathered, ends the threads. Blocks; may be called
  // twice, from any thread but the simulator's.
  virtual void stop() = 0;
};

}  // namespace carillon::sim
