// A send that was composed, on its way to become a schedule: kept over a reload, for the one form that takes it.

import type { SendRequest } from '@/pages/send/draft';

const STORED_AS = 'carillon.schedule';

/** What a schedule repeats of a send: not its moment, and not the id of the one business event. */
export function repeated(request: SendRequest): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(request).filter(([name]) => !['event_id', 'send_at', 'draft'].includes(name)),
  );
}

export function handOver(request: SendRequest): void {
  globalThis.sessionStorage.setItem(STORED_AS, JSON.stringify(repeated(request)));
}

/** What was handed over; it stays there until it is saved. */
export function handed(): Record<string, unknown> | undefined {
  try {
    const text = globalThis.sessionStorage.getItem(STORED_AS);
    return text ? (JSON.parse(text) as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

export const forget = (): void => globalThis.sessionStorage.removeItem(STORED_AS);
