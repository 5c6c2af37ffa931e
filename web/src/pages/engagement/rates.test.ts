import { describe, expect, it } from 'vitest';
import type { StatsRow, StatsSum } from '@/api/shapes';
import { overTime, rateOf, reported } from './rates';

const row = (hour: Date, status: string, n: number, integration = 'ses'): StatsRow => ({
  hour: hour.toISOString(),
  status,
  n,
  channel: 'email',
  category: null,
  integration,
});

const sum = (part: Partial<StatsSum>): StatsSum =>
  ({
    sent: 10,
    delivered: 0,
    receipts: 'no receipts',
    rates: { delivery: null, open: 0.1 },
    ...part,
  }) as StatsSum;

describe('a rate', () => {
  it('of deliveries is not 0 % where nobody tells', () => {
    expect(rateOf(sum({}), 'delivery')).toBe('no receipts');
    expect(rateOf(sum({}), 'open')).toBe(0.1);
    expect(rateOf(sum({ receipts: 'yes', rates: { ...sum({}).rates, delivery: 0 } }), 'delivery')).toBe(0);
    expect(rateOf(sum({ channel: 'sms', opened: 0 }), 'open')).toBe('not measured');
    expect(rateOf(sum({ sent: 0 }), 'open')).toBe('nothing sent');
  });
});

describe('reported', () => {
  it('is what those sent that tell of deliveries', () => {
    const told = reported([
      sum({ integration: 'ses', sent: 8, delivered: 6, receipts: 'yes' }),
      sum({ integration: 'smtp', sent: 90 }),
    ]);
    expect([told.sent, told.delivered, [...told.integrations]]).toEqual([8, 6, ['ses']]);
  });
});

describe('overTime', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour);

  it('has every day of the span, by the calendar of the reader', () => {
    const moments = overTime(
      [
        row(at(24, 23), 'sent', 4),
        row(at(25, 0), 'sent', 10),
        row(at(25, 1), 'delivered', 5),
        row(at(25, 2), 'opened', 2),
        row(at(25, 3), 'sent', 10, 'smtp'),
        row(at(20, 0), 'sent', 99),
      ],
      at(24, 12),
      at(26, 12),
      'day',
      new Set(['ses']),
    );
    expect(moments.map((one) => [one.at.getDate(), one.sent, one.rates.delivery, one.rates.open])).toEqual([
      [24, 4, 0, 0],
      [25, 20, 0.5, 0.1],
      [26, 0, null, null],
    ]);
  });

  it('has no rate of deliveries where nothing reports them', () => {
    const [hour] = overTime([row(at(24, 12), 'sent', 4)], at(24, 12), at(24, 13), 'hour', new Set());
    expect(hour?.rates).toMatchObject({ delivery: null, click: 0 });
  });
});
