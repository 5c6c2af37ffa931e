// Feeds any bytes to the template compiler, as text and as a value, and any JSON to the template reader.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/template.h"

namespace {

using namespace carillon::model;

// Both the text and the value of its parameter come from the input, split at the first NUL.
void render_text(std::string_view text, std::string_view value, Syntax syntax) {
  auto t = std::make_shared<Template>();
  t->syntax = syntax;
  t->params.emplace_back().name = "a";
  t->params.emplace_back().name = "l";
  t->params.back().type = ParamType::List;
  Content& content = t->content["en"];
  content.body = text;
  content.email.emplace().html = text;
  content.email->subject = text;
  const auto compiled = CompiledTemplate::compile(t);
  if (!compiled) return;
  std::string params = "{\"a\":";
  carillon::base::append_json_string(params, value);
  params += ",\"l\":[1,{\"a\":[2]},[3]]}";
  for (const Channel channel : {Channel::Sms, Channel::Email}) {
    CompiledTemplate::Input input;
    input.channel = channel;
    input.params = params;
    const auto message = (*compiled)->render(input);
    // What the subject is made of can break no header.
    if (message && message->subject.find_first_of("\r\n") != std::string::npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto split = input.find('\0');
  const std::string_view value =
      split == std::string_view::npos ? std::string_view() : input.substr(split + 1);
  render_text(input.substr(0, split), value, Syntax::Mustache);
  render_text(input.substr(0, split), value, Syntax::Brackets);
  carillon::base::JsonDocument document;
  if (const auto root = document.parse(input)) {
    carillon::base::Problems problems;
    const Template t = read_template(*root, "t", problems);
    if (problems.empty()) {
      // What is accepted can be stored, read back and compiled.
      carillon::base::JsonWriter out;
      write_template(out, t);
      auto stored = decode_template(out.str());
      if (!stored) std::abort();
      if (!CompiledTemplate::compile(std::make_shared<const Template>(std::move(*stored)))) std::abort();
    }
  }
  return 0;
}
