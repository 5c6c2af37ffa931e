// What is composed, and the request made of it (POST /v1/notifications). Pure: the page and its tests use the same.

import type { Body } from '@/api/client';
import { type Mapping, readRows } from './csv';

export type Recipient = Body<'Recipient'>;
export type Param = Body<'TemplateParam'>;
export type Channel = Body<'Channel'>;

export const CHANNELS: Channel[] = ['push', 'sms', 'email', 'voice', 'chat', 'webhook', 'inbox'];
export const RECIPIENTS_MAX = 1000;

/** The members of a send that the console writes; the generated type is `unknown`, for the schema ends in an anyOf. */
export interface SendRequest {
  from_notification?: string;
  to?: Recipient[];
  template?: string;
  params?: Record<string, unknown>;
  title?: string;
  body?: string;
  url?: string;
  image?: string;
  email?: object;
  sms?: object;
  voice?: object;
  category?: string;
  channels?: Channel[];
  fallback?: object[];
  priority?: string;
  ttl?: string;
  event_id?: string;
  tags?: string[];
  send_at?: string | { local: string; zone: string; if_past: string };
  on_unknown?: string;
  draft?: boolean;
}

export interface FallbackStep {
  channel: Channel;
  until: 'accepted' | 'delivered' | 'opened';
  wait: string;
}

export interface Draft {
  source: 'people' | 'groups' | 'csv';
  people: string;
  groups: string[];
  csv: string;
  mapping: Mapping;
  kind: 'template' | 'own';
  template: string | null;
  params: Record<string, string>;
  own: {
    title: string;
    body: string;
    url: string;
    image: string;
    subject: string;
    html: string;
    sms: string;
    voice: string;
  };
  order: 'all' | 'fallback';
  channels: Channel[];
  fallback: FallbackStep[];
  category: string | null;
  priority: string | null;
  ttl: string;
  eventId: string;
  tags: string;
  when: 'now' | 'at' | 'local';
  at: string;
  ifPast: 'now' | 'next_day' | 'skip';
  skipUnknown: boolean;
  /** Send again: what this notification said, to whom else is given. */
  again: string | null;
}

export function emptyDraft(): Draft {
  return {
    source: 'people',
    people: '',
    groups: [],
    csv: '',
    mapping: {},
    kind: 'template',
    template: null,
    params: {},
    own: { title: '', body: '', url: '', image: '', subject: '', html: '', sms: '', voice: '' },
    order: 'all',
    channels: [],
    fallback: [
      { channel: 'push', until: 'delivered', wait: '2m' },
      { channel: 'sms', until: 'accepted', wait: '' },
    ],
    category: null,
    priority: null,
    ttl: '',
    eventId: '',
    tags: '',
    when: 'now',
    at: '',
    ifPast: 'next_day',
    skipUnknown: false,
    again: null,
  };
}

/** One line of the box: an address is told by its signs; "user:" and "group:" say it where that would be wrong. */
export function recipientOf(line: string): Recipient {
  const text = line.trim();
  if (text.startsWith('user:')) return { user_id: text.slice(5).trim() };
  if (text.startsWith('group:')) return { group: text.slice(6).trim() };
  if (text.includes('@')) return { email: text };
  if (/^\+[\d\s()-]+$/.test(text)) return { phone: text.replace(/[\s()-]/g, '') };
  return { user_id: text };
}

export interface Addressed {
  to: Recipient[];
  /** The line of the box or file from which each entry comes, counted from 1. */
  lines: number[];
}

export function recipientsOf(draft: Draft, params: Param[]): Addressed {
  if (draft.source === 'groups') {
    return { to: draft.groups.map((group) => ({ group })), lines: draft.groups.map((_, index) => index + 1) };
  }
  if (draft.source === 'csv') {
    const { rows } = readRows(draft.csv, draft.mapping);
    return {
      to: rows.map(({ recipient, params: given }) => {
        const converted = paramsOf(given, params);
        return Object.keys(converted).length > 0 ? { ...recipient, params: converted } : recipient;
      }),
      lines: rows.map((row) => row.line),
    };
  }
  const lines = draft.people
    .split('\n')
    .flatMap((line, index) => (line.trim() ? [[line, index + 1] as const] : []));
  return { to: lines.map(([line]) => recipientOf(line)), lines: lines.map(([, number]) => number) };
}

/**
 * A parameter's value of what was typed. What does not fit the type is passed on as it is: the server names the field
 * and says what is wrong with it.
 */
export function paramValue(type: Param['type'], text: string): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'money': {
      const [, amount, currency] = /^\s*(-?[\d.]+)\s*([A-Za-z]{3})\s*$/.exec(text) ?? [];
      return amount && currency ? { amount, currency: currency.toUpperCase() } : text;
    }
    case 'datetime': {
      // Of <input type="datetime-local">, which gives no zone: the sender's own.
      const at = new Date(text);
      return Number.isNaN(at.getTime()) ? text : at.toISOString();
    }
    case 'list':
    case 'object':
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return text;
      }
    default:
      return text;
  }
}

export function paramsOf(given: Record<string, string>, declared: Param[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(given)) {
    if (text === '') continue;
    values[name] = paramValue(declared.find((param) => param.name === name)?.type, text);
  }
  return values;
}

function ownContent(own: Draft['own']) {
  const set = <T extends object>(value: T) => (Object.values(value).some(Boolean) ? value : undefined);
  return {
    title: own.title || undefined,
    body: own.body || undefined,
    url: own.url || undefined,
    image: own.image || undefined,
    email: set({ subject: own.subject || undefined, html: own.html || undefined }),
    sms: set({ body: own.sms || undefined }),
    voice: set({ text: own.voice || undefined }),
  };
}

function sendAt(draft: Draft): SendRequest['send_at'] {
  if (draft.when === 'now') return undefined;
  // Without a time the server refuses it: what was to wait must not go at once.
  if (draft.when === 'local') return { local: draft.at, zone: 'recipient', if_past: draft.ifPast };
  const at = new Date(draft.at);
  return Number.isNaN(at.getTime()) ? draft.at : at.toISOString();
}

const split = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** The request; `to` may be replaced, as for a test to oneself. */
export function requestOf(draft: Draft, params: Param[], to?: Recipient[]): SendRequest {
  const addressed = to ?? recipientsOf(draft, params).to;
  const again = draft.again ? { from_notification: draft.again } : undefined;
  const content =
    draft.kind === 'template'
      ? {
          template: draft.template ?? undefined,
          params: draft.template ? paramsOf(draft.params, params) : undefined,
        }
      : ownContent(draft.own);
  const request = {
    ...again,
    to: again && addressed.length === 0 ? undefined : addressed,
    ...(again ? {} : content),
    category: draft.category ?? undefined,
    channels: draft.order === 'all' && draft.channels.length > 0 ? draft.channels : undefined,
    fallback:
      draft.order === 'fallback'
        ? draft.fallback.map((step, index) =>
            index === draft.fallback.length - 1
              ? { channel: step.channel }
              : { channel: step.channel, until: step.until, wait: step.wait || undefined },
          )
        : undefined,
    priority: draft.priority ?? undefined,
    ttl: draft.ttl.trim() || undefined,
    event_id: draft.eventId.trim() || undefined,
    tags: split(draft.tags).length > 0 ? split(draft.tags) : undefined,
    send_at: sendAt(draft),
    on_unknown: draft.skipUnknown ? 'skip' : undefined,
  };
  return Object.fromEntries(
    Object.entries(request).filter(([, value]) => value !== undefined),
  ) as SendRequest;
}

/** A pointer into `to` as the line that was typed: "/to/3/email" → 5. */
export function lineOf(pointer: string | undefined, lines: number[]): number | undefined {
  const index = /^\/to\/(\d+)(\/|$)/.exec(pointer ?? '')?.[1];
  return index === undefined ? undefined : lines[Number(index)];
}
