import { describe, expect, it } from 'vitest';
import { asProblem, complaint, Problem } from './problem';

const problem = new Problem(422, {
  code: 'invalid',
  errors: [
    { pointer: '/to/0/email', detail: 'The e-mail address has no @.' },
    { pointer: '/title', detail: 'is too long' },
  ],
});

describe('complaint', () => {
  it('gives a field what is said of it', () => {
    expect(complaint(problem, '/title')).toBe('is too long');
    expect(complaint(problem, '/body')).toBeUndefined();
  });

  it('gives a field what is said of its parts, naming them', () => {
    expect(complaint(problem, '/to')).toBe('/to/0/email: The e-mail address has no @.');
  });

  it('does not take one field for another that begins alike', () => {
    const other = new Problem(422, { errors: [{ pointer: '/title_long', detail: 'x' }] });
    expect(complaint(other, '/title')).toBeUndefined();
  });
});

describe('asProblem', () => {
  it('knows a server that does not answer', () => {
    expect(asProblem(new TypeError('Failed to fetch')).isUnreachable).toBe(true);
    expect(asProblem(problem)).toBe(problem);
    expect(asProblem(new Error('bug')).isUnreachable).toBe(false);
  });
});
