import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { serve, session, show } from '../../../tests/render';
import { SignInForm } from './sign-in';

async function fill(email: string, password: string) {
  const user = userEvent.setup();
  await user.type(screen.getByLabelText(/E-mail/), email);
  await user.type(screen.getByLabelText(/^Password/), password);
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  return user;
}

describe('signing in', () => {
  it('hands the session on', async () => {
    const asked = serve({ 'POST /v1/session': [200, session('viewer')] });
    const signedIn = vi.fn();
    show(<SignInForm onSignedIn={signedIn} />);
    await fill('kim@example.test', 'long password');
    await waitFor(() => expect(signedIn).toHaveBeenCalled());
    expect(asked[0]?.body).toEqual({ email: 'kim@example.test', password: 'long password' });
  });

  it('keeps what was typed when it is wrong, and says so', async () => {
    serve({ 'POST /v1/session': [401, { code: 'wrong_credentials' }] });
    show(<SignInForm onSignedIn={() => undefined} />);
    await fill('kim@example.test', 'wrong');
    expect((await screen.findByRole('alert')).textContent).toContain('E-mail or password is wrong.');
    expect(screen.getByLabelText<HTMLInputElement>(/E-mail/).value).toBe('kim@example.test');
    expect(screen.getByLabelText<HTMLInputElement>(/^Password/).value).toBe('wrong');
  });

  it('asks for a code only where there is one, and again when it is wrong', async () => {
    const codes: unknown[] = [];
    serve({
      'POST /v1/session': ({ body }) => {
        const { code } = body as { code?: string };
        codes.push(code);
        if (!code) return [401, { code: 'totp_required' }];
        return code === '123456' ? [200, session('viewer')] : [401, { code: 'wrong_code' }];
      },
    });
    const signedIn = vi.fn();
    show(<SignInForm onSignedIn={signedIn} />);
    expect(screen.queryByLabelText(/authenticator/)).toBeNull();
    const user = await fill('kim@example.test', 'right');
    const code = await screen.findByLabelText(/authenticator/);
    await user.type(code, '999 999');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByText(/This code is wrong/)).toBeTruthy();
    await user.clear(code);
    await user.type(code, '123456');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(signedIn).toHaveBeenCalled());
    expect(codes).toEqual([undefined, '999999', '123456']);
  });

  it('says how long to wait after too many attempts', async () => {
    serve({ 'POST /v1/session': [429, { code: 'too_many_attempts' }, { 'Retry-After': '30' }] });
    show(<SignInForm onSignedIn={() => undefined} />);
    await fill('kim@example.test', 'x');
    expect((await screen.findByRole('alert')).textContent).toContain('Try again in 30 s.');
  });
});
