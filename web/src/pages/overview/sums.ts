import type { StatsRow, StatsSum } from '@/api/shapes';

/** What reached a provider: each is counted as sent, as delivered, or as both (GET /v1/stats). */
export const sentOf = (sum: StatsSum): number => Math.max(sum.sent, sum.delivered);
export const failedOf = (sum: StatsSum): number => sum.failed + sum.dead + sum.unknown;
export const notSentOf = (sum: StatsSum): number => sum.suppressed + sum.cancelled + sum.expired;

export interface Hour {
  at: Date;
  sent: number;
  failed: number;
  notSent: number;
}

const HOUR_MS = 3_600_000;
const KIND: Record<string, 'sent' | 'failed' | 'notSent' | undefined> = {
  sent: 'sent',
  failed: 'failed',
  dead: 'failed',
  unknown: 'failed',
  suppressed: 'notSent',
  cancelled: 'notSent',
  expired: 'notSent',
};

/** The hours of a span, the empty ones too, oldest first. What was delivered was sent before and is not counted twice. */
export function byHour(rows: StatsRow[], from: Date, until: Date): Hour[] {
  const first = Math.floor(from.getTime() / HOUR_MS) * HOUR_MS;
  const hours: Hour[] = [];
  for (let at = first; at < until.getTime(); at += HOUR_MS) {
    hours.push({ at: new Date(at), sent: 0, failed: 0, notSent: 0 });
  }
  for (const row of rows) {
    const hour = hours[Math.floor((new Date(row.hour).getTime() - first) / HOUR_MS)];
    const kind = KIND[row.status];
    if (hour && kind) hour[kind] += row.n;
  }
  return hours;
}
