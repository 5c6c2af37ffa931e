import { describe, expect, it } from 'vitest';
import { covers, kindsOf, toggled, withoutRepeats } from './model';

describe('the events of a webhook', () => {
  it('stand by kind, and the test is not among them', () => {
    const kinds = kindsOf([
      { type: 'delivery.sent' },
      { type: 'delivery.dead' },
      { type: 'device.removed' },
      { type: 'webhook.test' },
    ]);
    expect(kinds.map((one) => [one.pattern, one.events.length])).toEqual([
      ['delivery.*', 2],
      ['device.*', 1],
    ]);
  });

  it('are covered by name, by kind and by all', () => {
    expect(covers(['delivery.sent'], 'delivery.sent')).toBe(true);
    expect(covers(['delivery.sent'], 'delivery.dead')).toBe(false);
    expect(covers(['delivery.*'], 'delivery.dead')).toBe(true);
    expect(covers(['*'], 'device.removed')).toBe(true);
  });

  it('come back as they were when all of a kind is unticked', () => {
    const chosen = toggled(['delivery.sent', 'device.removed'], 'delivery.*', true);
    expect(withoutRepeats(chosen)).toEqual(['device.removed', 'delivery.*']);
    expect(toggled(chosen, 'delivery.*', false)).toEqual(['delivery.sent', 'device.removed']);
    expect(withoutRepeats([...chosen, '*'])).toEqual(['*']);
  });
});
