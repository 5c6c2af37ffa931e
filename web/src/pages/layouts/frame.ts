// A layout around a mail, as it will look: the tags of docs/guides/templates.md, filled in here so that what is being
// written can be seen before it is stored. The server's preview of a template is the exact one.

import type { Body } from '@/api/client';

export interface Mail {
  subject: string;
  preheader: string;
  html: string;
  text: string;
}

export interface Values {
  mail: Mail;
  brand: Record<string, string>;
  locale: string;
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);

const SECTION = /\{\{([#^])\s*([\w.]+)\s*\}\}((?:(?!\{\{[#^])[\s\S])*?)\{\{\/\s*\2\s*\}\}/;
const VARIABLE = /\{\{\{\s*([\w.]+)\s*\}\}\}|\{\{\s*([\w.]+)\s*\}\}/g;
const DEPTH_MAX = 2000;

/** Tags become values; one that is not known stays as it is written, so that it is seen. */
export function filled(text: string, value: (name: string) => string | undefined, isHtml: boolean): string {
  let rest = text.replace(/\{\{![\s\S]*?\}\}/g, '');
  // The innermost sections first.
  for (let n = 0; n < DEPTH_MAX; n += 1) {
    const next = rest.replace(SECTION, (_, sign: string, name: string, inner: string) =>
      Boolean(value(name)) === (sign === '#') ? inner : '',
    );
    if (next === rest) break;
    rest = next;
  }
  return rest.replace(VARIABLE, (tag, raw: string | undefined, name: string | undefined) => {
    const found = value(raw ?? name ?? '');
    if (found === undefined) return tag;
    return isHtml && raw === undefined ? escaped(found) : found;
  });
}

/** What the tags of a layout stand for; `content` is the mail's own part of that form. */
function valueOf(values: Values, content: string) {
  const { mail, brand, locale } = values;
  const own: Record<string, string> = {
    content,
    locale,
    subject: mail.subject,
    preheader: mail.preheader,
    'user.name': 'Kim',
    'user.email': 'kim@example.com',
    'user.phone': '+821012345678',
  };
  return (name: string): string | undefined =>
    name.startsWith('brand.') ? (brand[name.slice('brand.'.length)] ?? '') : own[name];
}

export const framedHtml = (layout: string, values: Values): string =>
  filled(layout, valueOf(values, values.mail.html), true);

/** Without a text of the layout, the mail's own plain text is not framed. */
export const framedText = (layout: string, values: Values): string =>
  layout ? filled(layout, valueOf(values, values.mail.text), false) : values.mail.text;

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);

/** The mail of a template in its default language, with its sample values. */
export function mailOf(template: Body<'Template'>): Mail {
  const content = ((template.content ?? {}) as Record<string, Record<string, unknown>>)[
    template.default_locale ?? 'en'
  ];
  const email = (content?.email ?? {}) as Record<string, unknown>;
  const samples = new Map(
    (template.params ?? []).map((param) => [
      param.name,
      shown(param.sample ?? param.default) || `‹${param.name}›`,
    ]),
  );
  const fill = (text: unknown, isHtml: boolean) =>
    filled(shown(text), (name) => samples.get(name) ?? samples.get(name.split('.')[0] ?? ''), isHtml);
  const text = fill(email.text ?? content?.body, false);
  return {
    subject: fill(email.subject ?? content?.title, false),
    preheader: fill(email.preheader, false),
    html: email.html ? fill(email.html, true) : `<p>${escaped(text)}</p>`,
    text,
  };
}
