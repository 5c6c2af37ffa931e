// How many parts a text message is sent in, and in which alphabet: what it costs (3GPP TS 23.038, 23.040).

const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿' +
    'abcdefghijklmnopqrstuvwxyzäöñüà',
);
// Each takes two places.
const EXTENDED = new Set('\f^{}\\[~]|€');

const GSM = { single: 160, part: 153 };
const UCS2 = { single: 70, part: 67 };

export interface Segments {
  alphabet: 'GSM-7' | 'UCS-2';
  /** Places used: septets, or UTF-16 units. */
  units: number;
  count: number;
  /** Places left in the last part. */
  left: number;
}

export function segments(text: string): Segments {
  const isGsm = [...text].every((sign) => BASIC.has(sign) || EXTENDED.has(sign));
  const sizes = isGsm
    ? [...text].map((sign) => (EXTENDED.has(sign) ? 2 : 1))
    : [...text].map((sign) => sign.length);
  const limit = isGsm ? GSM : UCS2;
  const units = sizes.reduce((sum, size) => sum + size, 0);
  const alphabet = isGsm ? 'GSM-7' : 'UCS-2';
  if (units <= limit.single)
    return { alphabet, units, count: units === 0 ? 0 : 1, left: limit.single - units };
  // A sign of two places is not torn apart at the end of a part.
  let count = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > limit.part) {
      count += 1;
      used = 0;
    }
    used += size;
  }
  return { alphabet, units, count, left: limit.part - used };
}
