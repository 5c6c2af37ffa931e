import { describe, expect, it } from 'vitest';
import { segments } from './segments';

describe('segments', () => {
  it.each([
    ['', 'GSM-7', 0],
    ['a'.repeat(160), 'GSM-7', 1],
    ['a'.repeat(161), 'GSM-7', 2],
    ['a'.repeat(306), 'GSM-7', 2],
    ['a'.repeat(307), 'GSM-7', 3],
    ['가'.repeat(70), 'UCS-2', 1],
    ['가'.repeat(71), 'UCS-2', 2],
    ['가'.repeat(134), 'UCS-2', 2],
    ['가'.repeat(135), 'UCS-2', 3],
    ['€'.repeat(80), 'GSM-7', 1],
    ['€'.repeat(81), 'GSM-7', 2],
    ['ç', 'UCS-2', 1],
    ['Ç', 'GSM-7', 1],
  ])('%#: counts parts as networks do', (text, alphabet, count) => {
    expect(segments(text)).toMatchObject({ alphabet, count });
  });

  it('does not tear a sign of two places apart', () => {
    // 152 + 2 does not fit into 153: the sign begins the next part, which so has one place less.
    expect(segments('a'.repeat(152) + '€' + 'a'.repeat(151))).toMatchObject({ count: 2, left: 0 });
    expect(segments('a'.repeat(152) + '€' + 'a'.repeat(152)).count).toBe(3);
    expect(segments('가'.repeat(66) + '🔔' + '가'.repeat(66)).count).toBe(3);
  });

  it('says what is left', () => {
    expect(segments('abc').left).toBe(157);
    expect(segments('가나다').left).toBe(67);
  });
});
