// Feeds any bytes to the template compiler, as text, as a layout and as a value, and any JSON to the readers.
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

// The input as a frame, around an e-mail that says `value`.
void render_frame(std::string_view frame, std::string_view value) {
  auto layout = std::make_shared<Layout>();
  layout->html = layout->text = frame;
  auto t = std::make_shared<Template>();
  for (const ParamType type : {ParamType::String, ParamType::Date, ParamType::Money}) {
    t->params.emplace_back().name = name(type);
    t->params.back().type = type;
  }
  Content& content = t->content["en"];
  content.body = "{{string}} {{date}} {{money}}";
  content.email.emplace().html = "<p>{{string}}</p>{{date}} {{money.raw}}";
  content.email->subject = content.email->preheader = "{{string}}";
  const auto compiled = CompiledTemplate::compile(t, layout);
  if (!compiled) return;
  const BrandVariables brand{{"name", "<brand>"}};
  std::string params = R"({"date":"2026-12-01","money":{"amount":"1.5","currency":"EUR"},"string":)";
  carillon::base::append_json_string(params, value);
  params += "}";
  CompiledTemplate::Input input;
  input.channel = Channel::Email;
  input.params = params;
  input.brand = &brand;
  input.own_locale = input.time_zone = value;
  const auto message = (*compiled)->render(input);
  if (message && frame.find("<brand>") == std::string_view::npos &&
      message->html.find("<brand>") != std::string::npos && value.find("<brand>") == std::string_view::npos) {
    std::abort();  // a value became markup
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
  render_frame(input.substr(0, split), value);
  carillon::base::JsonDocument document;
  if (const auto root = document.parse(input)) {
    carillon::base::Problems problems;
    const Layout layout = read_layout(*root, "l", problems);
    if (problems.empty()) {
      auto made = CompiledTemplate::compile(std::make_shared<const Template>(),
                                            std::make_shared<const Layout>(layout));
      if (!made) std::abort();
    }
    problems.clear();
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
