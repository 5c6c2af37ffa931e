// A load generator: sends notifications to a server as fast as it answers, or at a rate.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "app/load_report.h"
#include "base/error.h"

namespace carillon::app {

struct LoadOptions {
  std::string host = "127.0.0.1";  // a name or an address; plain HTTP only
  std::uint16_t port = 0;
  std::string user, password;  // an app's key and secret
  std::string to;              // JSON of one entry of `to`; empty: one of `users`, drawn uniformly
  std::string extra;           // JSON members of each notification beside event_id and to, without braces
  std::string path;            // empty: the single or the batch endpoint
  double seconds = 10;         // no request begins after them
  double rate = 0;             // requests per second; 0: as fast as answered
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();  // notifications
  std::uint64_t users = 1'000'000;                                  // u0 … u<users - 1>
  std::size_t connections = 64;                                     // kept alive
  std::size_t batch = 1;                                            // notifications in a request
  std::uint64_t seed = 1;                                           // of who is drawn
};

// Runs until the time or the count is over and what was begun is answered, at most 15 s longer. Every
// notification has an event id of its own. One thread and plain epoll: it shares the machine with what
// it measures and has to stay cheap. Blocks.
// Errors: InvalidArgument (nothing listens there, the host is unknown). What the server refuses is counted.
Result<LoadReport> run_load(const LoadOptions& options);

}  // namespace carillon::app
