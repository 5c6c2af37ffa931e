// Numbers, instants and durations, as the reader's language writes them and in the reader's own time zone.

import { type Language, language } from './language';

const number_formats = new Map<string, Intl.NumberFormat>();

export function formatNumber(value: number, options: Intl.NumberFormatOptions = {}): string {
  const key = language() + JSON.stringify(options);
  let format = number_formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(language(), options);
    number_formats.set(key, format);
  }
  return format.format(value);
}

export const formatShare = (part: number, whole: number): string =>
  whole > 0
    ? formatNumber(part / whole, { style: 'percent', maximumFractionDigits: part === whole ? 0 : 1 })
    : '–';

const date_formats = new Map<Language, Intl.DateTimeFormat>();

/** 26 Nov 2026, 16:04:05 – in the browser's zone, seconds included: people compare it with logs. */
export function formatInstant(at: string | Date): string {
  let format = date_formats.get(language());
  if (!format) {
    format = new Intl.DateTimeFormat(language() === 'en' ? 'en-GB' : 'ko-KR', {
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    });
    date_formats.set(language(), format);
  }
  return format.format(new Date(at));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** "3 minutes ago", "in 2 hours". */
export function formatRelative(at: string | Date, now: Date = new Date()): string {
  const seconds = Math.round((new Date(at).getTime() - now.getTime()) / 1000);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: 'auto', style: 'short' });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size || unit === 'second')
      return format.format(Math.trunc(seconds / size), unit);
  }
  return '';
}

/** A length of time in its two largest units: "2 h 5 min". */
export function formatDuration(seconds: number): string {
  const units: [number, string, string][] = [
    [86400, 'd', '일'],
    [3600, 'h', '시간'],
    [60, 'min', '분'],
    [1, 's', '초'],
  ];
  if (seconds < 1) return language() === 'ko' ? '1초 미만' : '< 1 s';
  const parts: string[] = [];
  let left = Math.floor(seconds);
  for (const [size, en, ko] of units) {
    const count = Math.floor(left / size);
    if (count > 0 && parts.length < 2) {
      parts.push(language() === 'ko' ? `${count}${ko}` : `${count} ${en}`);
      left -= count * size;
    } else if (parts.length > 0) {
      break;
    }
  }
  return parts.join(' ');
}

/** How long one thing took: "120 ms", "2.1 s", and from a minute on as other durations. */
export function formatLatency(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 1) return `${formatNumber(seconds * 1000, { maximumFractionDigits: 0 })} ms`;
  if (seconds >= 60) return formatDuration(seconds);
  const digits = { maximumFractionDigits: seconds < 10 ? 1 : 0 };
  return language() === 'ko' ? `${formatNumber(seconds, digits)}초` : `${formatNumber(seconds, digits)} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${formatNumber(bytes)} B`;
  if (bytes < 1024 * 1024) return `${formatNumber(bytes / 1024, { maximumFractionDigits: 1 })} KB`;
  return `${formatNumber(bytes / 1024 / 1024, { maximumFractionDigits: 1 })} MB`;
}
