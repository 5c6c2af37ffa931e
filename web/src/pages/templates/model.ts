// A template as the form holds it, and back. What the form has no field for is kept as it is.

import type { Body } from '@/api/client';

export type Template = Body<'Template'>;
export type Param = Body<'TemplateParam'>;

type Block = Record<string, unknown>;

/** Field of the form → where it stands in a locale's content. */
export const FIELDS = {
  title: ['title'],
  body: ['body'],
  pushTitle: ['push', 'title'],
  pushBody: ['push', 'body'],
  subject: ['email', 'subject'],
  preheader: ['email', 'preheader'],
  html: ['email', 'html'],
  text: ['email', 'text'],
  sms: ['sms', 'body'],
  voice: ['voice', 'text'],
} as const;
export type FieldName = keyof typeof FIELDS;

export interface LocaleForm {
  fields: Record<FieldName, string>;
  /** JSON of what has no field; empty when there is none. */
  rest: string;
}

export interface TemplateForm {
  key: string;
  category: string | null;
  channels: string[];
  default_locale: string;
  layout: string | null;
  syntax: string;
  params: (Omit<Param, 'sample'> & { sample: string })[];
  locales: Record<string, LocaleForm>;
}

export const emptyLocale = (): LocaleForm => ({
  fields: Object.fromEntries(Object.keys(FIELDS).map((name) => [name, ''])) as Record<FieldName, string>,
  rest: '',
});

export const emptyForm = (locale: string): TemplateForm => ({
  key: '',
  category: null,
  channels: [],
  default_locale: locale,
  layout: null,
  syntax: 'mustache',
  params: [],
  locales: { [locale]: emptyLocale() },
});

function localeForm(content: Block): LocaleForm {
  const form = emptyLocale();
  const rest = structuredClone(content);
  for (const [name, path] of Object.entries(FIELDS) as [FieldName, readonly string[]][]) {
    const [first = '', second] = path;
    const holder = second === undefined ? rest : (rest[first] as Block | undefined);
    const last = second ?? first;
    if (holder && typeof holder[last] === 'string') {
      form.fields[name] = holder[last];
      Reflect.deleteProperty(holder, last);
    }
    if (second !== undefined && holder && Object.keys(holder).length === 0)
      Reflect.deleteProperty(rest, first);
  }
  form.rest = Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : '';
  return form;
}

/** The other way round; throws a SyntaxError when `rest` is no JSON object. */
export function localeContent(form: LocaleForm): Block {
  const parsed: unknown = form.rest.trim() ? JSON.parse(form.rest) : {};
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new SyntaxError('not an object');
  const content = parsed as Block;
  for (const [name, path] of Object.entries(FIELDS) as [FieldName, readonly string[]][]) {
    const value = form.fields[name];
    if (value === '') continue;
    const [first = '', second] = path;
    if (second === undefined) content[first] = value;
    else content[first] = { ...(content[first] as Block | undefined), [second]: value };
  }
  return content;
}

export function formOf(template: Template): TemplateForm {
  return {
    key: template.key ?? '',
    category: template.category ?? null,
    channels: template.channels ?? [],
    default_locale: template.default_locale ?? 'en',
    layout: template.layout ?? null,
    syntax: template.syntax ?? 'mustache',
    params: (template.params ?? []).map((param) => ({
      ...param,
      sample:
        param.sample === undefined
          ? ''
          : typeof param.sample === 'string'
            ? param.sample
            : JSON.stringify(param.sample),
    })),
    locales: Object.fromEntries(
      Object.entries(template.content as Record<string, Block>).map(([locale, content]) => [
        locale,
        localeForm(content),
      ]),
    ),
  };
}

/** A sample typed as text: JSON where the type is not text, if it is JSON. */
function sampleOf(param: TemplateForm['params'][number]): unknown {
  if (param.sample === '') return undefined;
  if (['string', 'url', 'date', 'datetime'].includes(param.type ?? 'string')) return param.sample;
  try {
    return JSON.parse(param.sample) as unknown;
  } catch {
    return param.sample;
  }
}

/** The body of PUT /v1/templates/{key}. Throws a SyntaxError as localeContent() does. */
export function bodyOf(form: TemplateForm): Template {
  return {
    ...(form.category ? { category: form.category } : {}),
    ...(form.channels.length > 0 ? { channels: form.channels as Template['channels'] } : {}),
    ...(form.layout ? { layout: form.layout } : {}),
    default_locale: form.default_locale,
    syntax: form.syntax as Template['syntax'],
    params: form.params.map((param) => {
      // JSON leaves out what is undefined.
      return { ...param, sample: sampleOf(param) };
    }),
    content: Object.fromEntries(
      Object.entries(form.locales).map(([locale, content]) => [locale, localeContent(content)]),
    ),
  };
}
