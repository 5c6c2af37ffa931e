#include "app/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "base/crypto.h"

namespace carillon::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr auto kPatience = std::chrono::seconds(15);  // for an answer after the end
constexpr auto kLateAfter = std::chrono::milliseconds(5);
constexpr int kHttpOk = 200;
constexpr int kHttpAccepted = 202;
constexpr int kHttpTooMany = 429;
constexpr int kHttpServerError = 500;

// Makes requests.
class Writer {
 public:
  explicit Writer(const LoadOptions& options)
      : options_(options), random_(options.seed), user_(0, options.users - 1) {
    run_ = fmt::format("{:x}", std::random_device{}());
    const std::string path = !options.path.empty() ? options.path
                             : options.batch > 1   ? "/v1/notifications/batch"
                                                   : "/v1/notifications";
    head_ = fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}:{}\r\nAuthorization: Basic {}\r\n"
        "Content-Type: application/json\r\nContent-Length: ",
        path, options.host, options.port, base::base64(options.user + ":" + options.password));
  }

  // Replaces `out` by the next request; the number of notifications in it.
  std::size_t next(std::string& out) {
    body_.clear();
    const std::size_t items = options_.batch;
    if (items > 1) body_ += R"({"notifications":[)";
    for (std::size_t i = 0; i < items; ++i) {
      if (i > 0) body_ += ',';
      item();
    }
    if (items > 1) body_ += "]}";
    out.clear();
    out += head_;
    fmt::format_to(std::back_inserter(out), "{}\r\n\r\n", body_.size());
    out += body_;
    return items;
  }

 private:
  void item() {
    const std::uint64_t n = made_++;
    auto out = std::back_inserter(body_);
    fmt::format_to(out, R"({{"event_id":"load-{}-{}","to":[)", run_, n);
    if (options_.to.empty()) {
      fmt::format_to(out, R"({{"user_id":"u{}"}}])", user_(random_));
    } else {
      fmt::format_to(out, "{}]", options_.to);
    }
    if (!options_.extra.empty()) {
      body_ += ',';
      body_ += options_.extra;
    }
    body_ += '}';
  }

  const LoadOptions& options_;
  std::mt19937_64 random_;
  std::uniform_int_distribution<std::uint64_t> user_;
  std::string run_, head_, body_;
  std::uint64_t made_ = 0;
};

struct Connection {
  int fd = -1;
  std::string request;
  std::size_t written = 0;
  std::string answer;
  bool is_busy = false;
  Clock::time_point since;  // rate mode: when it should have begun
};

std::uint64_t number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  std::uint64_t value = 0;
  std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value);
  return value;
}

class Load {
 public:
  Load(const LoadOptions& options, const sockaddr_storage& address, socklen_t address_size)
      : options_(options),
        address_(address),
        address_size_(address_size),
        writer_(options_),
        connections_(options_.connections) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    for (const auto& connection : connections_) {
      if (connection.fd >= 0) ::close(connection.fd);
    }
    if (epoll_ >= 0) ::close(epoll_);
  }

  Result<LoadReport> run() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (auto& connection : connections_) CARILLON_CHECK(open(connection));
    start_ = Clock::now();
    const auto end =
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
    next_due_ = start_;
    for (auto& connection : connections_) idle_.push_back(&connection);
    while (true) {
      const auto now = Clock::now();
      const bool is_over = now >= end || begun_ >= options_.count;
      if (!is_over) begin_all(now);
      if (failed_) return std::unexpected(*failed_);
      if (is_over && idle_.size() == connections_.size()) break;
      if (is_over && now >= end + kPatience) break;
      wait(is_over);
    }
    report_.seconds = std::chrono::duration<double>(last_answer_ - start_).count();
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    report_.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    return report_;
  }

 private:
  Result<void> open(Connection& c) {
    if (c.fd >= 0) ::close(c.fd);
    c.fd = ::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(c.fd, reinterpret_cast<const sockaddr*>(&address_), address_size_) != 0) {
      return fail(Errc::InvalidArgument, fmt::format("cannot connect to {}:{}: {}", options_.host,
                                                     options_.port, std::strerror(errno)));
    }
    const int one = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::fcntl(c.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    return {};
  }

  void begin_all(Clock::time_point now) {
    while (!idle_.empty() && begun_ < options_.count) {
      if (options_.rate > 0) {
        if (next_due_ > now) return;
        if (now - next_due_ > kLateAfter) ++report_.late;
      }
      Connection& c = *idle_.back();
      idle_.pop_back();
      c.since = options_.rate > 0 ? next_due_ : Clock::now();
      if (options_.rate > 0) {
        next_due_ +=
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.rate));
      }
      begun_ += writer_.next(c.request);
      c.written = 0;
      c.answer.clear();
      c.is_busy = true;
      write(c);
    }
  }

  void write(Connection& c) {
    while (c.written < c.request.size()) {
      const ssize_t n =
          ::send(c.fd, c.request.data() + c.written, c.request.size() - c.written, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) return watch(c, EPOLLIN | EPOLLOUT);
      if (n <= 0) return broken(c);
      c.written += static_cast<std::size_t>(n);
    }
  }

  void watch(Connection& c, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }

  void wait(bool is_over) {
    int timeout_ms = is_over ? 100 : 1000;
    if (!is_over && options_.rate > 0 && !idle_.empty()) {
      const auto until =
          std::chrono::duration_cast<std::chrono::milliseconds>(next_due_ - Clock::now()).count();
      timeout_ms = static_cast<int>(std::max<std::int64_t>(0, until));
    }
    std::array<epoll_event, 128> events{};
    const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < n; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto& c = *static_cast<Connection*>(event.data.ptr);
      if ((event.events & EPOLLOUT) != 0) {
        watch(c, EPOLLIN);
        write(c);
      }
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(c);
    }
  }

  void read(Connection& c) {
    while (true) {
      const ssize_t n = ::recv(c.fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return broken(c);
      c.answer.append(buffer_.data(), static_cast<std::size_t>(n));
      if (is_complete(c)) return answered(c);
      if (static_cast<std::size_t>(n) < buffer_.size()) return;
    }
  }

  static bool is_complete(const Connection& c) {
    const std::size_t head = c.answer.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t at = c.answer.find("ontent-Length: ");
    if (at > head) at = c.answer.find("ontent-length: ");
    if (at > head) return true;
    return c.answer.size() >= head + 4 + number_after(std::string_view(c.answer).substr(at), "ength: ");
  }

  void answered(Connection& c) {
    if (!c.is_busy) return;
    last_answer_ = Clock::now();
    report_.latencies.add(std::chrono::duration<double>(last_answer_ - c.since).count());
    ++report_.requests;
    int status = 0;
    std::from_chars(c.answer.data() + std::min<std::size_t>(9, c.answer.size()),
                    c.answer.data() + c.answer.size(), status);
    const std::string_view answer(c.answer);
    if (options_.batch > 1 && status == kHttpAccepted) {
      report_.accepted += number_after(answer, R"("accepted":)");
      report_.duplicate += number_after(answer, R"("duplicate":)");
      report_.refused += number_after(answer, R"("refused":)");
    } else if (status == kHttpAccepted || status == kHttpOk) {
      ++(status == kHttpAccepted ? report_.accepted : report_.duplicate);
    } else {
      ++(status >= kHttpServerError || status == kHttpTooMany ? report_.errors : report_.refused);
      if (report_.first_problem.empty())
        report_.first_problem = answer.substr(answer.find("\r\n\r\n") + 4, 500);
    }
    c.is_busy = false;
    idle_.push_back(&c);
  }

  void broken(Connection& c) {
    if (c.is_busy) {
      ++report_.errors;
      c.is_busy = false;
      idle_.push_back(&c);
    }
    if (const auto opened = open(c); !opened && !failed_) failed_ = opened.error();
  }

  const LoadOptions& options_;
  const sockaddr_storage address_;
  const socklen_t address_size_;
  Writer writer_;
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::array<char, kReadBytes> buffer_{};
  LoadReport report_;
  std::optional<Error> failed_;  // no connection could be made again
  Clock::time_point start_, next_due_, last_answer_;
  std::uint64_t begun_ = 0;
  int epoll_ = -1;
};

}  // namespace

Result<LoadReport> run_load(const LoadOptions& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (error != 0)
    return fail(Errc::InvalidArgument, fmt::format("{}: {}", options.host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  sockaddr_storage address{};
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  return std::make_unique<Load>(options, address, found->ai_addrlen)->run();
}

}  // namespace carillon::app
