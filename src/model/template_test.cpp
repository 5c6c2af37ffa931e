#include "model/template.h"

#include <gtest/gtest.h>
#include <kainjow/mustache.hpp>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/pieces_test.h"

namespace carillon::model {
namespace {

struct Read {
  Template value;
  base::Problems problems;
  [[nodiscard]] bool has(std::string_view pointer, std::string_view code) const {
    return std::ranges::any_of(
        problems, [&](const base::Problem& p) { return p.pointer == pointer && p.code == code; });
  }
  [[nodiscard]] std::string shown() const {
    std::string out;
    for (const base::Problem& p : problems) out += p.pointer + " " + p.code + " " + p.detail + "; ";
    return out;
  }
};

Read read(std::string_view json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  Read out;
  if (root) out.value = read_template(*root, "t", out.problems);
  return out;
}

std::shared_ptr<CompiledTemplate> compiled(std::string_view json) {
  Read r = read(json);
  EXPECT_TRUE(r.problems.empty()) << r.shown();
  auto out = CompiledTemplate::compile(std::make_shared<const Template>(std::move(r.value)));
  EXPECT_TRUE(out) << out.error().message;
  return out ? *out : nullptr;
}

Message render(const CompiledTemplate& t, CompiledTemplate::Input input) {
  const auto message = t.render(input);
  EXPECT_TRUE(message) << message.error().message;
  return message ? *message : Message{};
}

std::string error_of(const CompiledTemplate& t, CompiledTemplate::Input input) {
  const auto message = t.render(input);
  EXPECT_FALSE(message);
  if (message) return "";
  EXPECT_EQ(message.error().code, Errc::InvalidArgument);
  return message.error().message;
}

CompiledTemplate::Input on(Channel channel, std::string_view params = {}) {
  CompiledTemplate::Input input;
  input.channel = channel;
  input.params = params;
  return input;
}

std::string json_text(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

// A template whose `body` and `email.html` are `text`, with parameters a (string) and more.
std::string template_of(std::string_view text, std::string_view syntax = "mustache") {
  return R"({"syntax":")" + std::string(syntax) +
         R"(","params":[{"name":"a"},{"name":"item_name"},{"name":"flag","type":"boolean"},)"
         R"({"name":"list","type":"list"},{"name":"o","type":"object"}],)"
         R"("content":{"en":{"title":"T","body":)" +
         json_text(text) + R"(,"email":{"html":)" + json_text(text) + "}}}}";
}

TEST(Template, BracketsThatNameNoParameterSurvive) {
  const auto t = compiled(
      template_of("[배달의민족] [item_name] <!--[if mso]> a[href] [ item_name ] [a b] [] [[a]]", "brackets"));
  const std::string_view params = R"({"item_name":"치킨","a":"x"})";
  EXPECT_EQ(render(*t, on(Channel::Sms, params)).body,
            "[배달의민족] 치킨 <!--[if mso]> a[href] [ item_name ] [a b] [] [x]");
  EXPECT_EQ(render(*t, on(Channel::Email, params)).html,
            "[배달의민족] 치킨 <!--[if mso]> a[href] [ item_name ] [a b] [] [x]");
}

TEST(Template, BracketsAreTextInMustacheSyntax) {
  EXPECT_EQ(render(*compiled(template_of("[a] {{a}}")), on(Channel::Sms, R"({"a":"x"})")).body, "[a] x");
}

TEST(Template, BothSyntaxesMixInOneText) {
  EXPECT_EQ(
      render(*compiled(template_of("[a]{{a}}{{ a }}[a]", "brackets")), on(Channel::Sms, R"({"a":"x"})")).body,
      "xxxx");
}

TEST(Template, EscapesInHtmlOnly) {
  const auto t = compiled(R"({"params":[{"name":"a"}],"content":{"en":{"title":"{{a}}","body":"{{a}}",
      "push":{"data":{"k":"{{a}}"}},"email":{"html":"<p title='{{a}}'>{{a}}</p>"}}}})");
  const std::string_view params = R"({"a":"A&B <i> \"q\" 'p'"})";
  EXPECT_EQ(render(*t, on(Channel::Sms, params)).body, "A&B <i> \"q\" 'p'");
  const Message mail = render(*t, on(Channel::Email, params));
  EXPECT_EQ(mail.html,
            "<p title='A&amp;B &lt;i&gt; &quot;q&quot; &#39;p&#39;'>A&amp;B &lt;i&gt; &quot;q&quot; "
            "&#39;p&#39;</p>");
  EXPECT_EQ(mail.body, "A&B <i> \"q\" 'p'");
  EXPECT_EQ(mail.subject, "A&B <i> \"q\" 'p'");
  const Message push = render(*t, on(Channel::Push, params));
  EXPECT_EQ(push.title, "A&B <i> \"q\" 'p'");
  EXPECT_EQ(push.data, R"({"k":"A&B <i> \"q\" 'p'"})");
}

TEST(Template, HeadersLoseLineBreaks) {
  const auto t = compiled(R"({"params":[{"name":"a"}],"content":{"en":{"title":"Hi {{a}}","body":"b",
      "email":{"headers":{"X-Order":"{{a}}"}}}}})");
  const Message mail = render(*t, on(Channel::Email, R"({"a":"x\r\nBcc: e@example.com\n"})"));
  EXPECT_EQ(mail.subject, "Hi x Bcc: e@example.com");
  ASSERT_EQ(mail.headers.size(), 1u);
  EXPECT_EQ(mail.headers[0].second, "x Bcc: e@example.com");
}

TEST(Template, ShowsEveryTypeToItsReader) {
  const auto t = compiled(
      R"({"params":[{"name":"i","type":"integer"},{"name":"n","type":"number"},{"name":"b","type":"boolean"},
      {"name":"d","type":"date"},{"name":"dt","type":"datetime"},{"name":"m","type":"money"},{"name":"u",
      "type":"url"},
      {"name":"l","type":"list"},{"name":"o","type":"object"}],
      "content":{"en":{"push":{"data":{"d":"{{d}}","m":"{{m}}"}},
      "body":"{{i}}|{{n}}|{{b}}|{{d}}|{{dt}}|{{m}}|)"
      R"({{u}}|{{l}}|{{o.x}}|{{m.currency}}|{{o}}"}}}
      )");
  EXPECT_EQ(
      render(*t, on(Channel::Sms, R"({"i":7,"n":1.50,"b":true,"d":"2026-12-01","dt":"2026-12-01T09:00:00Z",
      "m":{"amount":"12.50","currency":"EUR"},"u":"https://x.example","l":["a",1],"o":{"x":"y"}})"))
          .body,
      R"(7|1.5|true|December 1, 2026|December 1, 2026 at 9:00 AM|€12.50|)"
      R"(https://x.example|a, 1|y|EUR|{"x":"y"})");
  EXPECT_EQ(
      render(*t, on(Channel::Push, R"({"d":"2026-12-01","m":{"amount":"12.50","currency":"EUR"}})")).data,
      R"({"d":"2026-12-01","m":"12.50 EUR"})");
}

TEST(Template, SectionsFollowListsObjectsAndConditions) {
  const auto t =
      compiled(template_of("{{#list}}({{name}}{{^last}},{{/last}}){{/list}}{{^list}}none{{/list}}{{#flag}} "
                           "yes{{/flag}}{{#o}} {{x}}{{a}}{{/o}}"));
  EXPECT_EQ(
      render(*t, on(Channel::Sms,
                    R"({"list":[{"name":"p"},{"name":"q","last":true}],"flag":true,"o":{"x":1},"a":"z"})"))
          .body,
      "(p,)(q) yes 1z");
  EXPECT_EQ(render(*t, on(Channel::Sms, R"({"list":[],"flag":false})")).body, "none");
  EXPECT_EQ(render(*t, on(Channel::Sms)).body, "none");
  const auto dots = compiled(template_of("{{#list}}[{{.}}]{{/list}}"));
  EXPECT_EQ(render(*dots, on(Channel::Sms, R"({"list":["a","b"]})")).body, "[a][b]");
}

TEST(Template, ASectionTagAloneOnItsLineTakesTheLineWithIt) {
  const auto t = compiled(template_of("Items:\n  {{#list}}\n- {{.}}\n  {{/list}}\n{{! a remark }}\nEnd"));
  EXPECT_EQ(render(*t, on(Channel::Sms, R"({"list":["a","b"]})")).body, "Items:\n- a\n- b\nEnd");
}

TEST(Template, KnowsTheRecipient) {
  const auto t = compiled(
      R"({"params":[{"name":"city","from":"user.attributes.address.city","required":true}],"content":{"en":{
      "body":"{{user.name}} {{user.attributes.tier}} {{user.tier}} {{city}}{{user.nickname}}"}}})");
  auto input = on(Channel::Sms);
  input.user_name = "Kim";
  input.user_attributes = R"({"tier":"gold","address":{"city":"Seoul"}})";
  EXPECT_EQ(render(*t, input).body, "Kim gold gold Seoul");
  input.params = R"({"city":"Busan"})";
  EXPECT_EQ(render(*t, input).body, "Kim gold gold Busan");
  input.params = {};
  input.user_attributes = "{}";
  EXPECT_NE(error_of(*t, input).find("missing_parameter: \"city\""), std::string::npos);
}

TEST(Template, OverridesWinOverParamsAndParamsOverDefaults) {
  const auto t = compiled(R"({"params":[{"name":"a","default":"d"}],"content":{"en":{"body":"{{a}}"}}})");
  auto input = on(Channel::Sms);
  EXPECT_EQ(render(*t, input).body, "d");
  input.params = R"({"a":"p"})";
  EXPECT_EQ(render(*t, input).body, "p");
  input.overrides = R"({"a":"o"})";
  EXPECT_EQ(render(*t, input).body, "o");
  input.overrides = R"({"a":null})";
  EXPECT_EQ(render(*t, input).body, "p");
}

TEST(Template, ErrorsNameTheParameter) {
  const auto t =
      compiled(R"({"params":[{"name":"a","required":true,"max_length":3},{"name":"n","type":"integer"},
      {"name":"o","type":"object"},{"name":"u","type":"url"},{"name":"link"}],
      "content":{"en":{"body":"{{a}}{{n}}{{o.x}}","url":"{{link}}",
      "email":{"html":"<a href=\"{{link}}\">x</a>"}}}})");
  const auto sms = [&](std::string_view params) { return error_of(*t, on(Channel::Sms, params)); };
  EXPECT_EQ(sms("{}"), "missing_parameter: \"a\" is required");
  EXPECT_TRUE(sms(R"({"a":"x","zz":1})").starts_with("undeclared_parameter: \"zz\""));
  EXPECT_TRUE(sms(R"({"a":1})").starts_with("invalid_parameter: \"a\""));
  EXPECT_TRUE(sms(R"({"a":"abcd"})").starts_with("too_long: \"a\""));
  EXPECT_TRUE(sms(R"({"a":"x","n":"1"})").starts_with("invalid_parameter: \"n\""));
  EXPECT_TRUE(sms(R"({"a":"x","o":{}})").starts_with("missing_parameter: \"o.x\""));
  EXPECT_TRUE(sms(R"({"a":"x","u":"javascript:x"})").starts_with("invalid_url: \"u\""));
  for (const char* bad : {R"({"a":"x","link":"javascript:x"})", R"({"a":"x","link":" java\nscript:x"})",
                          R"({"a":"x","link":"data:x"})"}) {
    EXPECT_TRUE(error_of(*t, on(Channel::Email, bad)).starts_with("invalid_url: \"link\"")) << bad;
    EXPECT_NE(error_of(*t, on(Channel::Push, bad)).find("\"link\""), std::string::npos) << bad;
  }
  EXPECT_EQ(render(*t, on(Channel::Sms, R"({"a":"한국어"})")).body, "한국어");
}

TEST(Template, AnOutputWithoutEndIsRefused) {
  const auto t = compiled(template_of("{{#list}}{{#list}}{{#list}}0123456789{{/list}}{{/list}}{{/list}}"));
  std::string params = R"({"list":[0)";
  for (int i = 0; i < 2000; ++i) params += ",0";
  params += "]}";
  EXPECT_FALSE(t->render(on(Channel::Sms, params)));
  const auto empty =
      compiled(template_of("{{#list}}{{#list}}{{#list}}{{^list}}{{/list}}{{/list}}{{/list}}{{/list}}"));
  EXPECT_FALSE(empty->render(on(Channel::Sms, params)));
}

TEST(Template, SensitiveValuesAreHiddenWhereAsked) {
  const auto t =
      compiled(R"({"params":[{"name":"code","sensitive":true},{"name":"o","type":"object","sensitive":true}],
      "content":{"en":{"body":"{{code}} {{o.x}} {{#o}}{{x}}{{/o}}","push":{"data":{"c":"{{code}}"}}}}})");
  auto input = on(Channel::Push, R"({"code":"123456","o":{"x":"secret"}})");
  EXPECT_EQ(render(*t, input).body, "123456 secret secret");
  input.hide_sensitive = true;
  EXPECT_EQ(render(*t, input).body, "••• ••• •••");
  EXPECT_EQ(render(*t, input).data, R"({"c":"•••"})");
  // What is stored: the values are gone, and of another type.
  input.params = R"({"code":"•••","o":"•••"})";
  EXPECT_EQ(render(*t, input).body, "••• ••• •••");
  EXPECT_TRUE(t->has_sensitive());
  EXPECT_FALSE(compiled(R"({"params":[{"name":"a"}],"content":{"en":{"body":"{{a}}"}}})")->has_sensitive());
}

TEST(Template, LinksAreTheRecipientsAndHiddenFromOthers) {
  const auto t = compiled(R"({"params":[],"content":{"en":{"body":"{{links.preferences}}",
      "email":{"subject":"s",
               "html":"<a href=\"{{links.unsubscribe}}\">no</a>{{^links.preferences}}-{{/links.preferences}}"}
      }}})");
  EXPECT_TRUE(t->needs_links());
  auto input = on(Channel::Sms);
  EXPECT_EQ(render(*t, input).body, "") << "there is none";
  input.preferences_link = "https://n.example/p/a";
  input.unsubscribe_link = "https://n.example/u/b";
  EXPECT_EQ(render(*t, input).body, "https://n.example/p/a");
  input.channel = Channel::Email;
  EXPECT_EQ(render(*t, input).html, "<a href=\"https://n.example/u/b\">no</a>");
  input.hide_sensitive = true;
  EXPECT_EQ(render(*t, input).html, "<a href=\"•••\">no</a>");
  EXPECT_EQ(render(*t, input).body, "•••");
  // A parameter of that name is the caller's own.
  const auto own = compiled(R"({"params":[{"name":"links","type":"object"}],
      "content":{"en":{"body":"{{links.preferences}}"}}})");
  EXPECT_FALSE(own->needs_links());
  EXPECT_EQ(render(*own, on(Channel::Sms, R"({"links":{"preferences":"mine"}})")).body, "mine");
}

TEST(Template, NamesNoLinkThatThereIsNot) {
  for (const char* tag : {"links.home", "links", "links.preferences.x"}) {
    const Read r = read(fmt::format(R"({{"params":[],"content":{{"en":{{"body":"{{{{{}}}}}"}}}}}})", tag));
    ASSERT_FALSE(r.problems.empty()) << tag;
    EXPECT_EQ(r.problems.front().code, "undeclared_name") << tag;
  }
}

TEST(Template, WhatWasWipedIsNeverSaid) {
  const auto t = compiled(R"({"params":[{"name":"code","sensitive":true,"required":true},{"name":"name"}],
      "content":{"en":{"body":"{{code}} {{name}}"}}})");
  auto input = on(Channel::Push, R"({"code":"•••","name":"Ann"})");
  input.skip_hidden = true;
  EXPECT_NE(t->render(input).error().message.find("missing_parameter"), std::string::npos);
  input.overrides = R"({"code":"739154"})";
  EXPECT_EQ(render(*t, input).body, "739154 Ann");
}

TEST(Template, ChoosesTheLocaleForEachBlock) {
  const auto t = compiled(R"({"default_locale":"en","params":[],"content":{
      "en":{"title":"Hello","body":"b-en","email":{"subject":"s-en","html":"h-en"}},
      "ko":{"title":"안녕","body":"b-ko"},"zh-Hant":{"body":"b-zh","sms":{"body":"sms-zh"}}}})");
  auto input = on(Channel::Push);
  input.locales = {"", "ko-KR", "en"};
  EXPECT_EQ(render(*t, input).title, "안녕");
  EXPECT_EQ(render(*t, input).locale, "ko");
  input.channel = Channel::Email;  // only English has an email block
  EXPECT_EQ(render(*t, input).subject, "s-en");
  EXPECT_EQ(render(*t, input).body, "b-ko");
  input.channel = Channel::Sms;
  input.locales = {"fr", "ZH_hant_TW"};
  EXPECT_EQ(render(*t, input).body, "sms-zh");
  input.locales = {"fr-CA"};
  EXPECT_EQ(render(*t, input).body, "b-en");
}

TEST(Template, TakesWhatALanguageLeftOutFromTheDefault) {
  const auto t = compiled(R"({"default_locale":"en","params":[],"content":{
      "en":{"title":"Hello","body":"b-en","email":{"subject":"s-en","html":"h-en"},"voice":{"text":"v-en"}},
      "ko":{"body":"b-ko"},"de":{"title":"Hallo"},"fr":{"body":"b-fr","email":{"html":"h-fr"}}}})");
  auto input = on(Channel::Email);
  input.locales = {"ko"};
  EXPECT_EQ(render(*t, input).body, "b-ko");
  EXPECT_EQ(render(*t, input).subject, "s-en");
  input.locales = {"fr"};
  EXPECT_EQ(render(*t, input).subject, "s-en");
  EXPECT_EQ(render(*t, input).html, "h-fr");
  input.locales = {"de"};
  input.channel = Channel::Sms;
  EXPECT_EQ(render(*t, input).body, "b-en");
  input.channel = Channel::Push;  // a title alone is a message
  EXPECT_EQ(render(*t, input).body, "");
  const auto plain = compiled(R"({"default_locale":"en","params":[],"content":{
      "en":{"title":"Hello","body":"b-en"},"ko":{"body":"b-ko"}}})");
  input.channel = Channel::Email;
  input.locales = {"ko"};
  EXPECT_EQ(render(*plain, input).subject, "Hello");
  EXPECT_EQ(render(*plain, input).locale, "ko");
}

TEST(Template, BlocksOverrideBaseFields) {
  const auto t = compiled(
      R"({"params":[],"content":{"en":{"title":"T","body":"B","url":"https://u.example","image":"obj_1",
      "push":{"title":"PT","badge":3,"sound":"ding"},"sms":{"body":"S"},"voice":{"text":"V","repeat":2},
      "email":{"text":"ET"},"webhook":{"body":{"k":1}},"chat":{"slack":{"blocks":[]}}}}})");
  const Message push = render(*t, on(Channel::Push));
  EXPECT_EQ(push.title, "PT");
  EXPECT_EQ(push.body, "B");
  EXPECT_EQ(push.url, "https://u.example");
  EXPECT_EQ(push.image, "obj_1");
  EXPECT_EQ(push.badge, 3);
  EXPECT_EQ(push.sound, "ding");
  EXPECT_EQ(render(*t, on(Channel::Sms)).body, "S");
  EXPECT_EQ(render(*t, on(Channel::Sms)).title, "");
  EXPECT_EQ(render(*t, on(Channel::Voice)).body, "V");
  EXPECT_EQ(render(*t, on(Channel::Voice)).repeat, 2);
  EXPECT_EQ(render(*t, on(Channel::Email)).subject, "T");
  EXPECT_EQ(render(*t, on(Channel::Email)).body, "ET");
  EXPECT_EQ(render(*t, on(Channel::Webhook)).data, R"({"k":1})");
  EXPECT_EQ(render(*t, on(Channel::Chat)).slack, R"({"blocks":[]})");
  EXPECT_EQ(render(*t, on(Channel::Inbox)).title, "T");
}

TEST(Template, InlineContentIsLiteral) {
  Content content;
  content.title = "{{user.name}} [x]\nnext";
  content.body = "{{#a}} [배달의민족] {{{b}}} {{=<% %>=}}";
  content.email.emplace().html = "<!--[if mso]>{{a}}&amp;";
  const auto t = CompiledTemplate::literal(content);
  const Message mail = render(*t, on(Channel::Email, R"({"a":"never"})"));
  EXPECT_EQ(mail.subject, "{{user.name}} [x] next");
  EXPECT_EQ(mail.body, content.body);
  EXPECT_EQ(mail.html, content.email->html);
}

struct Bad {
  std::string json;
  const char* pointer;
  const char* code;
};

TEST(Template, SaysWhatDoesNotCompileAndWhere) {
  const auto html = [](std::string_view text) {
    return R"({"params":[{"name":"a"}],"content":{"en":{"email":{"html":)" + json_text(text) + "}}}}";
  };
  const std::vector<Bad> cases{
      {template_of("{{nope}}"), "/content/en/body", "undeclared_name"},
      {template_of("{{a.b}}"), "/content/en/body", "undeclared_name"},
      {template_of("{{a"), "/content/en/body", "invalid_template"},
      {template_of("{{}}"), "/content/en/body", "invalid_template"},
      {template_of("{{#a}}"), "/content/en/body", "invalid_template"},
      {template_of("{{/a}}"), "/content/en/body", "invalid_template"},
      {template_of("{{#a}}{{#flag}}{{/a}}{{/flag}}"), "/content/en/body", "invalid_template"},
      {template_of("{{> part}}"), "/content/en/body", "invalid_template"},
      {template_of("{{=<% %>=}}"), "/content/en/body", "invalid_template"},
      {template_of("{{a b}}"), "/content/en/body", "invalid_template"},
      {template_of("{{.}}"), "/content/en/body", "invalid_template"},
      {template_of("{{#flag}}{{x}}{{/flag}}"), "/content/en/body", "undeclared_name"},
      {template_of("{{{a}}}"), "/content/en/email/html", "invalid_template"},
      {template_of("{{&a}}"), "/content/en/email/html", "invalid_template"},
      {html("<script>{{a}}</script>"), "/content/en/email/html", "invalid_template"},
      {html("<SCRIPT type='x'>var a = \"{{a}}\"</SCRIPT>"), "/content/en/email/html", "invalid_template"},
      {html("<a href={{a}}>"), "/content/en/email/html", "invalid_template"},
      {html("<a {{a}}>"), "/content/en/email/html", "invalid_template"},
      {html("<{{a}}>"), "/content/en/email/html", "invalid_template"},
      {html("<a onclick=\"{{a}}\">"), "/content/en/email/html", "invalid_template"},
      {R"({"params":[{"name":"a"}],"content":{"en":{"push":{"data":{"k":"{{#a}}{{/a}}"}}}}})",
       "/content/en/push/data", "invalid_template"},
      {R"({"params":[{"name":"a"},{"name":"a"}],"content":{"en":{"body":"x"}}})", "/params/1/name",
       "invalid_declaration"},
      {R"({"params":[{"name":"user"}],"content":{"en":{"body":"x"}}})", "/params/0/name",
       "invalid_declaration"},
      {R"({"params":[{"name":"1a"}],"content":{"en":{"body":"x"}}})", "/params/0/name",
       "invalid_declaration"},
      {R"({"params":[{"name":"a","type":"text"}],"content":{"en":{"body":"x"}}})", "/params/0/type",
       "invalid_choice"},
      {R"({"params":[{"name":"a","type":"integer","default":"1"}],"content":{"en":{"body":"x"}}})",
       "/params/0/default", "invalid_parameter"},
      {R"({"params":[{"name":"a","from":"user.email"}],"content":{"en":{"body":"x"}}})", "/params/0/from",
       "invalid_declaration"},
      {R"({"params":[{}],"content":{"en":{"body":"x"}}})", "/params/0/name", "required"},
      {R"({"content":{"ko":{"body":"x"}}})", "/content", "missing_default_locale"},
      {R"({"content":{"!":{"body":"x"}}})", "/content/!", "invalid_locale"},
      {R"({"content":{"en":{"bodi":"x"}}})", "/content/en/bodi", "unknown_field"},
      {R"({"params":[]})", "/content", "required"},
      {R"({"key":"other","content":{"en":{"body":"x"}}})", "/key", "key_mismatch"},
      {R"({"used_by":[null],"content":{"en":{"body":"x"}}})", "/used_by", "wrong_type"},
      {R"({"nope":1,"content":{"en":{"body":"x"}}})", "/nope", "unknown_field"},
  };
  for (const Bad& bad : cases) {
    const Read r = read(bad.json);
    EXPECT_TRUE(r.has(bad.pointer, bad.code))
        << bad.json << "\n wanted " << bad.pointer << " " << bad.code << "\n got " << r.shown();
  }
}

TEST(Template, TagsMayStandWhereEscapingHelps) {
  for (const char* text : {"<a title=\"{{a}}\">{{a}}</a>", "<style>p{color:{{a}}}</style>{{a}}",
                           "{{a}} < {{a}}", "<!--[if mso]><a href=\"{{a}}\"><![endif]-->",
                           "<img alt='{{a}}' src='https://x.example/{{a}}'/>{{a}}", "<script>1</script>{{a}}",
                           "<br/>{{a}}", "<!-- {{a}} -->"}) {
    const Read r = read(template_of(text));
    EXPECT_TRUE(r.problems.empty()) << text << " " << r.shown();
  }
}

TEST(Template, CheckParamsNamesEachMistake) {
  const Template t = read(R"({"params":[{"name":"a","required":true},{"name":"n","type":"integer"},
      {"name":"d","required":true,"default":"x"},{"name":"f","required":true,"from":"user.attributes.f"}],
      "content":{"en":{"body":"{{a}}"}}})")
                         .value;
  const auto check = [&](std::string_view params, std::string_view overrides) {
    Read r;
    check_params(t, params, overrides, "/params", r.problems);
    return r;
  };
  EXPECT_TRUE(check(R"({"a":"x","n":1})", "").problems.empty());
  EXPECT_TRUE(check("", "").has("/params/a", "missing_parameter"));
  EXPECT_EQ(check("", "").problems.size(), 1u);
  EXPECT_TRUE(check(R"({"a":null})", "").has("/params/a", "missing_parameter"));
  EXPECT_TRUE(check(R"({"a":"x","b/c":1})", "").has("/params/b~1c", "undeclared_parameter"));
  EXPECT_TRUE(check(R"({"a":"x","n":"1"})", "").has("/params/n", "invalid_parameter"));
  EXPECT_TRUE(check(R"({"a":1})", R"({"a":"x"})").problems.empty());
  EXPECT_TRUE(check("", R"({"a":"x","n":1.5})").has("/params/n", "invalid_parameter"));
}

TEST(Template, LooksUpLocalesByRfc4647) {
  const std::map<std::string, Content> available{{"en", {}}, {"ko", {}}, {"zh-Hant", {}}};
  EXPECT_EQ(choose_locale({"ko-KR"}, available, "en"), "ko");
  EXPECT_EQ(choose_locale({"fr", "zh-hant-x-a"}, available, "en"), "zh-Hant");
  EXPECT_EQ(choose_locale({"zh"}, available, "en"), "en");
  EXPECT_EQ(choose_locale({}, available, "de"), "de");
}

TEST(Template, WhatIsWrittenIsReadBack) {
  const Read r = read(
      R"({"category":"orders","channels":["push","email"],"default_locale":"ko","layout":"main",
      "syntax":"brackets",
      "params":[{"name":"a","type":"money","required":true,"default":{"amount":1,"currency":"KRW"},
      "sample":{"amount":2,"currency":"KRW"},
      "max_length":10,"sensitive":true,"from":"user.attributes.x"},{"name":"b"}],
      "content":{"en":{"title":"t"},"ko":{"title":"제목","body":"[b]",
      "url":"https://x.example/{{b}}","image":"obj_1","push":{"title":"p","badge":1,"data":{"x":["[b]"]},
      "actions":[{"id":"1"}]},
      "email":{"subject":"s","html":"<p>[b]</p>","cc":["{{user.email}}"],"headers":{"X-A":"1"}},
      "sms":{"body":"s"},
      "voice":{"text":"v","repeat":2,"language":"ko-KR"},"chat":{"slack":{"blocks":[]}},
      "webhook":{"body":[1]}}}})");
  ASSERT_TRUE(r.problems.empty()) << r.shown();
  base::JsonWriter first;
  write_template(first, r.value);
  const std::string json = first.str();
  const auto again = decode_template(json);
  ASSERT_TRUE(again) << again.error().message;
  base::JsonWriter second;
  write_template(second, *again);
  EXPECT_EQ(second.str(), json);
  EXPECT_EQ(again->params[0].default_json, R"({"amount":1,"currency":"KRW"})");
  EXPECT_EQ(again->content.at("ko").push->data, R"({"x":["[b]"]})");
  EXPECT_EQ(again->content.at("ko").email->cc[0], "{{user.email}}");
  EXPECT_EQ(again->syntax, Syntax::Brackets);
  EXPECT_EQ(again->channels, (std::vector{Channel::Push, Channel::Email}));
  EXPECT_EQ(decode_template("{}").error().code, Errc::Corruption);
}

RC_GTEST_PROP(TemplateProperty, ATextWithoutTagsIsUnchanged, ()) {
  const std::string text = *pieces({"[", "]", "{", "}", "}}", " ", "\n", "a", "b", "배달", "[if mso]",
                                    "a[href]", "<", ">", "&", "\"", "="});
  RC_PRE(text.find("{{") == std::string::npos && text.find("[a]") == std::string::npos);
  const auto t = compiled(template_of(text, "brackets"));
  RC_ASSERT(render(*t, on(Channel::Sms)).body == text);
  RC_ASSERT(render(*t, on(Channel::Email)).html == text);
}

RC_GTEST_PROP(TemplateProperty, AValueIsNeverATemplate, ()) {
  const std::string value =
      *pieces({"{{a}}", "[a]", "{{{a}}}", "{{#list}}", "[item_name]", "{{", "}}", "x", "&", "{{user.name}}"});
  const std::string params = "{\"a\":" + json_text(value) + "}";
  const auto t = compiled(template_of("{{a}}|[a]", "brackets"));
  RC_ASSERT(render(*t, on(Channel::Sms, params)).body == value + "|" + value);
}

RC_GTEST_PROP(TemplateProperty, HtmlNeverGainsMarkupFromAValue, ()) {
  const std::string value = *pieces({"<", ">", "\"", "'", "&", "a", "script", "="});
  const auto t = compiled(template_of("[a]", "brackets"));
  const std::string html = render(*t, on(Channel::Email, "{\"a\":" + json_text(value) + "}")).html;
  RC_ASSERT(html.find_first_of("<>\"'") == std::string::npos);
}

RC_GTEST_PROP(TemplateProperty, JsonPartsStayJson, ()) {
  const std::string value = *rc::gen::suchThat(pieces({"\"", "\\", "{", "}", "\n", "\x01", "é", "a"}),
                                               [](const auto&) { return true; });
  const auto t =
      compiled(R"({"params":[{"name":"a"}],"content":{"en":{"body":"b","push":{"data":{"k":"x{{a}}y"}}}}})");
  const Message message = render(*t, on(Channel::Push, "{\"a\":" + json_text(value) + "}"));
  base::JsonDocument document;
  const auto root = document.parse(message.data);
  RC_ASSERT(root.has_value());
  RC_ASSERT(std::string((*root)["k"].get_string().value()) == "x" + value + "y");
}

// On one line, where the rule of standalone tags does not apply, sections mean what mustache means.
RC_GTEST_PROP(TemplateProperty, SectionsMeanWhatMustacheMeans, ()) {
  const std::string text =
      *pieces({"x", " ", "{{a}}", "{{#flag}}y{{a}}{{/flag}}", "{{^flag}}n{{/flag}}",
               "{{#list}}({{.}}{{a}}){{/list}}", "{{^list}}-{{/list}}",
               "{{#list}}{{.}}{{#flag}}?{{/flag}}{{^flag}}!{{/flag}}{{/list}}", "{{!c}}", "}"});
  RC_PRE(text.find("x") != std::string::npos);  // else a line of tags only, which vanishes in mustache
  const bool flag = *rc::gen::arbitrary<bool>();
  const auto items = *rc::gen::container<std::vector<std::string>>(
      rc::gen::elementOf(std::vector<std::string>{"p", "q&", "<"}));
  std::string params = std::string(R"({"a":"v&v","flag":)") + (flag ? "true" : "false") + R"(,"list":[)";
  kainjow::mustache::data data, list(kainjow::mustache::data::type::list);
  for (const std::string& item : items) {
    params += (params.ends_with('[') ? "" : ",") + json_text(item);
    list.push_back(kainjow::mustache::data(item));
  }
  data.set("a", "v&v");
  data.set("flag", flag);
  data.set("list", list);
  const auto t = compiled(template_of(text));
  RC_ASSERT(render(*t, on(Channel::Email, params + "]}")).html ==
            kainjow::mustache::mustache(text).render(data));
}

}  // namespace
}  // namespace carillon::model
