// What the outcome journal costs. Not in the build; by hand, from the repository's root, after building
// carillon_base in build/:
//
//   clang++-19 -std=c++23 -O2 -Isrc src/pipeline/journal_bench.cpp src/pipeline/journal.cpp
//     src/pipeline/journal_format.cpp build/libcarillon_base.a build/libcarillon_model.a -fuse-ld=lld -lfmt
//     -lsimdjson -lcrypto -lspdlog -lpthread -o build/journal_bench && build/journal_bench
//
// Prints nanoseconds per append (a start and an outcome are two), in flushes of 256, with settlements.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "pipeline/journal.h"

int main() {
  using namespace carillon;
  std::string folder = "/tmp/carillon_journal_bench_XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  auto opened = pipeline::Journal::open(folder, {1, 1});
  if (!opened) return 1;
  auto& journal = **opened;
  const auto outcome = model::Outcome::sent("projects/example/messages/0:1790000000123456%31bd1c9631bd1c96");
  constexpr std::int64_t kBatch = 256, kBatches = 4000;
  std::int64_t id = 1'000'000;
  double settling = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t b = 0; b < kBatches; ++b) {
    for (std::int64_t i = 0; i < kBatch; ++i) journal.start(id + i, 1);
    if (!journal.flush()) return 1;
    for (std::int64_t i = 0; i < kBatch; ++i) journal.outcome(id + i, 1, outcome);
    if (!journal.flush()) return 1;
    const auto settle = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < kBatch; ++i) journal.settled(id + i, 1);
    settling += std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - settle).count();
    id += kBatch;
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  fmt::print("append {:.0f} ns, settle {:.0f} ns\n", (took.count() - settling) / (2 * kBatch * kBatches),
             settling / (kBatch * kBatches));
  opened->reset();
  std::filesystem::remove_all(folder);
}
