import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, lastOf, serve, session, showSignedIn } from '../../../tests/render';
import { DeadLettersPage } from './dead-letters';
import { changesOf } from './replay';

const letter = (n: number, more = {}) => ({
  id: `dl_${n}`,
  kind: 'delivery',
  delivery_id: `dlv_${n}`,
  notification_id: 'ntf_1',
  channel: 'sms',
  user_id: 'jun',
  reason: 'retries_exhausted',
  status: 'dead',
  attempts: 5,
  closed: false,
  at: '2026-11-26T12:00:00Z',
  ...more,
});

const answers = (role: Role, more: Answers = {}): Answers => ({
  'GET /v1/session': [200, session(role)],
  'GET /v1/integrations': [200, { data: [{ key: 'twilio' }] }],
  'GET /v1/dead-letters': [200, { data: [letter(1), letter(2)] }],
  'GET /v1/dead-letters/dl_1': [200, letter(1)],
  'GET /v1/jobs/job_1': [
    200,
    {
      id: 'job_1',
      kind: 'discard',
      state: 'completed',
      done: 1,
      total: 2,
      failed: 1,
      errors: [{ id: 'dl_2', code: 'closed', detail: 'it was replayed before' }],
    },
  ],
  ...more,
});

describe('dead letters', () => {
  it('are discarded with a reason, which is asked for at its field', async () => {
    const asked = serve(
      answers('sender', {
        'POST /v1/dead-letters/discard': ({ body }) =>
          (body as { reason: string }).reason === ''
            ? [422, { errors: [{ pointer: '/reason', detail: 'say why' }] }]
            : [202, { id: 'job_1', state: 'completed' }],
      }),
    );
    showSignedIn(<DeadLettersPage />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('checkbox', { name: 'Choose all of this page' }));
    expect(screen.getByText('2 chosen')).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Discard…' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(within(dialog).getByRole('button', { name: 'Discard' }));
    expect(await within(dialog).findByText('say why')).toBeTruthy();
    await user.type(within(dialog).getByLabelText(/^Reason/), 'customer has left');
    await user.click(within(dialog).getByRole('button', { name: 'Discard' }));
    // How far it is, and what could not be done.
    expect(await screen.findByText('1 of 2 done, 1 refused')).toBeTruthy();
    expect(screen.getByText(/dl_2: +it was replayed before/)).toBeTruthy();
    expect(lastOf(asked, 'POST')?.body).toEqual({
      ids: ['dl_1', 'dl_2'],
      reason: 'customer has left',
    });
    expect(screen.queryByText('2 chosen')).toBeNull();
  });

  it('are discarded all that fit', async () => {
    const asked = serve(
      answers('sender', { 'POST /v1/dead-letters/discard': [202, { id: 'job_1', state: 'queued' }] }),
    );
    showSignedIn(<DeadLettersPage />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'Discard all…' }));
    const dialog = await screen.findByRole('dialog');
    await user.type(within(dialog).getByLabelText('Reason (code)'), 'retries_exhausted');
    await user.type(within(dialog).getByLabelText(/^Reason \*|^Reason$/), 'outage of 3 March');
    await user.click(within(dialog).getByRole('button', { name: 'Discard' }));
    await waitFor(() =>
      expect(lastOf(asked, 'POST')?.body).toEqual({
        filter: { reason: 'retries_exhausted' },
        reason: 'outage of 3 March',
      }),
    );
  });

  it('say what became of them; a viewer looks and changes nothing', async () => {
    const asked = serve(
      answers('viewer', {
        'GET /v1/dead-letters': ({ query }) => [
          200,
          {
            data:
              query.get('closed') === 'true'
                ? [
                    letter(3, {
                      closed: true,
                      ended: 'discarded',
                      discarded: { reason: 'left us', by: 'member:ann', at: '2026-11-26T13:00:00Z' },
                    }),
                  ]
                : [letter(1)],
          },
        ],
      }),
    );
    showSignedIn(<DeadLettersPage />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'Look at dl_1' }));
    expect(await within(await screen.findByRole('dialog')).findByText('All retries failed')).toBeTruthy();
    await user.keyboard('{Escape}');
    expect(screen.queryByRole('checkbox')).toBeNull();
    expect(screen.queryByRole('button', { name: /Discard|Send/ })).toBeNull();
    await user.click(screen.getByText('Done with'));
    expect(await screen.findByText('left us · member:ann')).toBeTruthy();
    expect(
      asked.some(({ path, query }) => path === '/v1/dead-letters' && query.get('closed') === 'false'),
    ).toBe(true);
  });
});

describe('changes before a letter is sent again', () => {
  const none = { address: '', integration: null, params: '', event: '', record: '' };
  it('are those that were given', () => {
    expect(changesOf(none)).toEqual({});
    expect(changesOf({ ...none, address: ' a@b.test ', params: '{"item": 1}' })).toEqual({
      address: 'a@b.test',
      params: { item: 1 },
    });
  });
  it('are none while one is no JSON', () => {
    expect(changesOf({ ...none, record: '{' })).toBeUndefined();
  });
});
