import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, lastOf, serve, session, showSignedIn } from '../../tests/render';
import { go, to } from './router';
import { Shell } from './shell';

const quiet: Answers = {
  'GET /v1/pauses': [200, { data: [] }],
  'GET /v1/groups': [200, { data: [], page: { next: null } }],
};

async function menuOf(role: Role): Promise<string[]> {
  serve({ ...quiet, 'GET /v1/session': [200, session(role)] });
  showSignedIn(<Shell />);
  const menu = await screen.findByRole('navigation', { name: 'Main menu' });
  return within(menu)
    .getAllByRole('link')
    .map((link) => link.textContent);
}

beforeEach(() => go(to(['groups']), { replace: true }));

describe('the menu', () => {
  it('shows a viewer nothing to send or administer with', async () => {
    const entries = await menuOf('viewer');
    expect(entries).toContain('History');
    for (const hidden of ['Send', 'Apps and keys', 'Members', 'Audit trail'])
      expect(entries).not.toContain(hidden);
  });

  it('shows a sender how to send, and no keys', async () => {
    const entries = await menuOf('sender');
    expect(entries).toContain('Send');
    for (const hidden of ['Apps and keys', 'Members', 'Audit trail']) expect(entries).not.toContain(hidden);
  });

  it('shows members to administrators of every project only', async () => {
    const entries = await menuOf('administrator');
    expect(entries).toContain('Apps and keys');
    expect(entries).not.toContain('Members');
  });
});

describe('a member who is bound to apps', () => {
  const bound = (): Answers => {
    const { projects, ...rest } = session('sender');
    return {
      ...quiet,
      'GET /v1/session': [
        200,
        { ...rest, projects: projects.map((project) => ({ ...project, apps: ['billing', 'shop'] })) },
      ],
    };
  };

  it('acts as one of them in every call, and chooses which', async () => {
    const asked = serve(bound());
    showSignedIn(<Shell />);
    const choice = await screen.findByRole('combobox', { name: 'App' });
    await waitFor(() => expect(asked.some(({ path }) => path === '/v1/groups')).toBe(true));
    expect(lastOf(asked, '/v1/groups')?.headers.get('Carillon-App')).toBe('billing');
    const user = userEvent.setup();
    await user.click(choice);
    await user.click(await screen.findByRole('option', { name: 'shop' }));
    await waitFor(() => expect(asked.at(-1)?.headers.get('Carillon-App')).toBe('shop'));
  });

  it('does not see what is of all apps', async () => {
    serve(bound());
    showSignedIn(<Shell />);
    const menu = within(await screen.findByRole('navigation', { name: 'Main menu' }));
    expect(menu.getByRole('link', { name: 'Schedules' })).toBeTruthy();
    for (const name of ['Rules', 'Webhooks', 'Alerts']) expect(menu.queryByRole('link', { name })).toBeNull();
  });
});

describe('the page', () => {
  it('of a higher role is not there', async () => {
    go(to(['apps']), { replace: true });
    serve({ ...quiet, 'GET /v1/session': [200, session('viewer')] });
    showSignedIn(<Shell />);
    expect(await screen.findByRole('heading', { name: 'There is no such page' })).toBeTruthy();
  });

  it('says on top that sending is stopped', async () => {
    serve({
      ...quiet,
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/pauses': [200, { data: [{ id: 'pau_1', scope: {}, reason: 'x' }] }],
    });
    showSignedIn(<Shell />);
    expect(await screen.findByText(/All sending is stopped/)).toBeTruthy();
  });

  it('stays when the session ends, and asks to sign in over it', async () => {
    const answers: Answers = { ...quiet, 'GET /v1/session': [200, session('sender')] };
    answers['POST /v1/session'] = () => {
      answers['PUT /v1/groups/vip'] = [200, { key: 'vip' }];
      answers['GET /v1/groups/vip'] = [200, { key: 'vip', name: 'VIP', members: 0 }];
      return [200, { ...session('sender'), csrf: 'csrf-2' }];
    };
    answers['PUT /v1/groups/vip'] = [401, { code: 'unauthenticated' }];
    const asked = serve(answers);
    showSignedIn(<Shell />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'New group' }));
    const key = await screen.findByLabelText(/^Key/);
    await user.type(key, 'vip');
    await user.click(screen.getByRole('button', { name: 'Save' }));
    const dialog = await screen.findByRole('dialog', { name: 'Sign in again' });
    await user.type(within(dialog).getByLabelText(/^Password/), 'right');
    await user.click(within(dialog).getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Sign in again' })).toBeNull());
    expect(screen.getByLabelText<HTMLInputElement>(/^Key/).value).toBe('vip');
    await user.click(screen.getByRole('button', { name: 'Save' }));
    await waitFor(() =>
      expect(asked.filter((a) => a.method === 'PUT').map((a) => a.headers.get('X-CSRF-Token'))).toEqual([
        'csrf-1',
        'csrf-2',
      ]),
    );
  });
});
