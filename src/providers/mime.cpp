#include "providers/mime.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <mutex>

#include "base/json.h"
#include "providers/attachments.h"

namespace carillon::providers {
namespace {

struct Unref {
  void operator()(void* object) const noexcept { g_object_unref(object); }
};
template <class T>
using Object = std::unique_ptr<T, Unref>;

void init_once() {
  static std::once_flag flag;
  std::call_once(flag, [] { g_mime_init(); });
}

const GMimeFormatOptions* format() {
  static const GMimeFormatOptions* const options = [] {
    GMimeFormatOptions* o = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(o, GMIME_NEWLINE_FORMAT_DOS);
    return o;
  }();
  return options;
}

// Without what could end a header line, or a C string, early.
std::string one_line(std::string_view text) {
  std::string out = base::to_valid_utf8(text);
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

bool is_header_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != ':'; });
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

// Quoted-printable leaves mostly-ASCII text readable; everything else is shorter in base64.
GMimeContentEncoding encoding_of(std::string_view text) noexcept {
  const auto wide = std::ranges::count_if(text, [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
  return static_cast<std::size_t>(wide) * 6 > text.size() ? GMIME_CONTENT_ENCODING_BASE64
                                                          : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
}

// RFC 2045 §6.8: text has CRLF line ends before it is put into base64.
std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  return out;
}

Object<GMimeObject> text_part(const char* subtype, std::string_view given) {
  const GMimeContentEncoding encoding = encoding_of(given);
  const std::string text = encoding == GMIME_CONTENT_ENCODING_BASE64 ? with_crlf(given) : std::string(given);
  Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(text.data(), text.size()));
  Object<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  GMimeTextPart* const part = g_mime_text_part_new_with_subtype(subtype);
  g_mime_text_part_set_charset(part, "utf-8");
  g_mime_part_set_content(GMIME_PART(part), content.get());
  g_mime_part_set_content_encoding(GMIME_PART(part), encoding);
  return Object<GMimeObject>(GMIME_OBJECT(part));
}

GMimeMultipart* multipart(const char* subtype, const std::string& boundary) {
  GMimeMultipart* const parts = g_mime_multipart_new_with_subtype(subtype);
  g_mime_multipart_set_boundary(parts, boundary.c_str());
  return parts;
}

// The types of what is inside a mail by itself may not be put into base64 (RFC 2046 §5.2.1).
std::string_view type_in_mail(std::string_view type) noexcept {
  const bool is_plain = std::ranges::count(type, '/') == 1 && !type.starts_with('/') &&
                        !type.ends_with('/') && std::ranges::all_of(type, [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                 std::string_view("/!#$&-^_.+").contains(c);
                        });
  const bool is_odd = !is_plain || type.starts_with("message/") || type.starts_with("multipart/");
  return is_odd ? std::string_view("application/octet-stream") : type;
}

// With its mark for content.
Object<GMimeObject> attached_part(const model::MailAttachment& attachment, const std::string& mark) {
  const std::string type(type_in_mail(attachment.type));
  const std::size_t slash = type.find('/');
  GMimePart* const part =
      g_mime_part_new_with_type(type.substr(0, slash).c_str(), type.substr(slash + 1).c_str());
  Object<GMimeObject> object(GMIME_OBJECT(part));
  Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(mark.data(), mark.size()));
  Object<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part, content.get());
  g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_BASE64);
  g_mime_object_set_disposition(object.get(), attachment.is_inline ? "inline" : "attachment");
  g_mime_part_set_filename(part, one_line(attachment.filename).c_str());
  if (!attachment.content_id.empty())
    g_mime_object_set_content_id(object.get(), one_line(attachment.content_id).c_str());
  return object;
}

// What the HTML names by its content id stands beside it; everything else beside the text.
bool belongs_to_html(const Mail& mail, const model::MailAttachment& attachment) noexcept {
  return !mail.html.empty() && !attachment.content_id.empty();
}

Object<GMimeObject> html_part(const Mail& mail, const ContentMarks& marks) {
  Object<GMimeObject> html = text_part("html", html_with_preheader(mail.html, mail.preheader));
  GMimeMultipart* related = nullptr;
  for (std::size_t i = 0; !marks.is_empty() && i < mail.attachments->size(); ++i) {
    const auto& attachment = (*mail.attachments)[i];
    if (!belongs_to_html(mail, attachment)) continue;
    if (related == nullptr) {
      related = multipart("related", one_line(mail.boundary) + "r");
      g_mime_object_set_content_type_parameter(GMIME_OBJECT(related), "type", "text/html");
      g_mime_multipart_add(related, html.get());
      html.reset(GMIME_OBJECT(related));
    }
    g_mime_multipart_add(related, attached_part(attachment, marks.mark(i)).get());
  }
  return html;
}

Object<GMimeObject> text_of(const Mail& mail, const ContentMarks& marks) {
  if (mail.html.empty()) return text_part("plain", mail.text);
  if (mail.text.empty()) return html_part(mail, marks);
  GMimeMultipart* const parts = multipart("alternative", one_line(mail.boundary));
  // The last is the one preferred (RFC 2046 §5.1.4).
  g_mime_multipart_add(parts, text_part("plain", mail.text).get());
  g_mime_multipart_add(parts, html_part(mail, marks).get());
  return Object<GMimeObject>(GMIME_OBJECT(parts));
}

Object<GMimeObject> body_of(const Mail& mail, const ContentMarks& marks) {
  Object<GMimeObject> text = text_of(mail, marks);
  GMimeMultipart* mixed = nullptr;
  for (std::size_t i = 0; !marks.is_empty() && i < mail.attachments->size(); ++i) {
    const auto& attachment = (*mail.attachments)[i];
    if (belongs_to_html(mail, attachment)) continue;
    if (mixed == nullptr) {
      mixed = multipart("mixed", one_line(mail.boundary) + "m");
      g_mime_multipart_add(mixed, text.get());
      text.reset(GMIME_OBJECT(mixed));
    }
    g_mime_multipart_add(mixed, attached_part(attachment, marks.mark(i)).get());
  }
  return text;
}

}  // namespace

bool is_plain_mailbox(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == address.size() || address.size() > 320)
    return false;
  return std::ranges::none_of(address,
                              [](unsigned char c) {
                                return c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == ',' ||
                                       c == ';' || c == '"' || c == '(' || c == ')' || c == '\\' || c == ':';
                              }) &&
         !address.substr(0, at).contains('@');
}

std::string html_with_preheader(std::string_view html, std::string_view preheader) {
  std::string out(html);
  if (preheader.empty() || html.empty()) return out;
  std::size_t at = html.find("<body");
  if (at != std::string_view::npos) at = html.find('>', at);
  at = at == std::string_view::npos ? 0 : at + 1;
  out.insert(at,
             "<div style=\"display:none;max-height:0;overflow:hidden\">" + escape_html(preheader) + "</div>");
  return out;
}

std::string encode_header(std::string_view value) {
  init_once();
  const std::string line = one_line(value);
  char* const encoded = g_mime_utils_header_encode_text(nullptr, line.c_str(), "utf-8");
  std::string out(encoded);
  g_free(encoded);
  return out;
}

WrittenMail write_mail(const Mail& mail) {
  init_once();
  const ContentMarks marks(mail.attachments.get());
  const Object<GMimeMessage> message(g_mime_message_new(TRUE));
  const auto add = [&](GMimeAddressType type, const std::string& name, const std::string& address) {
    if (!is_plain_mailbox(address)) return;
    const std::string shown = one_line(name);
    g_mime_message_add_mailbox(message.get(), type, shown.empty() ? nullptr : shown.c_str(), address.c_str());
  };
  add(GMIME_ADDRESS_TYPE_FROM, mail.from_name, mail.from_email);
  add(GMIME_ADDRESS_TYPE_TO, {}, mail.to);
  for (const std::string& copy : mail.cc) add(GMIME_ADDRESS_TYPE_CC, {}, copy);
  if (!mail.reply_to.empty()) add(GMIME_ADDRESS_TYPE_REPLY_TO, {}, mail.reply_to);
  g_mime_message_set_subject(message.get(), one_line(mail.subject).c_str(), "utf-8");
  GDateTime* const date = g_date_time_new_from_unix_utc(to_ms(mail.date) / 1000);
  g_mime_message_set_date(message.get(), date);
  g_date_time_unref(date);
  g_mime_message_set_message_id(message.get(), one_line(mail.message_id).c_str());
  for (const auto& [name, value] : mail.headers) {
    if (!is_header_name(name)) continue;
    g_mime_object_append_header(GMIME_OBJECT(message.get()), name.c_str(), one_line(value).c_str(), "utf-8");
  }
  g_mime_message_set_mime_part(message.get(), body_of(mail, marks).get());

  const Object<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_object_write_to_stream(GMIME_OBJECT(message.get()), const_cast<GMimeFormatOptions*>(format()),
                                stream.get());
  const GByteArray* const bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  const std::string_view text(reinterpret_cast<const char*>(bytes->data), bytes->len);
  if (marks.is_empty()) return {std::string(text), nullptr};
  auto filled = marks.fill_mail(text);
  return {std::move(filled.begin), std::make_shared<const net::Body>(std::move(filled.rest))};
}

}  // namespace carillon::providers
