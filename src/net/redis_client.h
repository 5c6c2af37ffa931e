// A client of Redis on our own sockets: a few connections, everything pipelined, and never a wait for a
// server that is not there.
//
// A connection takes calls while it stands and owes no answer that is overdue. One that does not answer in
// time takes nothing more until it has, and is given up after `stall_max`; in between callers are refused at
// once, not after a time-out each.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/redis_protocol.h"
#include "net/tls_client.h"

namespace carillon::net {

struct RedisOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::shared_ptr<const TlsContext> tls;  // null: plain TCP
  std::string user;       // of the access control list; empty with a password: the default user
  base::Secret password;  // empty: no AUTH
  std::int64_t database = 0;
  std::size_t connections = 2;   // ≥ 1, kept open
  Millis connect_timeout{3000};  // look-up, TCP, TLS, AUTH and the first answer together
  Millis stall_max{1000};        // how long an answer may be overdue before the connection is given up
};

// What happens to the connections. Called on the client's executor.
class RedisObserver {
 public:
  virtual ~RedisObserver() = default;
  // Whether any connection takes calls now; said when it changes, first when one does.
  virtual void on_usable(bool is_usable) = 0;
  // One more connection stands, and takes calls.
  virtual void on_connected() = 0;
  // A connection has ended (was_up) or could not be made. The next attempt follows after a back-off of
  // 100 ms → 10 s with jitter. `why` names no address and no secret. Unavailable (gone, LOADING, READONLY,
  // MOVED …) · DeadlineExceeded (silence) · Corruption (not Redis) · FailedPrecondition (credentials, rights,
  // database).
  virtual void on_lost(const Error& why, bool was_up) = 0;
};

using RedisReplies = std::vector<RedisReply>;

// All calls on its executor (one thread).
class RedisClient {
 public:
  using Done = std::move_only_function<void(Result<RedisReplies>)>;

  // Begins to connect. `observer` outlives close().
  static std::unique_ptr<RedisClient> open(boost::asio::any_io_executor executor, RedisOptions options,
                                           RedisObserver& observer);
  virtual ~RedisClient() = default;

  // Sends all commands in one go on one connection and calls `done` once, with a reply for each, in order; an
  // Error among them is a reply. `done` may be called from inside of this, and may submit. Deadlines of later
  // calls should not be earlier: a call is looked at when those before it on its connection have ended.
  // Errors: Unavailable (no connection takes calls, or it was lost) · DeadlineExceeded. After either of the
  // last two the commands may have been carried out.
  virtual void submit(RedisCommands commands, base::Deadline deadline, Done done) = 0;
  // Ends everything; what waits ends Unavailable. Awaited once, before the client goes.
  virtual Task<void> close() = 0;
};

}  // namespace carillon::net
