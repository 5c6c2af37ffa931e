// English and Korean. Every text stands once, both languages side by side, in the file of the page that shows it.

import { useSyncExternalStore } from 'react';

export type Language = 'en' | 'ko';
export const LANGUAGES: Record<Language, string> = { en: 'English', ko: '한국어' };

const STORED_AS = 'carillon.language';

function choose(): Language {
  const stored = globalThis.localStorage.getItem(STORED_AS);
  if (stored === 'en' || stored === 'ko') return stored;
  return globalThis.navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

let current: Language = choose();
const listeners = new Set<() => void>();

export function setLanguage(language: Language): void {
  current = language;
  globalThis.localStorage.setItem(STORED_AS, language);
  document.documentElement.lang = language;
  for (const listener of listeners) listener();
}
document.documentElement.lang = current;

export const language = (): Language => current;

export function useLanguage(): Language {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, language);
}

export type Texts<T> = Record<Language, T>;

/** Texts in both languages; that the Korean says everything the English says is checked by the compiler. */
export function texts<T>(en: T, ko: NoInfer<T>): Texts<T> {
  return { en, ko };
}

export function useText<T>(of: Texts<T>): T {
  return of[useLanguage()];
}
