// What the benchmarks of providers share: a simulator, jobs kept under way, and the CPU they took.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "providers/catalog.h"
#include "sim/sim.h"

namespace carillon::providers::bench {

// User and system time of RUSAGE_THREAD, RUSAGE_SELF or RUSAGE_CHILDREN, in µs.
inline double cpu_us(int who) {
  rusage use{};
  getrusage(who, &use);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(use.ru_utime) + us(use.ru_stime);
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// The arguments of a benchmark: numbers.
struct Arguments {
  int count = 0;
  char** texts = nullptr;
  std::size_t operator()(int i, std::size_t otherwise) const {
    return count > i ? static_cast<std::size_t>(std::atoll(texts[i])) : otherwise;
  }
};

// A folder that goes with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_ = "/tmp/carillon-bench-XXXXXX";
};

// Of a simulator that counts what it gets and keeps nothing.
inline sim::SimOptions counting(const std::string& folder) {
  sim::SimOptions options;
  options.use_any_ports();
  options.directory = folder;
  options.counters_only = true;
  options.quiet = true;
  return options;
}

// Opens a provider, or throws.
inline std::unique_ptr<Provider> open(std::string_view name, const std::string& settings,
                                      const Context& context) {
  base::JsonDocument document;
  base::Problems problems;
  return std::move(
      find_provider(name)->open(*document.parse(settings), problems, context, CommonOptions{}).value());
}

inline void close(boost::asio::io_context& io, Provider& provider) {
  bool is_closed = false;
  boost::asio::co_spawn(io, provider.close(base::Deadline::after(std::chrono::seconds(5))),
                        [&](std::exception_ptr) { is_closed = true; });
  while (!is_closed) io.run_one();
}

// Keeps all its jobs under way; what ended during one wake-up is sent again, at most `step` at a time.
class Load final : public JobSink {
 public:
  Load(boost::asio::io_context& io, Provider& provider, std::vector<Job> jobs, std::size_t total,
       std::size_t step = SIZE_MAX)
      : io_(io), provider_(provider), total_(total), step_(step), jobs_(std::move(jobs)) {
    for (Job& job : jobs_) free_.push_back(&job);
  }
  // Until `total` have ended; how many of them were not sent, the first of which is printed.
  std::size_t run() {
    refill();
    while (ended_ < total_) io_.run_one();
    return bad_;
  }
  void finished(Job& job, model::Outcome outcome) override {
    if (outcome.kind != model::OutcomeKind::Sent && bad_++ == 0) {
      fmt::print("failed: {} {} {}\n", model::name(outcome.kind), outcome.code, outcome.detail);
    }
    free_.push_back(&job);
    ++ended_;
    if (is_posted_ || started_ == total_) return;
    is_posted_ = true;
    boost::asio::post(io_, [this] { refill(); });
  }

 private:
  void refill() {
    is_posted_ = false;
    while (!free_.empty() && started_ < total_) {
      std::vector<Job*> span = std::exchange(spare_, {});
      span.clear();
      while (!free_.empty() && started_ < total_ && span.size() < step_) {
        span.push_back(free_.back());
        free_.pop_back();
        ++started_;
      }
      provider_.send(span, *this, base::Deadline::after(std::chrono::seconds(30)));
      spare_ = std::move(span);
    }
  }

  boost::asio::io_context& io_;
  Provider& provider_;
  const std::size_t total_, step_;
  std::size_t started_ = 0, ended_ = 0, bad_ = 0;
  bool is_posted_ = false;
  std::vector<Job> jobs_;
  std::vector<Job*> free_, spare_;
};

}  // namespace carillon::providers::bench
