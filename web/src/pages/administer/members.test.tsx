import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { type Answers, type Asked, lastOf, serve, session, showSignedIn } from '../../../tests/render';
import { boundOf, MembersPage } from './members';

const ann = {
  key: 'ann',
  name: 'Ann',
  email: 'ann@example.test',
  grants: { default: 'sender' },
  apps: { default: ['shop'] },
};

const answers = (more: Answers = {}): Answers => ({
  'GET /v1/session': [200, { ...session('administrator'), is_installation_admin: true }],
  'GET /v1/members': [200, { data: [ann] }],
  'GET /v1/projects': [200, { data: [{ key: 'default' }, { key: 'staging', name: 'Staging' }] }],
  'GET /v1/apps': ({ headers }: Asked) => [
    200,
    {
      data: [{ name: headers.get('Carillon-Project') === 'staging' ? 'trial' : 'shop' }, { name: 'billing' }],
    },
  ],
  ...more,
});

describe('members', () => {
  it('are bound to apps of a project, whichever is worked in', async () => {
    const asked = serve(answers({ 'PUT /v1/members/ann': [200, ann] }));
    showSignedIn(<MembersPage />);
    expect(await screen.findByText(/default: Sender \(shop\)/)).toBeTruthy();
    const user = userEvent.setup();
    await user.click(screen.getByRole('button', { name: 'Edit Ann' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(await within(dialog).findByRole('combobox', { name: 'Role: Staging' }));
    await user.click(await screen.findByRole('option', { name: 'Viewer' }));
    await user.click(await within(dialog).findByLabelText('Only these apps: Staging', { selector: 'input' }));
    await user.click(await screen.findByRole('option', { name: 'trial' }));
    await user.click(within(dialog).getByRole('button', { name: 'Save' }));
    expect(lastOf(asked, 'PUT')?.body).toMatchObject({
      grants: { default: 'sender', staging: 'viewer' },
      apps: { default: ['shop'], staging: ['trial'] },
    });
  });

  it('who administer, or have a role everywhere, are bound to none', () => {
    const apps = { default: ['shop'], staging: [] };
    expect(boundOf(apps, { default: 'administrator', staging: 'viewer' })).toEqual({});
    expect(boundOf({ '*': ['shop'] }, { '*': 'viewer' })).toEqual({});
    expect(boundOf(apps, { default: 'viewer' })).toEqual({ apps: { default: ['shop'] } });
  });

  it('get a link for a new password, once', async () => {
    const asked = serve(
      answers({
        'POST /v1/members/ann/reset-password': [
          201,
          { url: 'https://x.test/#/join?token=t', expires_at: '2026-12-01T00:00:00Z' },
        ],
      }),
    );
    showSignedIn(<MembersPage />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'New password for Ann…' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(within(dialog).getByLabelText(/authenticator app/));
    await user.click(within(dialog).getByRole('button', { name: 'Take away' }));
    expect(await screen.findByText('https://x.test/#/join?token=t')).toBeTruthy();
    expect(lastOf(asked, 'POST')?.body).toEqual({ totp: true });
  });
});
