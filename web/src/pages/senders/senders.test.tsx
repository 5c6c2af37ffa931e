import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, serve, session, showSignedIn } from '../../../tests/render';
import { SendersPage } from './senders';

const answers = (role: Role, more: Answers = {}): Answers => ({
  'GET /v1/session': [200, session(role)],
  'GET /v1/senders': [
    200,
    {
      data: [
        { key: 'shop', domain: 'example.com', integrations: [] },
        { key: 'bells', alphanumeric: 'Bells', integrations: ['twilio-kr'] },
      ],
    },
  ],
  'GET /v1/integrations': [200, { data: [{ key: 'twilio-kr' }] }],
  ...more,
});

describe('senders', () => {
  it('say who may carry them; a viewer changes none', async () => {
    serve(answers('viewer'));
    showSignedIn(<SendersPage rest={[]} />);
    expect(await screen.findByText('twilio-kr')).toBeTruthy();
    expect(screen.getByText('every integration')).toBeTruthy();
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('are refused at their field, and sent as exactly one of the four', async () => {
    const asked = serve(
      answers('administrator', {
        'PUT /v1/senders/news': [422, { errors: [{ pointer: '/email', detail: 'no such address' }] }],
      }),
    );
    showSignedIn(<SendersPage rest={['new']} />);
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(/^Key/), 'news');
    await user.type(screen.getByLabelText(/^From/), 'news@');
    await user.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText('no such address')).toBeTruthy();
    expect(screen.getByLabelText<HTMLInputElement>(/^From/).value).toBe('news@');
    expect(asked.find((one) => one.method === 'PUT')?.body).toEqual({ email: 'news@', integrations: [] });
  });

  it('are not written over by a new one', async () => {
    serve(answers('administrator'));
    showSignedIn(<SendersPage rest={['new']} />);
    await userEvent.setup().type(await screen.findByLabelText(/^Key/), 'shop');
    expect(await screen.findByText('There is one with this key already.')).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Save' }).disabled).toBe(true);
  });
});
