// What is being written, before it is stored: filled in here, roughly, with the samples of its parameters. What the server
// makes of it (forms of numbers and dates, lists, the layout) is on the template's page once it is stored.

import type { Rendered } from '@/api/shapes';
import { CHANNELS } from '@/pages/send/draft';
import { bodyOf, type Template, type TemplateForm } from './model';

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);

const SECTION = /\{\{([#^])\s*([\w.]+)\s*\}\}((?:(?!\{\{[#^])[\s\S])*?)\{\{\/\s*\2\s*\}\}/;
const VARIABLE = /\{\{\{\s*([\w.]+)\s*\}\}\}|\{\{\s*([\w.]+)\s*\}\}/g;
const DEPTH_MAX = 2000;

type Lookup = (name: string) => string | undefined;

/** Tags become values; one that is not known stays as it is written, so that it is seen. */
export function filled(text: string, value: Lookup, isHtml: boolean): string {
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

/** A sample as it reads, or the parameter's name where there is none. */
function lookupOf(form: TemplateForm): Lookup {
  const samples = new Map(form.params.map((param) => [param.name, param.sample || `‹${param.name}›`]));
  return (name) => samples.get(name) ?? samples.get(name.split('.')[0] ?? '');
}

/** With brackets as placeholders too, [name] is one only where a parameter is declared. */
const withBrackets = (text: string, form: TemplateForm): string =>
  form.syntax === 'brackets'
    ? text.replace(/\[(\w+)\]/g, (tag, name: string) =>
        form.params.some((param) => param.name === name) ? `{{${name}}}` : tag,
      )
    : text;

/** What is stored for each channel in a language, with its placeholders: blocks override the base (CONTRACT §4). */
function storedContents(template: Template, locale: string): Record<string, Rendered> {
  const content = ((template.content ?? {}) as Record<string, Record<string, unknown>>)[locale] ?? {};
  const { title, body: text, image } = content as { title?: string; body?: string; image?: string };
  const channels = template.channels?.length
    ? template.channels
    : CHANNELS.filter((channel) => channel in content);
  return Object.fromEntries(
    (channels.length > 0 ? channels : (['push'] as const)).map((channel) => [
      channel,
      { title, subject: title, body: text, text, image, ...(content[channel] as Rendered | undefined) },
    ]),
  );
}

/** By channel; undefined while a part that is JSON is none. */
export function sketchOf(form: TemplateForm, locale: string): Record<string, Rendered> | undefined {
  let contents;
  try {
    contents = storedContents(bodyOf(form), locale);
  } catch {
    return undefined;
  }
  const value = lookupOf(form);
  const fill = (name: string, part: unknown) =>
    typeof part === 'string' ? filled(withBrackets(part, form), value, name === 'html') : part;
  return Object.fromEntries(
    Object.entries(contents).map(([channel, content]) => [
      channel,
      Object.fromEntries(Object.entries(content).map(([name, part]) => [name, fill(name, part)])),
    ]),
  );
}
