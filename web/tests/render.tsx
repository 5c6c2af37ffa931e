// Components with all they stand on, and a server of answers given by the test.

import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { vi } from 'vitest';
import type { Role, Session } from '@/api/session';
import { makeQueryClient } from '@/app/queries';
import { SessionProvider } from '@/app/session';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: unknown;
}

type Answer = [status: number, body?: unknown, headers?: Record<string, string>];
export type Answers = Record<string, Answer | ((asked: Asked) => Answer)>;

/** What was asked last by this method, or of this path. */
export const lastOf = (log: Asked[], what: string): Asked | undefined =>
  log.filter(({ method, path }) => method === what || path === what).at(-1);

/** Answers "GET /v1/…" as told, anything else with 404; returns what was asked. */
export function serve(answers: Answers): Asked[] {
  const log: Asked[] = [];
  vi.stubGlobal('fetch', async (input: Request | string, init?: RequestInit) => {
    const request = input instanceof Request ? input : new Request(new URL(input, location.origin), init);
    const url = new URL(request.url);
    const text = await request.text();
    const asked: Asked = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text ? (JSON.parse(text) as unknown) : undefined,
    };
    log.push(asked);
    const answer = answers[`${asked.method} ${asked.path}`] ?? [
      404,
      { code: 'not_found', detail: 'no such call' },
    ];
    const [status, body, headers] = typeof answer === 'function' ? answer(asked) : answer;
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { 'Content-Type': 'application/json', ...headers },
    });
  });
  return log;
}

export function session(role: Role): Session {
  return {
    member: {
      key: 'kim',
      name: 'Kim',
      email: 'kim@example.test',
      grants: { default: role },
      has_totp: false,
    },
    projects: [{ key: 'default', name: '', role }],
    is_installation_admin: false,
    csrf: 'csrf-1',
    expires_at: '2099-01-01T00:00:00Z',
  };
}

export function show(what: ReactNode) {
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={makeQueryClient()}>{what}</QueryClientProvider>
    </MantineProvider>,
  );
}

/** The same for somebody who is signed in; `serve` must answer GET /v1/session. */
export function showSignedIn(what: ReactNode) {
  return show(
    <SessionProvider
      loading={null}
      signIn={() => 'signed out'}
      failed={(problem) => `failed: ${problem.code}`}
      noProject={() => 'no project'}
    >
      {what}
    </SessionProvider>,
  );
}
