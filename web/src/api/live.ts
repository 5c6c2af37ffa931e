// News from the server as they happen: by its stream of server-sent events, and by asking every few seconds while there
// is none. Read by fetch() rather than EventSource, which can send no header and so could not choose the project.

import type { Query, QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { decorate } from './client';
import { connection } from './connection';

export interface StreamEvent {
  event: string;
  data: string;
}

/** Takes a stream apart as it comes in: events end with an empty line, chunks end anywhere. */
export class EventParser {
  private rest = '';

  push(chunk: string): StreamEvent[] {
    // A CR may end this chunk and its LF begin the next.
    const text = (this.rest + chunk).replace(/\r\n/g, '\n');
    const blocks = text.split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
      return data.length > 0 ? [{ event, data: data.join('\n') }] : [];
    });
  }
}

/** Queries under this key, whose second part is what they show, are loaded again when something of it happened. */
export const LIVE = 'live';

// What moves with no counter, and a word of the stream that went missing, is found out by asking this rarely.
const BESIDE_NEWS_MS = 60_000;
const POLL_MS = 5_000;
// News may come many times a second; what is shown is loaded again at most this often.
const REFRESH_MS = 1_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 30_000;
// The server says something every 15 s at the least: a stream that is silent for longer is dead.
const SILENCE_MS = 40_000;

// starting: not heard of yet. live: the stream speaks. polling: there is none, everything is asked for. hidden: nobody
// looks at this page, nothing is asked for.
export type Liveness = 'starting' | 'live' | 'polling' | 'hidden';

let liveness: Liveness = 'starting';
const watchers = new Set<() => void>();

function become(next: Liveness): void {
  if (next === liveness) return;
  liveness = next;
  for (const watcher of watchers) watcher();
}

export const useLiveness = (): Liveness =>
  useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => liveness,
  );

/**
 * For refetchInterval: how often to ask while the server does not tell by itself, and while it does. The second is for
 * what the stream says little or nothing of.
 */
export const pollEvery =
  (ms: number = POLL_MS, besideMs: number = BESIDE_NEWS_MS) =>
  (): number =>
    liveness === 'live' ? Math.max(ms, besideMs) : ms;

/** A list's first page follows what happens; older pages stay as they are while they are read. */
export const followFirst = (cursor: { depth: number }, ms?: number) =>
  cursor.depth === 0 ? pollEvery(ms) : false;

// By the name of an event, and of what changed: which queries it is about. Counters move with whatever is accepted, sent
// or given up, so they are about all that has no event of its own.
const OWN_NEWS: Record<string, string[]> = {
  alert: ['alerts'],
  'changed approvals': ['approvals', 'approval', 'notification', 'notifications'],
  'changed jobs': ['job'],
  'changed integrations': ['integrations'],
};
const TOLD_APART = new Set(['alerts', 'job', 'integrations']);

export function concerns(event: StreamEvent, topic: unknown): boolean {
  if (event.event === 'counters') return !TOLD_APART.has(String(topic));
  let what = event.event;
  if (what === 'changed') {
    try {
      what = `changed ${(JSON.parse(event.data) as { what?: string }).what ?? ''}`;
    } catch {
      return true;
    }
  }
  const topics = OWN_NEWS[what];
  // Of news that this console does not know, everything is loaded again.
  return topics === undefined || topics.includes(String(topic));
}

/** How long what a query shows may be left as it is although there are news of it: sums are dear, rows are not. */
const leastAge = (query: Query): number => Number(query.meta?.leastAgeMs ?? REFRESH_MS);

/** Gathers news and loads again what they are about: not too often, and only what is on the page. */
class Refresher {
  private readonly due = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  tell(event: StreamEvent): void {
    for (const query of this.queries()) {
      if (concerns(event, query.queryKey[1])) this.due.add(query.queryHash);
    }
    this.plan(REFRESH_MS);
  }

  end(): void {
    clearTimeout(this.timer);
  }

  private queries(): Query[] {
    return this.client.getQueryCache().findAll({ queryKey: [LIVE] });
  }

  private plan(ms: number): void {
    if (this.due.size > 0) this.timer ??= setTimeout(this.load, ms);
  }

  private readonly load = () => {
    this.timer = undefined;
    let next = Infinity;
    for (const query of this.queries()) {
      if (!this.due.has(query.queryHash)) continue;
      const left = query.state.dataUpdatedAt + leastAge(query) - Date.now();
      const isAsking = query.state.fetchStatus === 'fetching';
      if (query.isActive() && (isAsking || left > 0)) {
        // An answer on its way may be from before the news; cut short again and again, a slow one would never come.
        next = Math.min(next, Math.max(left, isAsking ? REFRESH_MS : 0));
        continue;
      }
      this.due.delete(query.queryHash);
      void this.client.invalidateQueries({ queryKey: query.queryKey, exact: true });
    }
    if (next < Infinity) this.plan(next);
    else this.due.clear();
  };
}

/** What became of a stream: `never` is a server or a session without one. */
interface Ended {
  why: 'ended' | 'never';
  /** When to try again, where the server says so. */
  afterMs?: number;
}

/** Reads the stream to its end. Throws what fetch() throws, also when it is silent for too long. */
async function readStream(signal: AbortSignal, onEvent: (event: StreamEvent) => void): Promise<Ended> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  const stop = () => silence.abort();
  signal.addEventListener('abort', stop);
  heard();
  try {
    const response = await fetch('/v1/stream', {
      headers: decorate('GET', new Headers({ Accept: 'text/event-stream' })),
      signal: silence.signal,
      cache: 'no-store',
    });
    const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream');
    if (!response.ok || !isStream || !response.body) {
      const after = Number(response.headers.get('Retry-After'));
      return {
        why: response.status === 404 || response.status === 401 ? 'never' : 'ended',
        ...(after > 0 ? { afterMs: after * 1000 } : {}),
      };
    }
    become('live');
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { why: 'ended' };
      heard();
      for (const event of parser.push(value)) onEvent(event);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Follows the server's news until the returned function is called. A page that nobody looks at lets go of its stream:
 * a browser has few connections for a server, and each stream takes one for good.
 */
export function follow(client: QueryClient): () => void {
  const refresher = new Refresher(client);
  let reading: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = RETRY_FIRST_MS;

  const onEvent = (event: StreamEvent) => {
    wait = RETRY_FIRST_MS;
    refresher.tell(event);
  };
  const read = async () => {
    const mine = new AbortController();
    reading = mine;
    let ended: Ended;
    try {
      ended = await readStream(mine.signal, onEvent);
    } catch {
      ended = { why: 'ended' };
    }
    if (mine.signal.aborted) return;
    const wasLive = liveness === 'live';
    become('polling');
    if (ended.why === 'never') return;
    // What happened between the streams is not told again; and a server that is gone says so soonest here.
    if (wasLive) {
      void client.invalidateQueries({ queryKey: [LIVE] });
      void connection.probe();
    }
    timer = setTimeout(start, ended.afterMs ?? wait);
    wait = Math.min(wait * 2, RETRY_LONGEST_MS);
  };
  const start = () => {
    clearTimeout(timer);
    reading?.abort();
    void read();
  };
  const onVisibility = () => {
    if (document.visibilityState === 'hidden') {
      clearTimeout(timer);
      reading?.abort();
      become('hidden');
    } else {
      wait = RETRY_FIRST_MS;
      become('starting');
      void client.invalidateQueries({ queryKey: [LIVE] });
      start();
    }
  };
  // When the server is back, so is the stream: not at the end of a wait that began while it was away.
  const stopWatching = connection.subscribe(() => {
    if (!connection.isLost() && liveness === 'polling') start();
  });
  document.addEventListener('visibilitychange', onVisibility);
  become('starting');
  start();
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    stopWatching();
    clearTimeout(timer);
    reading?.abort();
    refresher.end();
  };
}
