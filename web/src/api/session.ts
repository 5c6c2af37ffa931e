// Sessions of people: signing in, invitations, one's own account. Administering others is in the members' page.

import { call } from './client';

export type Role = 'viewer' | 'sender' | 'administrator';

export interface SessionProject {
  key: string;
  name: string;
  role: Role;
  /** The apps that the member is bound to here; null: all of them, without being bound to any. */
  apps?: string[] | null;
}

export interface Session {
  member: {
    key: string;
    name: string;
    email: string | null;
    grants: Record<string, Role>;
    apps?: Record<string, string[]>;
    has_totp: boolean;
  };
  projects: SessionProject[];
  is_installation_admin: boolean;
  csrf: string;
  expires_at: string;
}

export interface OtherSession {
  id: string;
  current?: boolean;
  created_at: string;
  last_seen_at?: string | null;
  expires_at?: string | null;
  origin?: string | null;
  user_agent?: string | null;
}

export interface Invitation {
  name?: string | null;
  email?: string | null;
  member?: { key?: string; name?: string | null; email?: string | null };
  expires_at?: string;
}

export const sessions = {
  current: () => call<Session>('GET', '/v1/session'),
  signIn: (email: string, password: string, code?: string) =>
    call<Session>('POST', '/v1/session', { email, password, ...(code ? { code } : {}) }),
  signOut: () => call<undefined>('DELETE', '/v1/session'),
  list: () => call<{ data: OtherSession[] }>('GET', '/v1/sessions'),
  end: (id: string) => call<undefined>('DELETE', `/v1/sessions/${encodeURIComponent(id)}`),
  changePassword: (current: string, next: string) =>
    call<unknown>('POST', '/v1/session/password', { current, new: next }),
  beginTotp: () => call<{ secret: string; otpauth_url: string }>('POST', '/v1/session/totp'),
  confirmTotp: (code: string) => call<{ recovery_codes: string[] }>('PUT', '/v1/session/totp', { code }),
  endTotp: (password: string) => call<undefined>('DELETE', '/v1/session/totp', { password }),
  look: (token: string) => call<Invitation>('POST', '/v1/invitations/look', { token }),
  accept: (token: string, password: string, name?: string, code?: string) =>
    call<unknown>('POST', '/v1/invitations/accept', {
      token,
      password,
      ...(name ? { name } : {}),
      ...(code ? { code } : {}),
    }),
  invite: (member: string) =>
    call<{ url: string; expires_at: string }>('POST', `/v1/members/${encodeURIComponent(member)}/invite`),
};
