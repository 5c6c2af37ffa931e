// Recipients from a table: a header line, then one recipient a line. Columns that are no address are parameters.

import Papa from 'papaparse';
import type { Body } from '@/api/client';

export const FIELDS = ['user_id', 'email', 'phone', 'device_id', 'locale'] as const;
export type Field = (typeof FIELDS)[number];
/** Column name → what it is: a field, "param:NAME", or "" to leave it out. */
export type Mapping = Record<string, string>;

const NAMES: Record<Field, string[]> = {
  user_id: ['user_id', 'userid', 'user', 'id', '사용자', '사용자id', '회원번호'],
  email: ['email', 'e-mail', 'mail', '이메일', '메일'],
  phone: ['phone', 'phone_number', 'tel', 'mobile', '전화', '전화번호', '휴대폰', '핸드폰'],
  device_id: ['device_id', 'device', '기기'],
  locale: ['locale', 'language', 'lang', '언어'],
};

export function guess(column: string): string {
  const name = column.trim().toLowerCase().replace(/\s+/g, '_');
  const field = FIELDS.find((candidate) => NAMES[candidate].includes(name));
  return field ?? `param:${column.trim()}`;
}

export interface Row {
  /** In the file, counted from 1; the header is line 1. */
  line: number;
  recipient: Body<'Recipient'>;
  params: Record<string, string>;
}

export interface Rows {
  columns: string[];
  mapping: Mapping;
  rows: Row[];
  problems: { line: number; code: 'no_address' | 'quotes' }[];
}

/** `chosen` overrides what is guessed of a column's name. */
export function readRows(text: string, chosen: Mapping): Rows {
  const parsed = Papa.parse<string[]>(text.replace(/^\uFEFF/, ''), { skipEmptyLines: false });
  const [header = [], ...lines] = parsed.data;
  const columns = header.map((name) => name.trim()).filter(Boolean);
  const mapping = Object.fromEntries(columns.map((name) => [name, chosen[name] ?? guess(name)]));
  const problems: Rows['problems'] = parsed.errors
    .filter((error) => error.type === 'Quotes')
    .map((error) => ({ line: (error.row ?? 0) + 1, code: 'quotes' }));
  const rows: Row[] = [];
  lines.forEach((cells, index) => {
    if (cells.every((cell) => cell.trim() === '')) return;
    const row: Row = { line: index + 2, recipient: {}, params: {} };
    header.forEach((name, column) => {
      const value = cells[column]?.trim() ?? '';
      const target = mapping[name.trim()] ?? '';
      if (value === '' || target === '') return;
      if (target.startsWith('param:')) row.params[target.slice('param:'.length)] = value;
      else (row.recipient as Record<string, string>)[target] = value;
    });
    // An entry names one address; a user is better than any.
    const { user_id, device_id, email, phone, locale } = row.recipient;
    const address = user_id
      ? { user_id }
      : device_id
        ? { device_id }
        : email
          ? { email }
          : phone
            ? { phone }
            : undefined;
    if (!address) {
      problems.push({ line: row.line, code: 'no_address' });
      return;
    }
    row.recipient = locale ? { ...address, locale } : address;
    rows.push(row);
  });
  return { columns, mapping, rows, problems };
}
