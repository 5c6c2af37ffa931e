// Calls of the API. Types come from its OpenAPI document; the console has no way in that others have not.

import createClient, { type Middleware } from 'openapi-fetch';
import { connection } from './connection';
import { asProblem, problemOf } from './problem';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
/** A schema of the API, as it is sent. */
export type Body<Name extends keyof Schemas> = Schemas[Name];
/** The same as it is answered: the server leaves no member out. */
export type Seen<Name extends keyof Schemas> = Required<Schemas[Name]>;

interface Credentials {
  csrf: string | undefined;
  project: string | undefined;
  /** The one app as which a member who is bound to some acts. */
  app: string | undefined;
  onSignedOut: () => void;
}

/** Set by the session; read by every call. */
export const credentials: Credentials = {
  csrf: undefined,
  project: undefined,
  app: undefined,
  onSignedOut: () => undefined,
};

const SAFE = new Set(['GET', 'HEAD']);

export function decorate(method: string, headers: Headers): Headers {
  // A call may name another project than the one that is worked in.
  if (credentials.project && !headers.has('Carillon-Project')) {
    headers.set('Carillon-Project', credentials.project);
    if (credentials.app) headers.set('Carillon-App', credentials.app);
  }
  if (credentials.csrf && !SAFE.has(method)) headers.set('X-CSRF-Token', credentials.csrf);
  return headers;
}

/** fetch() that tells the connection's state and never throws anything but a Problem. */
async function watchedFetch(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.status === 502 || response.status === 504) connection.lose();
    else connection.hold();
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    connection.lose();
    throw asProblem(error);
  }
}

const middleware: Middleware = {
  onRequest({ request }) {
    decorate(request.method, request.headers);
    return request;
  },
  onResponse({ response }) {
    if (response.status === 401) credentials.onSignedOut();
  },
};

export const api = createClient<paths>({
  baseUrl: globalThis.location.origin,
  credentials: 'same-origin',
  fetch: watchedFetch,
  // A user id or a group key may hold anything; openapi-fetch encodes it in paths.
});
api.use(middleware);

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer; throws the Problem when the call was refused. */
export async function body<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(response, error);
  return data as T;
}

/** A file of the server, with the name it gives. Fetched rather than linked to: a link chooses no project. */
export async function download(path: string): Promise<{ name: string | undefined; content: Blob }> {
  const request = new Request(new URL(path, globalThis.location.origin), {
    headers: decorate('GET', new Headers()),
    credentials: 'same-origin',
  });
  const response = await watchedFetch(request);
  if (!response.ok) {
    const problem: unknown = await response.json().catch(() => undefined);
    if (response.status === 401) credentials.onSignedOut();
    throw problemOf(response, problem);
  }
  const [, name] = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '') ?? [];
  return { name, content: await response.blob() };
}

/** For the few calls whose form the generated types do not carry: sessions, and bodies that are not JSON. */
export async function call<T>(
  method: string,
  path: string,
  json?: unknown,
  raw?: BodyInit,
  type?: string,
): Promise<T> {
  const headers = decorate(method, new Headers());
  if (json !== undefined) headers.set('Content-Type', 'application/json');
  if (type) headers.set('Content-Type', type);
  const request = new Request(new URL(path, globalThis.location.origin), {
    method,
    headers,
    body: json !== undefined ? JSON.stringify(json) : raw,
    credentials: 'same-origin',
  });
  const response = await watchedFetch(request);
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = text ? JSON.parse(text) : undefined;
  } catch {
    parsed = undefined;
  }
  if (!response.ok) {
    const problem = problemOf(response, parsed);
    if (problem.status === 401 && !path.startsWith('/v1/session')) credentials.onSignedOut();
    throw problem;
  }
  return parsed as T;
}
