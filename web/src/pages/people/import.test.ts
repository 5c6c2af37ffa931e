import { describe, expect, it } from 'vitest';
import { renamed } from './import';

describe('renamed', () => {
  it('leaves a file alone whose columns are right', () => {
    const text = 'user_id,email\n1,"a,b"\n';
    expect(renamed(text, ['user_id', 'email'], { user_id: 'user_id', email: 'email' })).toBe(text);
  });

  it('names columns as the API does and leaves others out', () => {
    expect(
      renamed('id,mail,secret\n1,a@x.test,no\n2,"q""q",no\n', ['id', 'mail', 'secret'], {
        id: 'user_id',
        mail: 'email',
        secret: '',
      }),
    ).toBe('user_id,email\n1,a@x.test\n2,"q""q"');
  });
});
