// Which events a webhook is told of: names, "delivery.*" for a kind, "*" for all there are and will be.

import type { Body } from '@/api/client';

export const ALL = '*';

/** For pollEvery(): what webhooks were told comes after the counters moved, and moves none itself. */
export const TOLD_EVERY_MS: [number, number] = [5_000, 15_000];

export interface EventKind {
  kind: string;
  pattern: string;
  events: Body<'WebhookEvent'>[];
}

const kindOf = (type: string): string => type.split('.')[0] ?? type;

/** The events by kind, in the server's order. The test is none of them: it is posted whatever is chosen. */
export function kindsOf(events: Body<'WebhookEvent'>[]): EventKind[] {
  const kinds = new Map<string, EventKind>();
  for (const event of events) {
    const kind = kindOf(event.type ?? '');
    if (kind === 'webhook') continue;
    const entry = kinds.get(kind) ?? { kind, pattern: `${kind}.*`, events: [] };
    entry.events.push(event);
    kinds.set(kind, entry);
  }
  return [...kinds.values()];
}

export const covers = (patterns: string[], type: string): boolean =>
  patterns.includes(ALL) || patterns.includes(`${kindOf(type)}.*`) || patterns.includes(type);

export const toggled = (patterns: string[], pattern: string, isChosen: boolean): string[] =>
  isChosen ? [...new Set([...patterns, pattern])] : patterns.filter((other) => other !== pattern);

/** What is sent of what is ticked: nothing that another pattern says already. */
export function withoutRepeats(patterns: string[]): string[] {
  if (patterns.includes(ALL)) return [ALL];
  return patterns.filter((p) => p.endsWith('.*') || !patterns.includes(`${kindOf(p)}.*`));
}
