#include "net/redis_protocol.h"

#include <hiredis/read.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace carillon::net {
namespace {

constexpr std::size_t kErrorCodeMax = 32;

// Where hiredis wants an object of ours: at the root, or as the next item of the array being read. What
// stands before it in that array is complete, so that nobody refers to it when the vector moves.
RedisReply* place(const redisReadTask* task) noexcept {
  if (task->parent == nullptr) return new RedisReply();
  return &static_cast<RedisReply*>(task->parent->obj)->items.emplace_back();
}

redisReplyObjectFunctions* functions() {
  static redisReplyObjectFunctions instance{
      .createString = [](const redisReadTask* task, char* text, std::size_t size) -> void* {
        RedisReply* const reply = place(task);
        reply->kind = task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::Error : RedisReply::Kind::Text;
        reply->text.assign(text, size);
        return reply;
      },
      // The items are made as they come: their number alone costs nothing.
      .createArray = [](const redisReadTask* task, int) -> void* {
        RedisReply* const reply = place(task);
        reply->kind = RedisReply::Kind::Array;
        return reply;
      },
      .createInteger = [](const redisReadTask* task, long long value) -> void* {
        RedisReply* const reply = place(task);
        reply->kind = RedisReply::Kind::Integer;
        reply->integer = value;
        return reply;
      },
      .createNil = [](const redisReadTask* task) -> void* { return place(task); },
      .freeObject = [](void* root) { delete static_cast<RedisReply*>(root); },
  };
  return &instance;
}

}  // namespace

std::string_view RedisReply::error_code() const noexcept {
  const std::string_view word = std::string_view(text).substr(0, text.find(' '));
  const bool is_code = !word.empty() && word.size() <= kErrorCodeMax &&
                       std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  return is_code ? word : "ERR";
}

void RedisCommands::begin(std::size_t arguments) {
  bytes_ += '*';
  bytes_ += std::to_string(arguments);
  bytes_ += "\r\n";
  ++count_;
}

void RedisCommands::argument(std::string_view text) {
  std::array<char, 24> length;
  const auto end = std::to_chars(length.data(), length.data() + length.size(), text.size()).ptr;
  bytes_ += '$';
  bytes_.append(length.data(), end);
  bytes_ += "\r\n";
  bytes_ += text;
  bytes_ += "\r\n";
}

void RedisCommands::add(std::initializer_list<std::string_view> arguments) {
  begin(arguments.size());
  for (const std::string_view each : arguments) argument(each);
}

RedisReader::RedisReader() : reader_(redisReaderCreateWithFunctions(functions())) {
  CARILLON_ASSERT(reader_ != nullptr);
}

RedisReader::~RedisReader() { redisReaderFree(reader_); }

void RedisReader::feed(std::string_view bytes) {
  redisReaderFeed(reader_, bytes.data(), bytes.size());
  unanswered_bytes_ += bytes.size();
}

Result<std::optional<RedisReply>> RedisReader::next() {
  void* root = nullptr;
  if (redisReaderGetReply(reader_, &root) != REDIS_OK) {
    return fail(Errc::Corruption, "what answers does not speak Redis");
  }
  if (root == nullptr) {
    if (unanswered_bytes_ > kReplyBytesMax) return fail(Errc::Corruption, "a reply has no end");
    return std::optional<RedisReply>();
  }
  const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(root));
  unanswered_bytes_ = reader_->len - reader_->pos;
  return std::optional<RedisReply>(std::move(*reply));
}

}  // namespace carillon::net
