// What stands between a store and its PostgreSQL in tests of lost answers: passes everything on, and breaks
// the writer's connection at a COMMIT when it is told to.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/descriptor.h"

namespace carillon::store::detail {

class PostgresRelay {
 public:
  enum class Commit : std::uint8_t {
    Pass,
    Drop,  // the server never sees it
    Hold   // it goes there with let_go()
  };

  explicit PostgresRelay(std::string server) : server_(std::move(server)) {
    char path[] = "/tmp/carillon-relay-XXXXXX";
    if (::mkdtemp(path) != nullptr) folder_ = path;
    listener_ = base::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un at = address(folder_ + "/.s.PGSQL.5432");
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    threads_.emplace_back([this] { listen(); });
  }
  ~PostgresRelay() {
    is_over_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    threads_.front().join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
  }
  PostgresRelay(const PostgresRelay&) = delete;
  PostgresRelay& operator=(const PostgresRelay&) = delete;

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  // The next COMMIT of "carillon writer". New connections are refused from then on, when `refuses`.
  void at_commit(Commit what, bool refuses = false) {
    refuses_then_ = refuses;
    at_commit_ = what;
  }
  void accept_again() { refuses_ = false; }
  void let_go() {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(held_.empty());
    is_let_go_ = true;
    EXPECT_EQ(::send(held_by_, held_.data(), held_.size(), MSG_NOSIGNAL), static_cast<ssize_t>(held_.size()));
    held_.clear();
  }

 private:
  static sockaddr_un address(const std::string& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    return at;
  }

  void listen() {
    while (true) {
      base::Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (is_over_ || !client) return;
      if (refuses_) continue;
      base::Descriptor server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_un at = address(server_);
      if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) continue;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(client.get());
        open_.push_back(server.get());
      }
      threads_.emplace_back([this, c = std::move(client), s = std::move(server)]() mutable {
        pass(std::move(c), std::move(s));
      });
    }
  }

  // Until one of them ends, or the COMMIT that is waited for comes.
  void pass(base::Descriptor client, base::Descriptor server) {
    std::string first;
    std::array<char, 65'536> data;
    while (true) {
      std::array<pollfd, 2> both{pollfd{client.get(), POLLIN, 0}, pollfd{server.get(), POLLIN, 0}};
      ::poll(both.data(), both.size(), -1);
      const bool is_client = both[0].revents != 0;
      const int from = is_client ? client.get() : server.get(), to = is_client ? server.get() : client.get();
      const ssize_t n = ::recv(from, data.data(), data.size(), 0);
      if (n <= 0) break;
      const std::string_view text(data.data(), static_cast<std::size_t>(n));
      if (is_client && first.empty()) first = text;
      const bool is_commit = is_client && first.contains("carillon writer") && text.contains("COMMIT");
      const Commit what = is_commit ? at_commit_.exchange(Commit::Pass) : Commit::Pass;
      if (what != Commit::Pass) {
        refuses_ = refuses_then_.load();
        if (what == Commit::Hold) hold(server.get(), text);
        ::shutdown(client.get(), SHUT_RDWR);
        // Its answer comes after that to what was before it.
        while (what == Commit::Hold && ::recv(server.get(), data.data(), data.size(), 0) > 0 && !is_let_go_) {
        }
        break;
      }
      if (::send(to, text.data(), text.size(), MSG_NOSIGNAL) != n) break;
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, client.get());
    std::erase(open_, server.get());
    client = {};
    server = {};
  }

  void hold(int server, std::string_view text) {
    const std::lock_guard lock(mutex_);
    held_by_ = server;
    held_ = text;
  }

  const std::string server_;
  std::string folder_;
  base::Descriptor listener_;
  std::atomic<bool> is_over_{false}, refuses_{false}, refuses_then_{false}, is_let_go_{false};
  std::atomic<Commit> at_commit_{Commit::Pass};
  std::mutex mutex_;
  std::vector<int> open_;  // for the end
  int held_by_ = -1;
  std::string held_;
  std::vector<std::thread> threads_;  // the first listens, and begins the others
};

}  // namespace carillon::store::detail
