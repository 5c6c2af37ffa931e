// Says of nearly every address that is not suppressed that it is not, without looking into the store.
//
// A Bloom filter over all suppressions, one cache line per look-up and layer; 2 bytes per suppression.
// When a layer is full, the next of twice its size takes the new ones, so nothing is ever rebuilt.
// Removed suppressions stay in it until the next start: they cost a look into the store, no more.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/crypto.h"
#include "base/error.h"
#include "model/channel.h"

namespace carillon::store::detail {

class Db;

class SuppressionFilter {
 public:
  // Takes in the whole table.
  Result<void> load(Db& db);
  // False: certainly not suppressed. True: look. Any thread.
  [[nodiscard]] bool may_have(std::int32_t project, model::Channel channel,
                              const base::Hash128& hash) const noexcept;
  // Before the commit that makes it count, so that nobody who knows of the commit can miss it. One
  // thread at a time.
  void add(std::int32_t project, model::Channel channel, const base::Hash128& hash);

 private:
  static constexpr std::size_t kWords = 8;  // of a block: one cache line, one bit set in each
  struct alignas(64) Block {
    std::array<std::atomic<std::uint64_t>, kWords> words{};
  };
  struct Layer {
    explicit Layer(std::size_t capacity_in);
    std::size_t capacity, used = 0, blocks;
    std::unique_ptr<Block[]> bits;
  };
  struct Place {
    std::uint64_t block = 0, bits = 0;
  };
  static Place place_of(std::int32_t project, model::Channel channel, const base::Hash128& hash) noexcept;

  static constexpr std::size_t kLayersMax = 24;  // the first of 64 Ki entries: more than any disk holds
  std::array<std::unique_ptr<Layer>, kLayersMax> layers_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace carillon::store::detail
