import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, serve, session, showSignedIn } from '../../../tests/render';
import { WebhooksPage } from './webhooks';

const SHOP = {
  key: 'shop',
  url: 'https://shop.example.test/hook',
  events: ['delivery.*'],
  state: 'switched_off',
  paused: 'it answered 410',
  max_in_flight: 32,
  backlog: { waiting: 3, failed: 1, oldest_at: null },
};

const answers = (role: Role, more: Answers = {}): Answers => ({
  'GET /v1/session': [200, session(role)],
  'GET /v1/webhooks': [200, { data: [SHOP] }],
  'GET /v1/webhooks/shop': [200, SHOP],
  'GET /v1/webhooks/shop/deliveries': [200, { data: [] }],
  'GET /v1/webhook-events': [200, { data: [{ type: 'delivery.sent', description: 'A provider took it.' }] }],
  ...more,
});

describe('the webhooks', () => {
  it('say why one was switched off, and let an administrator resume it', async () => {
    const asked = serve(
      answers('administrator', { 'POST /v1/webhooks/shop/resume': [200, { ...SHOP, paused: null }] }),
    );
    showSignedIn(<WebhooksPage rest={['shop']} />);
    expect(await screen.findByText('it answered 410')).toBeTruthy();
    await userEvent.setup().click(screen.getByRole('button', { name: 'Resume' }));
    expect(asked.some((one) => one.path === '/v1/webhooks/shop/resume')).toBe(true);
  });

  it('are looked at by a sender without any button that changes them', async () => {
    serve(answers('sender'));
    showSignedIn(<WebhooksPage rest={['shop']} />);
    expect(await screen.findByText('It was told nothing yet.')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Test' })).toBeNull();
    expect(screen.queryByRole('button', { name: /Tell it again/ })).toBeNull();
  });

  it('keep what was typed when it is refused, each complaint at its field, and show a new secret once', async () => {
    let isRefused = true;
    const asked = serve(
      answers('administrator', {
        'PUT /v1/webhooks/crm': () =>
          isRefused
            ? [
                422,
                {
                  errors: [
                    { pointer: '/url', detail: 'private addresses are refused' },
                    { pointer: '/events/0', detail: 'no such type' },
                  ],
                },
              ]
            : [201, { ...SHOP, key: 'crm', secret: 'whsec_abc' }],
      }),
    );
    showSignedIn(<WebhooksPage rest={['new']} />);
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(/^Key/), 'crm');
    await user.type(screen.getByLabelText(/^Address/), 'https://10.0.0.1/');
    await user.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText('private addresses are refused')).toBeTruthy();
    expect(screen.getByText(/no such type/)).toBeTruthy();
    expect(screen.getByLabelText<HTMLInputElement>(/^Address/).value).toBe('https://10.0.0.1/');
    isRefused = false;
    await user.click(screen.getByRole('button', { name: 'Save' }));
    const dialog = await screen.findByRole('dialog', { name: 'Keep this now' });
    expect(within(dialog).getByText('whsec_abc')).toBeTruthy();
    expect(asked.filter((one) => one.method === 'PUT')[0]?.body).toMatchObject({
      events: ['delivery.*'],
      max_in_flight: 32,
    });
  });
});
