import { beforeEach, describe, expect, it, vi } from 'vitest';
import { serve } from '../../tests/render';
import { api, body, call, credentials } from './client';
import { connection } from './connection';
import { Problem } from './problem';

beforeEach(() => {
  credentials.csrf = 'secret';
  credentials.project = 'staging';
  credentials.onSignedOut = () => undefined;
  connection.onBack = () => undefined;
  connection.hold();
});

describe('a call', () => {
  it('names the project always and carries the CSRF token where it changes something', async () => {
    const asked = serve({
      'GET /v1/categories': [200, { data: [] }],
      'POST /v1/pauses': [201, {}],
    });
    await body(api.GET('/v1/categories'));
    await body(api.POST('/v1/pauses', { body: { scope: {}, reason: '' } }));
    expect(asked.map((a) => a.headers.get('Carillon-Project'))).toEqual(['staging', 'staging']);
    expect(asked.map((a) => a.headers.get('X-CSRF-Token'))).toEqual([null, 'secret']);
  });

  it('throws the problem with its fields and its wait', async () => {
    serve({
      'GET /v1/categories': [
        429,
        { code: 'slow', detail: 'later', errors: [{ pointer: '/x' }] },
        { 'Retry-After': '7' },
      ],
    });
    const problem = await body(api.GET('/v1/categories')).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ status: 429, code: 'slow', retryAfter: 7, errors: [{ pointer: '/x' }] });
  });

  it('says that the session ended, except while signing in', async () => {
    const ended = vi.fn();
    credentials.onSignedOut = ended;
    serve({ 'GET /v1/categories': [401, {}], 'POST /v1/session': [401, { code: 'wrong_credentials' }] });
    await call('POST', '/v1/session', {}).catch(() => undefined);
    expect(ended).not.toHaveBeenCalled();
    await body(api.GET('/v1/categories')).catch(() => undefined);
    expect(ended).toHaveBeenCalledOnce();
  });

  it('without an answer is told as such, and the connection is lost until it is back', async () => {
    vi.useFakeTimers();
    const back = vi.fn();
    connection.onBack = back;
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    const problem = await body(api.GET('/v1/categories')).catch((error: unknown) => error);
    expect(problem).toMatchObject({ code: 'unreachable' });
    expect(connection.isLost()).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection.isLost()).toBe(true);
    serve({ 'GET /healthz': [200, {}] });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(connection.isLost()).toBe(false);
    expect(back).toHaveBeenCalledOnce();
  });
});
