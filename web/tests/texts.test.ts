// Both languages say everything: the compiler checks that Korean has the shape of English, this that it is Korean.

import { expect, it, vi } from 'vitest';

interface Pair {
  where: string;
  en: unknown;
  ko: unknown;
}

const recorded = vi.hoisted(() => [] as [unknown, unknown][]);
vi.mock('@/text/language', async (importReal) => {
  const real = await importReal<typeof import('@/text/language')>();
  const texts: typeof real.texts = (en, ko) => {
    recorded.push([en, ko]);
    return real.texts(en, ko);
  };
  return { ...real, texts };
});

const modules = import.meta.glob(
  ['../src/{app,pages,text,ui}/**/*.{ts,tsx}', '!../src/**/*.test.{ts,tsx}', '!../src/text/language.ts'],
  { eager: true },
);

// The same in every language: names of systems and forms, and what is typed as it stands.
const NEUTRAL = new Set([
  'iOS',
  'Android',
  'iPhone',
  'macOS',
  'Windows',
  'HarmonyOS',
  'HTML',
  'ID',
  'SMS',
  'URL',
]);
// Samples of what is typed, and units.
const SAMPLE = /^(\w+@)?example\.com$|^Bells$|^\d+ ?ms$/;
const HANGUL = /[가-힣]/;
const hasWords = (text: string) => /[A-Za-z]{2,}/.test(text.replace(/\{\{\w+\}\}|\[\w+\]/g, ''));

/** Every text of a pair, functions called with something that could be a number or a name. */
function leaves({ where, en, ko }: Pair): { where: string; en: string; ko: string }[] {
  if (typeof en === 'function' && typeof ko === 'function') {
    const call = (of: unknown) => (of as (...args: string[]) => unknown)('7', '8', '9');
    return leaves({ where: `${where}()`, en: call(en), ko: call(ko) });
  }
  if (typeof en === 'string' && typeof ko === 'string') return [{ where, en, ko }];
  if (typeof en === 'object' && en !== null && typeof ko === 'object' && ko !== null) {
    // Words for what the server describes in English.
    const named =
      Object.keys(en).length > 0 ? en : Object.fromEntries(Object.keys(ko).map((key) => [key, key]));
    expect(Object.keys(ko).sort(), where).toEqual(Object.keys(named).sort());
    return Object.entries(named).flatMap(([name, value]) =>
      leaves({ where: `${where}.${name}`, en: value, ko: (ko as Record<string, unknown>)[name] }),
    );
  }
  throw new Error(`${where} is no text`);
}

it('every Korean text is Korean, and no English one is', () => {
  expect(Object.keys(modules).length).toBeGreaterThan(60);
  const all = recorded.flatMap(([en, ko], index) =>
    leaves({ where: `${index}: ${JSON.stringify(en).slice(0, 40)}`, en, ko }),
  );
  expect(all.length).toBeGreaterThan(800);
  const untold = all.filter(
    ({ ko }) =>
      ko.trim() === '' || (hasWords(ko) && !HANGUL.test(ko) && !NEUTRAL.has(ko) && !SAMPLE.test(ko)),
  );
  expect(untold).toEqual([]);
  expect(all.filter(({ en }) => en.trim() === '' || HANGUL.test(en))).toEqual([]);
});
