import { describe, expect, it } from 'vitest';
import { Problem } from '@/api/problem';
import {
  type Draft,
  emptyDraft,
  lineOf,
  type Param,
  paramValue,
  recipientOf,
  recipientsOf,
  requestOf,
} from './draft';
import { recipientComplaints } from './form';

const draft = (part: Partial<Draft>): Draft => ({ ...emptyDraft(), ...part });

describe('recipients', () => {
  it.each([
    ['mina', { user_id: 'mina' }],
    ['42', { user_id: '42' }],
    ['ann@example.test', { email: 'ann@example.test' }],
    ['+82 10-1234-5678', { phone: '+821012345678' }],
    ['user:ann@example.test', { user_id: 'ann@example.test' }],
    ['group:regulars', { group: 'regulars' }],
  ])('%s is told by its signs', (line, recipient) => {
    expect(recipientOf(line)).toEqual(recipient);
  });

  it('keep the line they stand in', () => {
    const { to, lines } = recipientsOf(draft({ people: '\nmina\n\n  \njun\n' }), []);
    expect(to).toEqual([{ user_id: 'mina' }, { user_id: 'jun' }]);
    expect(lines).toEqual([2, 5]);
  });

  it('of a table carry its parameters, of the declared types', () => {
    const params: Param[] = [{ name: 'order', type: 'integer' }];
    const { to, lines } = recipientsOf(
      draft({ source: 'csv', csv: 'email,order\n"a@x.test",7\n\nb@x.test,8\n' }),
      params,
    );
    expect(to).toEqual([
      { email: 'a@x.test', params: { order: 7 } },
      { email: 'b@x.test', params: { order: 8 } },
    ]);
    expect(lines).toEqual([2, 4]);
  });
});

describe('paramValue', () => {
  it.each([
    ['integer', '7', 7],
    ['integer', 'seven', 'seven'],
    ['number', '-1.5', -1.5],
    ['boolean', 'true', true],
    ['boolean', 'perhaps', 'perhaps'],
    ['money', '12.50 eur', { amount: '12.50', currency: 'EUR' }],
    ['money', 'much', 'much'],
    ['list', '["a"]', ['a']],
    ['list', '[', '['],
    ['date', '2026-12-01', '2026-12-01'],
    ['string', '007', '007'],
  ] as const)('%s of %j', (type, text, value) => {
    expect(paramValue(type, text)).toEqual(value);
  });
});

describe('the request', () => {
  it('says nothing that was not chosen', () => {
    expect(requestOf(draft({ people: 'mina', template: 't' }), [])).toEqual({
      to: [{ user_id: 'mina' }],
      template: 't',
      params: {},
    });
  });

  it('has either channels or a fallback', () => {
    const chosen = draft({ people: 'a', kind: 'own', channels: ['push'] });
    expect(requestOf(chosen, [])).toMatchObject({ channels: ['push'] });
    const request = requestOf({ ...chosen, order: 'fallback' }, []);
    expect(request.channels).toBeUndefined();
    expect(request.fallback).toEqual([
      { channel: 'push', until: 'delivered', wait: '2m' },
      { channel: 'sms' },
    ]);
  });

  it("is scheduled at an instant or at the recipient's own time", () => {
    const at = draft({ when: 'at', at: '2026-12-01T09:00' });
    // What was to wait does not go at once because its time was forgotten.
    expect(requestOf({ ...at, at: '' }, []).send_at).toBe('');
    expect(requestOf(at, []).send_at).toBe(new Date('2026-12-01T09:00').toISOString());
    expect(requestOf({ ...at, when: 'local', ifPast: 'skip' }, []).send_at).toEqual({
      local: '2026-12-01T09:00',
      zone: 'recipient',
      if_past: 'skip',
    });
  });

  it('of a send again takes content over', () => {
    expect(requestOf(draft({ again: 'ntf_1', people: 'jun' }), [])).toEqual({
      from_notification: 'ntf_1',
      to: [{ user_id: 'jun' }],
    });
    expect(requestOf(draft({ again: 'ntf_1' }), [])).toEqual({ from_notification: 'ntf_1' });
  });
});

describe('complaints about recipients', () => {
  it('name the line that was typed', () => {
    expect(lineOf('/to/1/email', [2, 5])).toBe(5);
    expect(lineOf('/to', [2, 5])).toBeUndefined();
    const problem = new Problem(422, {
      errors: [{ pointer: '/to/1/email', detail: 'has no @' }, { pointer: '/title' }],
    });
    expect(recipientComplaints(problem, [2, 5], (n) => `Line ${n}`)).toEqual(['Line 5: has no @']);
  });
});
