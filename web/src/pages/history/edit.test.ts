import { expect, it } from 'vitest';
import { patchOf } from './edit';

it('a change of what has not begun names what is other and what is gone, and nothing that is hidden', () => {
  const before = { to: [{ user_id: 'mina' }], title: 'Hi', params: { code: '•••' }, tags: ['a'] };
  expect(
    patchOf(before, { to: [{ user_id: 'mina' }], title: 'Hello', params: { code: '•••' }, ttl: '1h' }),
  ).toEqual({
    title: 'Hello',
    ttl: '1h',
    tags: null,
  });
  expect(patchOf(before, structuredClone(before))).toEqual({});
});
