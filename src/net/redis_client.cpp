#include "net/redis_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

#include "net/backoff.h"

namespace carillon::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kReadBytes = 32 * 1024;
constexpr std::size_t kKeptBytes = 64 * 1024;  // of the output buffer, once it is empty
constexpr auto kClosePoll = std::chrono::milliseconds(1);

// The server is there, but not for us now: it starts, it follows another, it holds other keys, our rights
// went.
bool is_away(std::string_view code) {
  constexpr std::array<std::string_view, 9> kCodes{
      "LOADING", "READONLY", "MOVED", "ASK", "CLUSTERDOWN", "MASTERDOWN", "NOAUTH", "NOPERM", "TRYAGAIN"};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

// What the greeting consists of.
enum class Step : std::uint8_t { Auth, Select, Ping };

Error refusal_of(Step step, std::string_view code) {
  if (code == "LOADING" || code == "MASTERDOWN" || code == "CLUSTERDOWN") {
    return Error{Errc::Unavailable, fmt::format("Redis answered {}", code)};
  }
  std::string_view what = "refused the user or the password";
  if (step == Step::Select) what = "does not have this database";
  if (step == Step::Ping) what = code == "NOAUTH" ? "wants a password" : "refused PING";
  return Error{Errc::FailedPrecondition, fmt::format("Redis {} ({})", what, code)};
}

class Owner {
 public:
  virtual ~Owner() = default;
  virtual void on_greeted() = 0;
  // is_usable() of a connection may have changed.
  virtual void on_changed() = 0;
};

struct Call {
  std::size_t left;  // replies still to come
  base::Deadline deadline;
  RedisClient::Done done;  // null: its deadline has passed, replies are thrown away
  RedisReplies replies;
};

// One connection, from the look-up to its loss.
class Connection {
 public:
  Connection(const asio::any_io_executor& executor, const RedisOptions& options, Owner& owner)
      : options_(options),
        owner_(owner),
        socket_(executor, options.tls),
        timer_(executor),
        ended_(executor) {}
  ~Connection() { CARILLON_ASSERT(calls_.empty() && waits_ == 0); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects, greets and serves until the connection is lost; says why. All its calls have ended then.
  Task<Error> run() {
    const auto deadline = base::Deadline::after(options_.connect_timeout);
    auto connected = co_await socket_.connect(options_.host, options_.port, deadline);
    if (!connected) {
      state_ = State::Down;
      co_return std::move(connected.error());
    }
    state_ = State::Greeting;
    greet(deadline);
    pump();
    while (state_ != State::Down || waits_ > 0) co_await ended_.wait();
    co_return std::move(*broken_);
  }

  void submit(const RedisCommands& commands, base::Deadline deadline, RedisClient::Done done) {
    out_ += commands.bytes();
    calls_.push_back({commands.count(), deadline, std::move(done), {}});
    arm_timer();
    post_pump();
  }

  // Ends it from outside.
  void abort() {
    break_off(Error{Errc::Unavailable, "closed"});
    if (state_ == State::Connecting)
      socket_.close();
    else
      post_pump();
  }

  [[nodiscard]] bool is_usable() const noexcept { return state_ == State::Up && overdue_ == 0 && !broken_; }
  [[nodiscard]] bool was_up() const noexcept { return was_up_; }
  // Answered something after it was greeted, and was not away.
  [[nodiscard]] bool has_served() const noexcept { return has_served_; }
  [[nodiscard]] std::size_t load() const noexcept { return calls_.size(); }

 private:
  enum class State : std::uint8_t { Connecting, Greeting, Up, Down };

  void greet(base::Deadline deadline) {
    RedisCommands commands;
    std::vector<Step> steps;
    if (!options_.password.empty()) {
      if (options_.user.empty())
        commands.add({"AUTH", options_.password.reveal()});
      else
        commands.add({"AUTH", options_.user, options_.password.reveal()});
      steps.push_back(Step::Auth);
    }
    if (options_.database != 0) {
      commands.add({"SELECT", std::to_string(options_.database)});
      steps.push_back(Step::Select);
    }
    commands.add({"PING"});
    steps.push_back(Step::Ping);
    submit(commands, deadline, [this, steps = std::move(steps)](Result<RedisReplies> replies) {
      end_greeting(steps, std::move(replies));
    });
  }

  void end_greeting(const std::vector<Step>& steps, Result<RedisReplies> replies) {
    if (!replies) return break_off(std::move(replies.error()));
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const RedisReply& reply = (*replies)[i];
      if (reply.kind == RedisReply::Kind::Error) return break_off(refusal_of(steps[i], reply.error_code()));
    }
    if (state_ != State::Greeting || broken_) return;
    state_ = State::Up;
    was_up_ = true;
    owner_.on_changed();
    owner_.on_greeted();
  }

  // One round of reading and writing. Never entered twice: what `done` submits is written at the end.
  void pump() {
    if (is_pumping_ || state_ == State::Connecting || state_ == State::Down) return;
    is_pumping_ = true;
    if (!broken_) read_all();
    if (!broken_) write_all();
    is_pumping_ = false;
    if (broken_) lose();
  }

  void read_all() {
    std::array<char, kReadBytes> buffer;
    while (!broken_) {
      const IoResult got = socket_.read(buffer.data(), buffer.size());
      switch (got.state) {
        case IoResult::State::Done: take_bytes({buffer.data(), got.bytes}); break;
        case IoResult::State::WouldRead: return wait_readable();
        case IoResult::State::WouldWrite: return wait_writable();
        case IoResult::State::Closed:
        case IoResult::State::Failed: return break_off(Error{Errc::Unavailable, socket_.error_text()});
      }
    }
  }

  void take_bytes(std::string_view bytes) {
    reader_.feed(bytes);
    while (!broken_) {
      auto reply = reader_.next();
      if (!reply) return break_off(std::move(reply.error()));
      if (!*reply) return;
      take_reply(std::move(**reply));
    }
  }

  void take_reply(RedisReply reply) {
    if (calls_.empty()) return break_off(Error{Errc::Corruption, "what answers does not speak Redis"});
    Call& call = calls_.front();
    const bool is_lost =
        state_ == State::Up && reply.kind == RedisReply::Kind::Error && is_away(reply.error_code());
    std::optional<Error> away;
    if (is_lost)
      away = Error{Errc::Unavailable, fmt::format("Redis answered {}", reply.error_code())};
    else if (state_ == State::Up)
      has_served_ = true;
    if (call.done) call.replies.push_back(std::move(reply));
    if (--call.left == 0) {
      Call ended = std::move(calls_.front());
      calls_.pop_front();
      if (ended.done)
        ended.done(std::move(ended.replies));
      else if (--overdue_ == 0)
        owner_.on_changed();
    }
    if (away) break_off(std::move(*away));
  }

  void write_all() {
    while (out_start_ < out_.size()) {
      const IoResult put = socket_.write(out_.data() + out_start_, out_.size() - out_start_);
      switch (put.state) {
        case IoResult::State::Done: out_start_ += put.bytes; break;
        case IoResult::State::WouldWrite: return wait_writable();
        case IoResult::State::WouldRead: return wait_readable();
        case IoResult::State::Closed:
        case IoResult::State::Failed: return break_off(Error{Errc::Unavailable, socket_.error_text()});
      }
    }
    out_.clear();
    out_start_ = 0;
    if (out_.capacity() > kKeptBytes) out_.shrink_to_fit();
  }

  // Ends the calls whose time is over; those before them in the queue have ended already.
  void on_timer() {
    const SteadyTime now = std::chrono::steady_clock::now();
    const std::size_t before = overdue_;
    while (overdue_ < calls_.size() && calls_[overdue_].deadline.at() <= now) {
      auto done = std::exchange(calls_[overdue_].done, nullptr);
      calls_[overdue_].replies.clear();
      ++overdue_;
      done(fail(Errc::DeadlineExceeded, "Redis did not answer in time"));
    }
    if (overdue_ > 0 && now >= calls_.front().deadline.at() + options_.stall_max) {
      break_off(Error{Errc::DeadlineExceeded, "Redis does not answer"});
    }
    if (before == 0 && overdue_ > 0) owner_.on_changed();
    pump();
    arm_timer();
  }

  void arm_timer() {
    if (calls_.empty() || state_ == State::Down) return;
    SteadyTime at = overdue_ < calls_.size() ? calls_[overdue_].deadline.at() : SteadyTime::max();
    if (overdue_ > 0) at = std::min(at, calls_.front().deadline.at() + options_.stall_max);
    if (at >= timer_at_) return;
    timer_at_ = at;
    ++waits_;
    timer_.expires_at(at);  // ends a later wait
    timer_.async_wait([this](boost::system::error_code ec) {
      if (!ec) {
        timer_at_ = SteadyTime::max();
        if (state_ != State::Down) on_timer();
      }
      end_wait();
    });
  }

  void post_pump() {
    if (is_posted_ || is_pumping_ || state_ == State::Connecting || state_ == State::Down) return;
    is_posted_ = true;
    ++waits_;
    asio::post(socket_.socket().get_executor(), [this] {
      is_posted_ = false;
      pump();
      end_wait();
    });
  }

  void wait_readable() {
    if (std::exchange(is_reading_, true)) return;
    ++waits_;
    socket_.socket().async_wait(tcp::socket::wait_read, [this](boost::system::error_code) {
      is_reading_ = false;
      socket_.readable();
      pump();
      end_wait();
    });
  }

  void wait_writable() {
    if (std::exchange(is_writing_, true)) return;
    ++waits_;
    socket_.socket().async_wait(tcp::socket::wait_write, [this](boost::system::error_code) {
      is_writing_ = false;
      pump();
      end_wait();
    });
  }

  void end_wait() {
    if (--waits_ == 0 && state_ == State::Down) ended_.set();
  }

  void break_off(Error why) {
    if (!broken_) broken_ = std::move(why);
  }

  void lose() {
    state_ = State::Down;
    socket_.close();
    timer_.cancel();
    while (!calls_.empty()) {
      Call call = std::move(calls_.front());
      calls_.pop_front();
      if (call.done) call.done(fail(Errc::Unavailable, broken_->message));
    }
    overdue_ = 0;
    owner_.on_changed();
    ended_.set();
  }

  const RedisOptions& options_;
  Owner& owner_;
  ClientSocket socket_;
  asio::steady_timer timer_;
  base::Signal ended_;
  RedisReader reader_;
  std::string out_;  // [out_start_, size) is not yet with the kernel
  std::size_t out_start_ = 0;
  std::deque<Call> calls_;   // sent or about to be, in order
  std::size_t overdue_ = 0;  // of them, at the front: ended by their deadline, still to be answered
  std::optional<Error> broken_;
  State state_ = State::Connecting;
  SteadyTime timer_at_ = SteadyTime::max();
  int waits_ = 0;  // handlers that will still come
  bool is_reading_ = false, is_writing_ = false, is_posted_ = false;
  bool is_pumping_ = false;
  bool was_up_ = false, has_served_ = false;
};

class Client final : public RedisClient, private Owner {
 public:
  Client(asio::any_io_executor executor, RedisOptions options, RedisObserver& observer)
      : executor_(std::move(executor)), options_(std::move(options)), observer_(observer) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.connections, 1); ++i) {
      slots_.push_back(std::make_unique<Slot>(executor_));
      gate_.spawn(executor_, "redis connection", [this, slot = slots_.back().get()] { return keep(*slot); });
    }
  }

  void submit(RedisCommands commands, base::Deadline deadline, Done done) override {
    Connection* best = nullptr;
    for (const auto& slot : slots_) {
      Connection* const each = slot->connection.get();
      if (each == nullptr || !each->is_usable()) continue;
      if (best == nullptr || each->load() < best->load()) best = each;
    }
    if (best == nullptr || is_closing_)
      return done(fail(Errc::Unavailable, "there is no connection to Redis"));
    if (deadline.passed()) return done(fail(Errc::DeadlineExceeded, "Redis could not be asked in time"));
    if (commands.count() == 0) return done(RedisReplies());
    best->submit(commands, deadline, std::move(done));
  }

  Task<void> close() override {
    co_await asio::post(executor_, asio::use_awaitable);  // never from inside of a pump
    is_closing_ = true;
    for (const auto& slot : slots_) {
      if (slot->connection) slot->connection->abort();
      slot->wake.set();
    }
    gate_.close();
    // What is left are a few handlers and, at worst, a host name look-up.
    while (gate_.count() > 0) co_await base::sleep_for(kClosePoll);
  }

 private:
  struct Slot {
    explicit Slot(const asio::any_io_executor& executor) : wake(executor) {}
    std::unique_ptr<Connection> connection;
    Backoff backoff;
    base::Signal wake;
  };

  Task<void> keep(Slot& slot) {
    while (!is_closing_) {
      Owner& owner = *this;
      slot.connection = std::make_unique<Connection>(executor_, options_, owner);
      const Error why = co_await slot.connection->run();
      const bool was_up = slot.connection->was_up();
      if (slot.connection->has_served()) slot.backoff.reset();
      slot.connection.reset();
      if (is_closing_) co_return;
      observer_.on_lost(why, was_up);
      co_await slot.wake.wait(base::Deadline::after(slot.backoff.next()));
    }
  }

  void on_greeted() override { observer_.on_connected(); }

  void on_changed() override {
    const bool is_usable = std::ranges::any_of(
        slots_, [](const auto& slot) { return slot->connection && slot->connection->is_usable(); });
    if (is_usable != std::exchange(was_usable_, is_usable)) observer_.on_usable(is_usable);
  }

  const asio::any_io_executor executor_;
  const RedisOptions options_;
  RedisObserver& observer_;
  std::vector<std::unique_ptr<Slot>> slots_;
  base::TaskGate gate_{"redis client"};
  bool was_usable_ = false;
  bool is_closing_ = false;
};

}  // namespace

std::unique_ptr<RedisClient> RedisClient::open(asio::any_io_executor executor, RedisOptions options,
                                               RedisObserver& observer) {
  return std::make_unique<Client>(std::move(executor), std::move(options), observer);
}

}  // namespace carillon::net
