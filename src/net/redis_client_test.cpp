// The client against peers that misbehave; real servers are asked in tests/conformance.
#include "net/redis_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace carillon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

// Serves each connection on a thread of its own, by blocking calls.
class Peer {
 public:
  class Connection {
   public:
    explicit Connection(tcp::socket socket) : socket_(std::move(socket)) {}
    // The next command; nullopt when the client has gone. A command is an array of texts: so is a reply.
    std::optional<std::vector<std::string>> read() {
      while (true) {
        auto next = reader_.next();
        if (!next) return std::nullopt;
        if (*next) {
          std::vector<std::string> words;
          for (auto& item : (*next)->items) words.push_back(std::move(item.text));
          return words;
        }
        std::array<char, 4096> buffer;
        boost::system::error_code ec;
        const auto n = socket_.read_some(asio::buffer(buffer), ec);
        if (ec) return std::nullopt;
        reader_.feed({buffer.data(), n});
      }
    }
    void write(std::string_view bytes) {
      boost::system::error_code ec;
      asio::write(socket_, asio::buffer(bytes), ec);
    }
    // Answers the greeting of a client without password and database.
    bool greet() {
      const auto ping = read();
      if (!ping || ping->front() != "PING") return false;
      write("+PONG\r\n");
      return true;
    }
    void end() { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

   private:
    tcp::socket socket_;
    RedisReader reader_;
  };

  explicit Peer(std::function<void(Connection&)> serve) : serve_(std::move(serve)) {
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Peer() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    for (auto& each : connections_) each.end();
    for (auto& thread : threads_) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept_all() {
    while (true) {
      boost::system::error_code ec;
      tcp::socket socket = acceptor_.accept(ec);
      if (ec) return;
      Connection& connection = connections_.emplace_back(std::move(socket));
      threads_.emplace_back([this, &connection] {
        serve_(connection);
        connection.end();
      });
    }
  }

  std::function<void(Connection&)> serve_;
  asio::io_context context_;
  tcp::acceptor acceptor_{context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::list<Connection> connections_;
  std::list<std::thread> threads_;
  std::thread thread_;
};

class RedisClientTest : public testing::Test, protected RedisObserver {
 protected:
  ~RedisClientTest() override {
    if (client_) asio::co_spawn(context_, client_->close(), asio::use_future).get();
    guard_.reset();
    thread_.join();
  }

  void open(std::function<void(Peer::Connection&)> serve, RedisOptions options = {}) {
    peer_.emplace(std::move(serve));
    options.port = peer_->port();
    options.connections = 1;
    RedisObserver& observer = *this;
    asio::co_spawn(context_, make(std::move(options), observer), asio::use_future).get();
  }
  Task<void> make(RedisOptions options, RedisObserver& observer) {
    client_ = RedisClient::open(context_.get_executor(), std::move(options), observer);
    co_return;
  }

  std::future<Result<RedisReplies>> ask(std::vector<std::string> words, Millis timeout = 10s) {
    RedisCommands commands;
    for (const auto& word : words) commands.add({word});
    auto promise = std::make_shared<std::promise<Result<RedisReplies>>>();
    asio::post(context_, [this, promise, commands, deadline = base::Deadline::after(timeout)] {
      client_->submit(commands, deadline,
                      [promise](Result<RedisReplies> replies) { promise->set_value(std::move(replies)); });
    });
    return promise->get_future();
  }

  void on_usable(bool is_usable) override {
    note([&] { is_usable_ = is_usable; });
  }
  void on_connected() override {
    note([&] { ++connects_; });
  }
  void on_lost(const Error& why, bool was_up) override {
    note([&] { losses_.emplace_back(why, was_up); });
  }
  template <class F>
  void note(F change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  template <class F>
  void wait_until(F is_so) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 20s, is_so));
  }
  void wait_usable(bool is_usable = true) {
    wait_until([&] { return is_usable_ == is_usable; });
  }
  std::pair<Error, bool> wait_lost() {
    wait_until([&] { return !losses_.empty(); });
    const std::lock_guard lock(mutex_);
    return losses_.empty() ? std::pair<Error, bool>() : losses_.front();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_usable_ = false;
  int connects_ = 0;
  std::vector<std::pair<Error, bool>> losses_;
  std::optional<Peer> peer_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  std::thread thread_{[this] { context_.run(); }};
  std::unique_ptr<RedisClient> client_;
};

TEST_F(RedisClientTest, GreetsWithUserPasswordAndDatabaseBeforeItIsUsable) {
  std::promise<std::vector<std::vector<std::string>>> greeting;
  RedisOptions options;
  options.user = "ann";
  options.password = base::Secret("secret");
  options.database = 3;
  open(
      [&](Peer::Connection& peer) {
        std::vector<std::vector<std::string>> words;
        while (words.size() < 3) words.push_back(peer.read().value_or(std::vector<std::string>()));
        greeting.set_value(words);
        peer.write("+OK\r\n+OK\r\n+PONG\r\n");
        peer.read();
      },
      std::move(options));
  const std::vector<std::vector<std::string>> expected{{"AUTH", "ann", "secret"}, {"SELECT", "3"}, {"PING"}};
  EXPECT_EQ(greeting.get_future().get(), expected);
  wait_usable();
  wait_until([&] { return connects_ == 1; });  // told after it is usable
}

TEST_F(RedisClientTest, SendsWhatIsAskedTogetherInOneGoAndAnswersInOrder) {
  open([](Peer::Connection& peer) {
    if (!peer.greet()) return;
    std::string replies;
    for (int i = 0; i < 6; ++i) {  // nothing is answered before all have come
      const auto command = peer.read();
      if (!command) return;
      replies += "+" + command->front() + "\r\n";
    }
    peer.write(replies);
    peer.read();
  });
  wait_usable();
  auto first = ask({"a", "b", "c"}), second = ask({"d"}), third = ask({"e", "f"});
  EXPECT_EQ(first.get()->at(2).text, "c");
  EXPECT_EQ(second.get()->at(0).text, "d");
  EXPECT_EQ(third.get()->at(1).text, "f");
}

TEST_F(RedisClientTest, RefusesAtOnceWhileNobodyHasAnsweredTheGreeting) {
  RedisOptions options;
  options.connect_timeout = Millis(200);
  open(
      [](Peer::Connection& peer) {
        while (peer.read()) {}
      },
      std::move(options));
  EXPECT_EQ(ask({"a"}, std::chrono::hours(1)).get().error().code, Errc::Unavailable);
  const auto [why, was_up] = wait_lost();
  EXPECT_EQ(why.code, Errc::DeadlineExceeded);
  EXPECT_FALSE(was_up);
}

TEST_F(RedisClientTest, TakesNothingMoreFromAPeerThatOwesAnAnswerAndGoesOnWhenItCame) {
  std::promise<void> may_answer;
  RedisOptions options;
  options.stall_max = std::chrono::hours(1);
  open(
      [gate = may_answer.get_future().share()](Peer::Connection& peer) {
        if (!peer.greet() || !peer.read()) return;
        gate.wait();
        peer.write("+late\r\n");
        while (peer.read()) peer.write("+soon\r\n");
      },
      std::move(options));
  wait_usable();
  EXPECT_EQ(ask({"slow"}, Millis(50)).get().error().code, Errc::DeadlineExceeded);
  wait_usable(false);
  EXPECT_EQ(ask({"next"}, std::chrono::hours(1)).get().error().code, Errc::Unavailable);
  may_answer.set_value();
  wait_usable();
  EXPECT_EQ(ask({"next"}).get()->at(0).text, "soon");
  EXPECT_EQ(connects_, 1);
}

TEST_F(RedisClientTest, GivesUpAPeerThatStaysSilentAndConnectsAnew) {
  RedisOptions options;
  options.stall_max = Millis(50);
  open(
      [connections = std::make_shared<std::atomic<int>>(0)](Peer::Connection& peer) {
        const bool is_silent = (*connections)++ == 0;
        if (!peer.greet()) return;
        while (peer.read()) {
          if (!is_silent) peer.write("+OK\r\n");
        }
      },
      std::move(options));
  wait_usable();
  EXPECT_EQ(ask({"a"}, Millis(20)).get().error().code, Errc::DeadlineExceeded);
  const auto [why, was_up] = wait_lost();
  EXPECT_EQ(why.code, Errc::DeadlineExceeded);
  EXPECT_TRUE(was_up);
  wait_usable();
  EXPECT_EQ(ask({"a"}).get()->at(0).text, "OK");
}

TEST_F(RedisClientTest, EndsEveryCallWhenTheConnectionBreaks) {
  open([&](Peer::Connection& peer) {
    if (!peer.greet()) return;
    peer.read();
    peer.read();
    peer.write("+one\r\n*2\r\n:1\r\n");  // and no more
  });
  wait_usable();
  auto first = ask({"a"}), second = ask({"b"});
  EXPECT_EQ(first.get()->at(0).text, "one");
  EXPECT_EQ(second.get().error().code, Errc::Unavailable);
  EXPECT_TRUE(wait_lost().second);
}

TEST_F(RedisClientTest, TakesAServerThatIsNotForUsAsAway) {
  for (const std::string code : {"LOADING", "READONLY", "MOVED", "MASTERDOWN", "NOPERM"}) {
    {
      const std::lock_guard lock(mutex_);
      losses_.clear();
    }
    if (client_) {
      asio::co_spawn(context_, client_->close(), asio::use_future).get();
      client_.reset();
      is_usable_ = false;
    }
    open([code, connections = std::make_shared<std::atomic<int>>(0)](Peer::Connection& peer) {
      const bool is_away = (*connections)++ == 0;
      if (!peer.greet()) return;
      while (peer.read()) peer.write(is_away ? "-" + code + " 1 10.0.0.1:1\r\n" : "+OK\r\n");
    });
    wait_usable();
    const auto answer = ask({"a"}).get();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->at(0).error_code(), code);
    const auto [why, was_up] = wait_lost();
    EXPECT_TRUE(was_up);
    EXPECT_EQ(why.message, "Redis answered " + code);
    wait_usable();
    EXPECT_EQ(ask({"a"}).get()->at(0).text, "OK");
  }
}

TEST_F(RedisClientTest, SaysWhatWasRefusedAndNothingThatWasSent) {
  RedisOptions options;
  options.password = base::Secret("hunter2");
  open(
      [](Peer::Connection& peer) {
        peer.read();
        peer.write("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n+PONG\r\n");
        peer.read();
        peer.read();
      },
      std::move(options));
  const Error why = wait_lost().first;
  EXPECT_EQ(why.code, Errc::FailedPrecondition);
  EXPECT_EQ(why.message, "Redis refused the user or the password (ERR)");
}

TEST_F(RedisClientTest, LeavesWhatIsNotRedis) {
  open([](Peer::Connection& peer) {
    peer.read();
    peer.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    peer.read();
  });
  EXPECT_EQ(wait_lost().first.code, Errc::Corruption);
}

TEST_F(RedisClientTest, LeavesAPeerThatAnswersWhatNobodyAsked) {
  open([](Peer::Connection& peer) {
    if (!peer.greet()) return;
    peer.write("+surprise\r\n");
    peer.read();
  });
  const auto [why, was_up] = wait_lost();
  EXPECT_EQ(why.code, Errc::Corruption);
  EXPECT_TRUE(was_up);
}

TEST_F(RedisClientTest, EndsWhatWaitsWhenItIsClosed) {
  open([](Peer::Connection& peer) {
    if (!peer.greet()) return;
    while (peer.read()) {}
  });
  wait_usable();
  auto waiting = ask({"a"}, std::chrono::hours(1));
  asio::co_spawn(context_, client_->close(), asio::use_future).get();
  EXPECT_EQ(waiting.get().error().code, Errc::Unavailable);
  EXPECT_EQ(ask({"c"}).get().error().code, Errc::Unavailable);
}

}  // namespace
}  // namespace carillon::net
