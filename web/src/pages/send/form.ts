// The state of the form: kept over a reload and a lost session, per project, until it is sent.

import { useCallback, useEffect, useState } from 'react';
import { complaint, Problem } from '@/api/problem';
import { type Draft, emptyDraft, lineOf } from './draft';

const PREFIX = 'carillon.send.';

function stored(key: string): Draft {
  try {
    const text = globalThis.sessionStorage.getItem(PREFIX + key);
    return text ? { ...emptyDraft(), ...(JSON.parse(text) as Draft) } : emptyDraft();
  } catch {
    return emptyDraft();
  }
}

export type Change = (part: Partial<Draft>) => void;

export function useDraft(key: string) {
  const [draft, setDraft] = useState<Draft>(() => stored(key));
  useEffect(() => {
    try {
      globalThis.sessionStorage.setItem(PREFIX + key, JSON.stringify(draft));
    } catch {
      // A large table does not fit; it stays on the page.
    }
  }, [draft, key]);
  const change: Change = useCallback((part) => setDraft((before) => ({ ...before, ...part })), []);
  const reset = useCallback(() => {
    globalThis.sessionStorage.removeItem(PREFIX + key);
    setDraft(emptyDraft());
  }, [key]);
  return { draft, change, reset };
}

/** What a problem says of the recipients, each with its line: "Line 3: The e-mail address has no @." */
export function recipientComplaints(
  error: unknown,
  lines: number[],
  lineText: (n: number) => string,
): string[] {
  if (!(error instanceof Problem)) return [];
  return error.errors
    .filter((e) => e.pointer === '/to' || e.pointer?.startsWith('/to/'))
    .map((e) => {
      const line = lineOf(e.pointer, lines);
      return line === undefined ? (e.detail ?? '') : `${lineText(line)}: ${e.detail ?? e.code ?? ''}`;
    });
}

/** The fields of the form that show their own complaints. */
export const SHOWN = [
  '/to',
  '/template',
  '/params',
  '/title',
  '/body',
  '/url',
  '/image',
  '/email',
  '/sms',
  '/voice',
  '/channels',
  '/fallback',
  '/category',
  '/priority',
  '/ttl',
  '/event_id',
  '/tags',
  '/send_at',
];

export const at = (error: unknown, ...pointers: string[]): string | undefined =>
  complaint(error, ...pointers);
