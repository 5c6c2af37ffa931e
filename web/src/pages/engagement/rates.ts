import type { StatsRow, StatsSum } from '@/api/shapes';
import { sentOf } from '@/pages/overview/sums';

export const RATES = ['delivery', 'open', 'click', 'conversion', 'unsubscribe'] as const;
export type Rate = (typeof RATES)[number];

const COUNTED = {
  delivery: 'delivered',
  open: 'opened',
  click: 'clicked',
  conversion: 'converted',
  unsubscribe: 'unsubscribed',
} as const satisfies Record<Rate, keyof StatsSum>;

export const countOf = (sum: StatsSum, rate: Rate): number => sum[COUNTED[rate]];

// Nobody opens these so that it could be seen.
const UNSEEN = new Set(['sms', 'voice']);

/** What there is to say of a rate: a share, that nothing was sent, or that nobody would tell. */
export function rateOf(sum: StatsSum, rate: Rate): number | 'nothing sent' | 'no receipts' | 'not measured' {
  if (sentOf(sum) === 0) return 'nothing sent';
  if (rate === 'open' && UNSEEN.has(sum.channel ?? '') && sum.opened === 0) return 'not measured';
  if (rate === 'delivery' && sum.receipts !== 'yes') return 'no receipts';
  return sum.rates[rate] ?? 'no receipts';
}

export interface Reported {
  sent: number;
  delivered: number;
  /** The integrations that report deliveries. */
  integrations: Set<string>;
}

/** What was sent by those that report deliveries, of the sums by integration: only of it can a rate be told. */
export function reported(sums: StatsSum[]): Reported {
  const reporting = sums.filter((sum) => sum.receipts === 'yes');
  return {
    sent: reporting.reduce((n, sum) => n + sentOf(sum), 0),
    delivered: reporting.reduce((n, sum) => n + sum.delivered, 0),
    integrations: new Set(reporting.map((sum) => sum.integration ?? '')),
  };
}

export type Step = 'hour' | 'day';

export interface Moment {
  at: Date;
  sent: number;
  /** Shares of what was sent then; null where nothing was. */
  rates: Record<Rate, number | null>;
}

type Counts = Map<string, number>;
const sentIn = (counts: Counts): number => Math.max(counts.get('sent') ?? 0, counts.get('delivered') ?? 0);

function next(at: Date, step: Step): Date {
  const after = new Date(at);
  if (step === 'hour') after.setTime(after.getTime() + 3_600_000);
  // By the calendar: a day may have 23 or 25 hours.
  else after.setDate(after.getDate() + 1);
  return after;
}

/**
 * The hours, or days of the browser's zone, of a span, the empty ones too. Everything counts when it happened: what is
 * opened a day after it was sent belongs to that day. The rate of deliveries is of `reporting` integrations.
 */
export function overTime(
  rows: StatsRow[],
  from: Date,
  until: Date,
  step: Step,
  reporting: Set<string>,
): Moment[] {
  const first = new Date(from);
  if (step === 'hour') first.setMinutes(0, 0, 0);
  else first.setHours(0, 0, 0, 0);
  const moments: { at: Date; end: number; all: Counts; told: Counts }[] = [];
  for (let at = first; at < until;) {
    const end = next(at, step);
    moments.push({ at, end: end.getTime(), all: new Map(), told: new Map() });
    at = end;
  }
  const add = (to: Counts, row: StatsRow) => to.set(row.status, (to.get(row.status) ?? 0) + row.n);
  for (const row of rows) {
    const time = new Date(row.hour).getTime();
    const moment = moments.find((one) => time >= one.at.getTime() && time < one.end);
    if (!moment) continue;
    add(moment.all, row);
    if (reporting.has(row.integration ?? '')) add(moment.told, row);
  }
  return moments.map(({ at, all, told }) => {
    const share = (rate: Rate) => {
      const counts = rate === 'delivery' ? told : all;
      const sent = sentIn(counts);
      return sent === 0 ? null : (counts.get(COUNTED[rate]) ?? 0) / sent;
    };
    return {
      at,
      sent: sentIn(all),
      rates: Object.fromEntries(RATES.map((rate) => [rate, share(rate)])) as Moment['rates'],
    };
  });
}
