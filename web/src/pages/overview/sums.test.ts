import { describe, expect, it } from 'vitest';
import type { StatsRow } from '@/api/shapes';
import { byHour } from './sums';

const row = (hour: string, status: string, n: number): StatsRow => ({
  hour,
  status,
  n,
  channel: 'sms',
  category: null,
});

describe('byHour', () => {
  it('has every hour of the span, and what each status is to the reader', () => {
    const hours = byHour(
      [
        row('2026-11-26T10:00:00Z', 'accepted', 9),
        row('2026-11-26T10:00:00Z', 'sent', 5),
        row('2026-11-26T10:00:00Z', 'delivered', 5),
        row('2026-11-26T12:00:00Z', 'dead', 1),
        row('2026-11-26T12:00:00Z', 'unknown', 2),
        row('2026-11-26T12:00:00Z', 'suppressed', 3),
        row('2026-11-25T12:00:00Z', 'sent', 100),
      ],
      new Date('2026-11-26T10:30:00Z'),
      new Date('2026-11-26T12:30:00Z'),
    );
    expect(hours.map((h) => [h.sent, h.failed, h.notSent])).toEqual([
      [5, 0, 0],
      [0, 0, 0],
      [0, 3, 3],
    ]);
  });
});
