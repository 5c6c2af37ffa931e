import { describe, expect, it } from 'vitest';
import { parsePlace, to } from './router';

describe('addresses', () => {
  it('come back as they were made, whatever an id holds', () => {
    for (const id of ['ntf_1', 'a/b', '사용자 1', 'x?y=1&z', '100%', '#7']) {
      const place = parsePlace(to(['users', id], { after: 'a+b/c=', empty: '' }));
      expect(place.path).toEqual(['users', id]);
      expect(place.query.get('after')).toBe('a+b/c=');
      expect(place.query.has('empty')).toBe(false);
    }
  });

  it('of the start page are empty', () => {
    expect(to([])).toBe('#/');
    expect(parsePlace('').path).toEqual([]);
    expect(parsePlace('#/').path).toEqual([]);
  });

  it('hold the token of an invitation', () => {
    const place = parsePlace('#/join?token=abc-_1');
    expect(place.path).toEqual(['join']);
    expect(place.query.get('token')).toBe('abc-_1');
  });

  it('that are broken do not break the page', () => {
    expect(parsePlace('#/users/%E0%A4%A').path).toEqual(['users', '%E0%A4%A']);
  });
});
