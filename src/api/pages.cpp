#include "api/pages.h"

#include <algorithm>

#include "api/router.h"
#include "api/schemas.h"
#include "base/crypto.h"

namespace carillon::api {
namespace {

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
a{color:inherit}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.7rem;overflow-x:auto;border-radius:.3rem;
  white-space:pre-wrap;word-break:break-word}
details{border-bottom:1px solid var(--line);padding:.4rem 0}summary{cursor:pointer}
label{display:block;margin:.5rem 0}input{font:inherit;padding:.3rem;width:24rem;max-width:100%}
button{font:inherit;padding:.35rem .9rem}
.method{display:inline-block;min-width:4.5rem;font-weight:600}
.message{border:1px solid var(--line);border-radius:.4rem;padding:.7rem;margin:.7rem 0}
.quiet{opacity:.8}
fieldset{border:1px solid var(--line);border-radius:.4rem;margin:0 0 1rem;padding:.6rem .9rem}
legend{font-weight:600;padding:0 .3rem}
.choices{display:flex;flex-wrap:wrap;gap:0 1.4rem;margin-bottom:.4rem}
.choices label{padding:.3rem 0;margin:0}
input[type=checkbox]{width:1.3rem;height:1.3rem;vertical-align:-.2rem}input[type=time]{width:auto}
.list{list-style:none;padding:0}.list li{border-bottom:1px solid var(--line);padding:.6rem 0}
[role=alert],.done{border:2px solid;border-radius:.4rem;padding:.5rem .8rem}
:focus-visible{outline:3px solid;outline-offset:2px}
)css";

// The key stays in this tab (sessionStorage); everything shown is set as text, never as HTML.
constexpr std::string_view kSandboxScript = R"js(
(function () {
  'use strict';
  var form = document.getElementById('login'), list = document.getElementById('messages');
  var state = document.getElementById('state'), forget = document.getElementById('forget');
  var newest = '', timer = 0;
  function credential() { return sessionStorage.getItem('carillon-sandbox') || ''; }
  function element(name, text, cls) {
    var e = document.createElement(name);
    if (text) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  }
  function show(messages) {
    list.replaceChildren();
    messages.forEach(function (m) {
      var box = element('div', '', 'message');
      box.appendChild(element('strong', m.channel + ' to ' + m.to));
      box.appendChild(element('div', m.at + '  ' + m.delivery_id, 'quiet'));
      box.appendChild(element('pre', JSON.stringify(m.content, null, 2)));
      list.appendChild(box);
    });
  }
  function again(ms) { clearTimeout(timer); timer = setTimeout(poll, ms); }
  function poll() {
    if (!credential()) { form.hidden = false; forget.hidden = true; return; }
    form.hidden = true; forget.hidden = false;
    fetch('/v1/sandbox/messages?limit=50', {headers: {Authorization: credential()}, credentials: 'omit'})
      .then(function (r) {
        if (r.status === 401 || r.status === 403) {
          sessionStorage.removeItem('carillon-sandbox');
          state.textContent = 'The key was refused.';
          poll();
          return null;
        }
        if (!r.ok) throw new Error('The server answered ' + r.status + '.');
        return r.json();
      })
      .then(function (page) {
        if (!page) return;
        var first = page.data.length ? page.data[0].id : '';
        if (first !== newest || !list.childNodes.length) { newest = first; show(page.data); }
        state.textContent = page.data.length ? 'The newest ' + page.data.length + ' messages.' :
                                               'Nothing was caught yet.';
        again(2000);
      })
      .catch(function (e) { state.textContent = e.message; again(5000); });
  }
  form.addEventListener('submit', function (event) {
    event.preventDefault();
    var bytes = new TextEncoder().encode(form.elements.name.value + ':' + form.elements.word.value);
    sessionStorage.setItem('carillon-sandbox', 'Basic ' + btoa(String.fromCharCode.apply(null, bytes)));
    form.reset();
    state.textContent = '';
    poll();
  });
  forget.addEventListener('click', function () {
    sessionStorage.removeItem('carillon-sandbox');
    clearTimeout(timer); newest = ''; list.replaceChildren(); state.textContent = ''; poll();
  });
  poll();
})();
)js";

// Registers this browser as a device and sends to it. The id stays in the browser: another visit is the same
// device.
constexpr std::string_view kPushScript = R"js(
(function () {
  'use strict';
  var state = document.getElementById('push-state'), subscribe = document.getElementById('subscribe');
  var send = document.getElementById('send');
  var shown = document.getElementById('pushed');
  function credential() { return sessionStorage.getItem('carillon-sandbox') || ''; }
  function device() {
    var id = localStorage.getItem('carillon-device');
    if (!id) { id = 'browser-' + crypto.randomUUID(); localStorage.setItem('carillon-device', id); }
    return id;
  }
  function call(method, path, body) {
    var headers = {Authorization: credential()};
    if (body) headers['Content-Type'] = 'application/json';
    return fetch(path,
                 {method: method, headers: headers, credentials: 'omit', body: body && JSON.stringify(body)})
      .then(function (r) {
        return r.json().then(function (answer) {
          if (r.ok) return answer;
          throw new Error(answer.detail || ('The server answered ' + r.status + '.'));
        });
      });
  }
  function bytes(text) {
    var raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(raw, function (c) { return c.charCodeAt(0); });
  }
  function same(a, b) {
    a = new Uint8Array(a);
    return a.length === b.length && a.every(function (v, i) { return v === b[i]; });
  }
  // A subscription made for another key is of no use any more.
  function current(registration, key) {
    return registration.pushManager.getSubscription().then(function (old) {
      if (old && old.options.applicationServerKey && same(old.options.applicationServerKey, key)) return old;
      return (old ? old.unsubscribe() : Promise.resolve()).then(function () {
        return registration.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key});
      });
    });
  }
  function say(text) { state.textContent = text; }
  function attempt(button, task) {
    button.disabled = true;
    task().catch(function (e) { say(e.message); }).then(function () { button.disabled = false; });
  }
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) {
    say('This browser has no Web Push here: it takes https, or http on localhost.');
    subscribe.disabled = true;
    return;
  }
  subscribe.addEventListener('click', function () {
    attempt(subscribe, function () {
      say('Asking the browser …');
      var key;
      return call('GET', '/v1/webpush/key')
        .then(function (answer) {
          key = bytes(answer.key);
          return Notification.requestPermission();
        })
        .then(function (permission) {
          if (permission !== 'granted') throw new Error('The browser was not allowed to show notifications.');
          return navigator.serviceWorker.register('/sandbox/worker.js');
        })
        .then(function (registration) { return current(registration, key); })
        .then(function (subscription) {
          var s = subscription.toJSON();
          return call('PUT', '/v1/devices/' + encodeURIComponent(device()), {
            platform: 'web',
            endpoints: [{service: 'webpush', endpoint: s.endpoint, keys: s.keys}],
            locale: navigator.language
          });
        })
        .then(function () { send.hidden = false; say('This browser is the device ' + device() + '.'); });
    });
  });
  send.addEventListener('click', function () {
    attempt(send, function () {
      return call('POST', '/v1/notifications', {
        to: [{device_id: device()}], channels: ['push'], ttl: '10m',
        title: 'Carillon', body: 'The bells ring.'
      }).then(function (answer) { say('Sent: ' + answer.id + '.'); });
    });
  });
  navigator.serviceWorker.addEventListener('message', function (event) {
    var line = document.createElement('pre');
    line.textContent = JSON.stringify(event.data, null, 2);
    shown.prepend(line);
  });
  navigator.serviceWorker.startMessages();
})();
)js";

// A message is shown as it was sent, and told to the page when it is open. It is shown in any case: a browser
// takes the permission back from who pushes without showing.
constexpr std::string_view kWorkerScript = R"js('use strict';
self.addEventListener('install', function () { self.skipWaiting(); });
self.addEventListener('activate', function (event) { event.waitUntil(self.clients.claim()); });
self.addEventListener('push', function (event) {
  var message = {};
  try { message = event.data ? event.data.json() : {}; } catch (e) { message = {body: event.data.text()}; }
  var shown = self.registration.showNotification(message.title || 'Carillon', {
    body: message.body, icon: message.icon, image: message.image, tag: message.tag, actions: message.actions,
    data: {url: message.url, data: message.data, carillon: message.carillon}
  });
  var told = self.clients.matchAll({type: 'window', includeUncontrolled: true}).then(function (pages) {
    pages.forEach(function (page) { page.postMessage(message); });
  });
  event.waitUntil(Promise.all([shown, told]));
});
self.addEventListener('notificationclick', function (event) {
  event.notification.close();
  var url = event.notification.data && event.notification.data.url;
  if (url && /^https?:/.test(url)) event.waitUntil(self.clients.openWindow(url));
});
)js";

std::string hash_source(std::string_view text) {
  return fmt::format("'sha256-{}'", base::base64(base::sha256(text)));
}

// A call as a line for a shell, quoted so that it can be pasted.
std::string curl_line(const Route& route) {
  std::string line = "curl";
  if (route.method != "GET") line += fmt::format(" -X {}", route.method);
  if (!route.access.is_open) {
    line += route.access.app_scopes != 0 ? " -u \"$APP_KEY:$APP_SECRET\""
                                         : " -H \"Authorization: Bearer $CARILLON_TOKEN\"";
  }
  line += fmt::format(" \"$CARILLON_URL{}\"", route.pattern);
  const Schema* const schema = route.request.empty() ? nullptr : find_schema(route.request);
  if (schema != nullptr && !schema->example.empty()) {
    line += fmt::format(" \\\n  -H 'Content-Type: application/json' -d '{}'", schema->example);
  }
  return line;
}

std::string who_may(const Access& access) {
  if (access.is_open) return "anybody";
  if (access.is_any) return "whoever has a credential of the project";
  if (access.client_scopes != 0) return "signed-in clients";
  std::string out;
  if (access.app_scopes == kScopeAny) {
    out = "app keys; ";
  } else if (access.app_scopes != 0) {
    out = "app keys with ";
    if ((access.app_scopes & kScopeSend) != 0) out += "send";
    if ((access.app_scopes & kScopeRead) != 0) out += "read";
    if ((access.app_scopes & kScopePeople) != 0) out += "people";
    out += "; ";
  }
  if (access.is_publishable) out += "publishable keys; ";
  return out + "management tokens with admin" +
         (access.area.empty() ? "" : " or " + std::string(access.area));
}

}  // namespace

Reply html_reply(const Page& page) {
  Reply reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.headers.emplace_back(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; style-src {}; script-src {}; connect-src 'self'; worker-src {}; "
                  "form-action {}; frame-ancestors 'none'; base-uri 'none'",
                  hash_source(kStyle), page.script.empty() ? "'none'" : hash_source(page.script),
                  page.has_worker ? "'self'" : "'none'", page.has_form ? "'self'" : "'none'"));
  reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  reply.headers.emplace_back("X-Frame-Options", "DENY");
  reply.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  reply.body = fmt::format(
      "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{}</title><style>{}</style></head><body>\n{}",
      page.language, escape_html(page.title), kStyle, page.body);
  if (!page.script.empty()) reply.body += fmt::format("<script>{}</script>", page.script);
  reply.body += "</body></html>\n";
  return reply;
}

Reply uncached(Reply reply) {
  reply.headers.emplace_back("Cache-Control", "no-store, max-age=0");
  const bool has_policy =
      std::ranges::any_of(reply.headers, [](const auto& each) { return each.first == "Referrer-Policy"; });
  if (!has_policy) reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  return reply;
}

Page start_page() {
  return {
      "Carillon",
      "<h1>Carillon</h1><p>This server takes notifications and delivers them.</p>"
      "<p>It was built without the console (CARILLON_CONSOLE=OFF).</p><ul>"
      "<li><a href=\"/docs\">The calls of this API</a>, with examples; as <a "
      "href=\"/openapi.json\">OpenAPI</a></li>"
      "<li><a href=\"/docs/errors\">All error codes</a></li>"
      "<li><a href=\"/sandbox\">What the sandbox caught</a></li>"
      "<li><a href=\"/readyz\">Whether it is ready</a>, and its <a href=\"/metrics\">metrics</a></li></ul>\n",
      {}};
}

Page docs_page() {
  std::string body =
      "<h1>The calls of this API</h1><p><a href=\"/openapi.json\">OpenAPI document</a> · "
      "<a href=\"/docs/errors\">error codes</a></p>\n";
  std::vector<std::string_view> tags;
  for (const Route* route : Router::get().routes()) {
    if (std::ranges::find(tags, route->tag) == tags.end()) tags.push_back(route->tag);
  }
  for (const auto tag : tags) {
    body += fmt::format("<h2>{}</h2>\n", escape_html(tag));
    for (const Route* route : Router::get().routes()) {
      if (route->tag != tag) continue;
      body += fmt::format(
          "<details><summary><span class=\"method\">{}</span> <code>{}</code> {}</summary>"
          "<p class=\"quiet\">For {}.{}</p><pre>{}</pre></details>\n",
          route->method, escape_html(route->pattern), escape_html(route->summary),
          escape_html(who_may(route->access)),
          route->query.empty() ? "" : " Query: " + escape_html(route->query) + ".",
          escape_html(curl_line(*route)));
    }
  }
  return {"Carillon: calls", std::move(body), {}};
}

Page errors_page() {
  return {
      "Carillon: errors",
      "<h1>Error codes</h1><p>Every error is a problem document (RFC 9457) with one of these codes.</p>\n" +
          problems_html(),
      {}};
}

Page sandbox_page() {
  return {"Carillon: sandbox",
          "<h1>What the sandbox caught</h1>\n"
          "<form id=\"login\" hidden autocomplete=\"off\"><p>Give any app key of the project. It stays in "
          "this tab.</p>"
          "<label>App key<br><input name=\"name\" required></label>"
          "<label>App secret<br><input name=\"word\" type=\"password\" required></label>"
          "<button>Show messages</button></form>\n"
          "<section id=\"push\"><h2>Push to this browser</h2>"
          "<p><button id=\"subscribe\">Subscribe this browser</button> "
          "<button id=\"send\" hidden>Send a test</button></p>"
          "<p id=\"push-state\" role=\"status\" class=\"quiet\">With the live key of an app, where an "
          "integration of "
          "Web Push is configured; a test key's messages are caught below.</p>"
          "<div id=\"pushed\"></div></section>\n<h2>Messages</h2>\n"
          "<p id=\"state\" role=\"status\" class=\"quiet\"></p><button id=\"forget\" hidden>Forget the "
          "key</button>\n"
          "<div id=\"messages\"></div>\n",
          std::string(kSandboxScript) + std::string(kPushScript),
          false,
          "en",
          true};
}

std::string_view sandbox_worker() noexcept { return kWorkerScript; }

}  // namespace carillon::api
