import { describe, expect, it } from 'vitest';
import { guess, readRows } from './csv';

describe('readRows', () => {
  it('knows columns by the names people give them', () => {
    expect(['E-Mail', '전화번호', 'Phone Number', 'user_id', '언어'].map(guess)).toEqual([
      'email',
      'phone',
      'phone',
      'user_id',
      'locale',
    ]);
    expect(guess('Item name')).toBe('param:Item name');
  });

  it('reads quotes, semicolons, tabs and the mark spreadsheets put first', () => {
    for (const text of [
      '\uFEFFemail,name\na@x.test,"Kim, Ann"',
      'email;name\na@x.test;"Kim, Ann"',
      'email\tname\na@x.test\tKim, Ann',
    ]) {
      expect(readRows(text, {}).rows).toEqual([
        { line: 2, recipient: { email: 'a@x.test' }, params: { name: 'Kim, Ann' } },
      ]);
    }
  });

  it('prefers the user over an address, and keeps the language', () => {
    const { rows } = readRows('user_id,email,locale\n7,a@x.test,ko\n', {});
    expect(rows[0]?.recipient).toEqual({ user_id: '7', locale: 'ko' });
  });

  it('says which lines have nobody', () => {
    const read = readRows('email,name\n,Nobody\na@x.test,Ann\n', {});
    expect(read.problems).toEqual([{ line: 2, code: 'no_address' }]);
    expect(read.rows.map((row) => row.line)).toEqual([3]);
  });

  it('takes another meaning of a column', () => {
    const { rows } = readRows('kunde,email\n7,a@x.test\n', { kunde: 'user_id', email: '' });
    expect(rows[0]).toEqual({ line: 2, recipient: { user_id: '7' }, params: {} });
  });
});
