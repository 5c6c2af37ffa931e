// What the API says when it refuses (RFC 9457), and what is said of a server that does not answer.

export interface FieldError {
  pointer?: string;
  code?: string;
  detail?: string;
}

interface ProblemBody {
  code?: string;
  title?: string;
  detail?: string;
  errors?: FieldError[];
  request_id?: string;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: FieldError[];
  readonly requestId: string | undefined;
  /** Seconds after which it may be tried again; from Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(status: number, body: ProblemBody, retryAfter?: number) {
    super(body.detail ?? body.title ?? body.code ?? String(status));
    this.name = 'Problem';
    this.status = status;
    this.code = body.code ?? (status === 0 ? 'unreachable' : 'unexpected');
    this.errors = body.errors ?? [];
    this.requestId = body.request_id;
    this.retryAfter = retryAfter;
  }

  /** The server, or the way to it, does not answer; trying again later is right. */
  get isUnreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // fetch() rejects with a TypeError when there is no answer at all.
  if (error instanceof TypeError) return new Problem(0, { code: 'unreachable', detail: error.message });
  return new Problem(500, { detail: error instanceof Error ? error.message : String(error) });
}

export function problemOf(response: Response, body: unknown): Problem {
  const after = Number(response.headers.get('Retry-After'));
  const known = typeof body === 'object' && body !== null ? (body as ProblemBody) : {};
  return new Problem(response.status, known, Number.isFinite(after) && after > 0 ? after : undefined);
}

/**
 * What the problem says of a field: of the JSON pointer itself or of what lies under it. Undefined when nothing.
 * Several complaints stand in one text.
 */
export function complaint(error: unknown, ...pointers: string[]): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const said = error.errors
    .filter((e) => pointers.some((p) => e.pointer === p || e.pointer?.startsWith(p + '/')))
    .map((e) => (pointers.includes(e.pointer ?? '') ? e.detail : `${e.pointer ?? ''}: ${e.detail ?? ''}`));
  return said.length > 0 ? [...new Set(said)].join(' ') : undefined;
}
