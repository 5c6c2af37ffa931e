// carillon_load: sends notifications to a running server as fast as it answers, or at a rate, over
// keep-alive connections, and prints what it counted as one line of JSON.
//
//   carillon_load --port 8080 --user KEY --password SECRET --seconds 10 [--connections 64] [--batch 100]
//                 [--rate 2000] [--count 1000000] [--users 1000000] [--extra '"channels":["push"],…'] [--seed
//                 1]
//
// The generator is the one of `carillon bench` (src/app/load.h), without anything around it.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "app/load.h"

namespace carillon::bench {
namespace {

template <class T>
bool take(std::string_view name, std::string_view wanted, const char* value, T& into) {
  if (name != wanted) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    into = value;
  } else {
    const auto [end, ec] = std::from_chars(value, value + std::strlen(value), into);
    if (ec != std::errc{} || *end != '\0') {
      fmt::print(stderr, "carillon_load: {} takes a number, not '{}'\n", name, value);
      std::exit(2);
    }
  }
  return true;
}

app::LoadOptions read_options(int argc, char** argv) {
  app::LoadOptions o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (take(name, "--port", value, o.port) || take(name, "--user", value, o.user) ||
        take(name, "--password", value, o.password) || take(name, "--extra", value, o.extra) ||
        take(name, "--path", value, o.path) || take(name, "--seconds", value, o.seconds) ||
        take(name, "--rate", value, o.rate) || take(name, "--count", value, o.count) ||
        take(name, "--users", value, o.users) || take(name, "--connections", value, o.connections) ||
        take(name, "--batch", value, o.batch) || take(name, "--seed", value, o.seed)) {
      continue;
    }
    fmt::print(stderr, "carillon_load: unknown option {}\n", name);
    std::exit(2);
  }
  if (argc % 2 == 0 || o.port == 0 || o.connections == 0 || o.batch == 0 || o.users == 0) {
    fmt::print(stderr, "carillon_load: needs --port, and a value for every option; see bench/load.cpp\n");
    std::exit(2);
  }
  return o;
}

}  // namespace
}  // namespace carillon::bench

int main(int argc, char** argv) {
  const auto report = carillon::app::run_load(carillon::bench::read_options(argc, argv));
  if (!report) {
    fmt::print(stderr, "carillon_load: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}\n", report->json());
  return 0;
}
