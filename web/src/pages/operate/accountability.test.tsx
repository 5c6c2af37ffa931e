import { screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { serve, session, showSignedIn } from '../../../tests/render';
import { AccountabilityPage } from './accountability';

const sum = { accepted: 4, states: { pending: 1, sent: 3 }, sum: 4, exact: true };

describe('accountability', () => {
  it('names the oldest of each state, and leads to it', async () => {
    serve({
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/queues': [200, { data: [] }],
      'GET /v1/accountability': [
        200,
        {
          ...sum,
          live: sum,
          sandbox: { accepted: 0, states: {}, sum: 0, exact: true },
          channels: [{ channel: 'sms', ...sum }],
          oldest: { pending: { age: 3725, delivery_id: 'dlv_9' }, held: null, dead: null },
        },
      ],
    });
    showSignedIn(<AccountabilityPage />);
    const table = within(await screen.findByRole('region', { name: 'The oldest of each state' }));
    expect(table.getByRole('row', { name: /waiting 1 h 2 min/ })).toBeTruthy();
    expect(table.getAllByRole('row').length).toBe(2);
    expect(table.getByRole('link', { name: 'dlv_9' }).getAttribute('href')).toBe('#/history/-/dlv_9');
  });
});
