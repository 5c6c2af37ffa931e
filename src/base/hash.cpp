// The hashes computed by hand, because they are called per row: SipHash and CRC-32C.
#include <bit>
#include <cstring>

#include "base/crypto.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace carillon::base {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded in the machine's order");

std::uint64_t load64(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

class SipState {
 public:
  SipState(std::uint64_t k0, std::uint64_t k1) noexcept
      : v0_(k0 ^ 0x736f6d6570736575U),
        v1_(k1 ^ 0x646f72616e646f6dU ^ 0xee),  // 0xee: 128 bits wanted
        v2_(k0 ^ 0x6c7967656e657261U),
        v3_(k1 ^ 0x7465646279746573U) {}

  void absorb(std::uint64_t word) noexcept {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  // Takes the words of `data`; the 0 to 7 bytes left over are returned as a zero-padded word.
  std::uint64_t absorb_words(std::string_view data) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= data.size(); i += 8) absorb(load64(data.data() + i));
    std::uint64_t rest = 0;
    if (i < data.size()) std::memcpy(&rest, data.data() + i, data.size() - i);
    return rest;
  }

  // `rest`: the bytes after the last whole word; `length`: of the message, in bytes.
  Hash128 finish(std::uint64_t rest, std::uint64_t length) noexcept {
    absorb(rest | length << 56);
    v2_ ^= 0xee;
    for (int i = 0; i < 4; ++i) round();
    const std::uint64_t low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xdd;
    for (int i = 0; i < 4; ++i) round();
    const std::uint64_t high = v0_ ^ v1_ ^ v2_ ^ v3_;
    Hash128 out;
    std::memcpy(out.data(), &low, 8);
    std::memcpy(out.data() + 8, &high, 8);
    return out;
  }

 private:
  void round() noexcept {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = value;
  }
  return table;
}

std::uint32_t crc_by_table(std::string_view bytes, std::uint32_t crc) noexcept {
  static constexpr auto kTable = make_crc_table();
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc_by_machine(std::string_view bytes,
                                                               std::uint32_t crc) noexcept {
  std::uint64_t wide = crc;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) wide = _mm_crc32_u64(wide, load64(bytes.data() + i));
  crc = static_cast<std::uint32_t>(wide);
  for (; i < bytes.size(); ++i) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(bytes[i]));
  return crc;
}
#endif

}  // namespace

Hash128 siphash128(std::string_view key16, std::string_view data) {
  CARILLON_ASSERT(key16.size() == 16);
  SipState state(load64(key16.data()), load64(key16.data() + 8));
  const std::uint64_t rest = state.absorb_words(data);
  return state.finish(rest, data.size());
}

KeyedHash::KeyedHash(std::string_view key16) {
  CARILLON_ASSERT(key16.size() == 16);
  k0_ = load64(key16.data());
  k1_ = load64(key16.data() + 8);
}

Hash128 KeyedHash::operator()(std::initializer_list<std::string_view> parts) const {
  SipState state(k0_, k1_);
  std::uint64_t length = 0;
  for (const std::string_view part : parts) {
    state.absorb(part.size());
    const std::uint64_t rest = state.absorb_words(part);
    if (part.size() % 8 != 0) state.absorb(rest);
    length += 8 + (part.size() + 7) / 8 * 8;
  }
  return state.finish(0, length);
}

std::int64_t KeyedHash::low63(std::initializer_list<std::string_view> parts) const {
  const Hash128 hash = (*this)(parts);
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < 8; ++i) first = first << 8 | hash[i];
  return static_cast<std::int64_t>(first >> 1);
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) noexcept {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc_by_machine(bytes, ~seed);
#endif
  return ~crc_by_table(bytes, ~seed);
}

}  // namespace carillon::base
