import { describe, expect, it } from 'vitest';
import { common } from '@/text/common';
import { inWords } from './delivery';
import { historyTexts } from './texts';

describe('what the server says of a step', () => {
  const say = (detail: string, language: 'en' | 'ko') =>
    inWords(detail, historyTexts[language], common[language].reasons);

  it("is said in the reader's language", () => {
    expect(say('twilio answered 503 20503', 'ko')).toBe('twilio 응답: 503 20503');
    expect(say('retries_exhausted', 'ko')).toBe('재시도를 모두 실패함');
    expect(say('smtp', 'en')).toBe('smtp');
  });

  it("has its moment in the reader's own time", () => {
    expect(say('quiet_hours until 2026-11-27T08:00:00Z', 'en')).toMatch(/^Quiet hours · until \d+ Nov 2026/);
    expect(say(' until 2026-11-27T08:00:00Z', 'en')).toMatch(/^until \d+ Nov 2026/);
  });
});
