#include "store/detail/suppression_filter.h"

#include <algorithm>
#include <cstring>

#include "store/detail/db.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kFirstCapacity = 65'536;
constexpr std::size_t kBitsPerEntry = 16;  // about 0.2 % false alarms when a layer is full

}  // namespace

SuppressionFilter::Layer::Layer(std::size_t capacity_in)
    : capacity(capacity_in),
      blocks(capacity_in * kBitsPerEntry / (kWords * 64)),
      bits(std::make_unique<Block[]>(blocks)) {}

SuppressionFilter::Place SuppressionFilter::place_of(std::int32_t project, model::Channel channel,
                                                     const base::Hash128& hash) noexcept {
  Place place;
  std::memcpy(&place.block, hash.data(), sizeof place.block);
  std::memcpy(&place.bits, hash.data() + sizeof place.block, sizeof place.bits);
  // The hash is keyed and even; project and channel only have to keep equal hashes apart.
  const auto which = static_cast<std::uint64_t>(static_cast<std::uint32_t>(project)) << 8 |
                     static_cast<std::uint64_t>(channel);
  place.block ^= which * 0x9e3779b97f4a7c15ULL;
  return place;
}

bool SuppressionFilter::may_have(std::int32_t project, model::Channel channel,
                                 const base::Hash128& hash) const noexcept {
  const Place place = place_of(project, channel, hash);
  const std::size_t count = count_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const Layer& layer = *layers_[i];
    const Block& block = layer.bits[(place.block >> 32) * layer.blocks >> 32];
    bool is_there = true;
    for (std::size_t w = 0; w < kWords; ++w) {
      const std::uint64_t word = block.words[w].load(std::memory_order_relaxed);
      is_there &= (word >> (place.bits >> (w * 6) & 63) & 1) != 0;
    }
    if (is_there) return true;
  }
  return false;
}

void SuppressionFilter::add(std::int32_t project, model::Channel channel, const base::Hash128& hash) {
  std::size_t count = count_.load(std::memory_order_relaxed);
  if (count == 0 || (layers_[count - 1]->used >= layers_[count - 1]->capacity && count < kLayersMax)) {
    const std::size_t capacity = count == 0 ? kFirstCapacity : layers_[count - 1]->capacity * 2;
    layers_[count] = std::make_unique<Layer>(capacity);
    count_.store(++count, std::memory_order_release);
  }
  Layer& layer = *layers_[count - 1];
  ++layer.used;
  const Place place = place_of(project, channel, hash);
  Block& block = layer.bits[(place.block >> 32) * layer.blocks >> 32];
  for (std::size_t w = 0; w < kWords; ++w) {
    block.words[w].fetch_or(std::uint64_t{1} << (place.bits >> (w * 6) & 63), std::memory_order_relaxed);
  }
}

Result<void> SuppressionFilter::load(Db& db) {
  CARILLON_TRY(const std::int64_t stored, db.scalar("SELECT count(*) FROM suppression"));
  layers_[0] = std::make_unique<Layer>(std::max(kFirstCapacity, static_cast<std::size_t>(stored) * 2));
  count_.store(1, std::memory_order_release);
  Statement s = db.statement("SELECT project, channel, hash FROM suppression");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    add(s.as<std::int32_t>(0), s.as<model::Channel>(1), s.hash(2));
  }
}

}  // namespace carillon::store::detail
