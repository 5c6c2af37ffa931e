// News from the server as they happen: server-sent events where it has them, asking again every few seconds where not.
// Read by fetch() rather than EventSource, which can send no header and so could not choose the project.

import type { QueryClient } from '@tanstack/react-query';
import { decorate } from './client';

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

/** All queries under this key are loaded again when something has happened. */
export const LIVE = 'live';
const POLL_MS = 5_000;
const RETRY_MS = 5_000;
// News may come many times a second; what is shown is loaded again at most this often.
const REFRESH_MS = 1_000;

// What no counter moves with, such as a decision on an approval, is asked for this often beside the news.
const BESIDE_NEWS_MS = 5_000;

let streaming = false;

/** How long to wait before asking again: longer while the server tells most by itself. */
export const pollEvery =
  (ms: number = POLL_MS) =>
  (): number =>
    streaming ? Math.max(ms, BESIDE_NEWS_MS) : ms;

/** Follows the server's news until the returned function is called. */
export function follow(client: QueryClient, onAlert: () => void): () => void {
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due: ReturnType<typeof setTimeout> | undefined;
  const refresh = () => {
    due ??= setTimeout(() => {
      due = undefined;
      void client.invalidateQueries({ queryKey: [LIVE] });
    }, REFRESH_MS);
  };

  const read = async () => {
    const response = await fetch('/v1/stream', {
      headers: decorate('GET', new Headers({ Accept: 'text/event-stream' })),
      signal: end.signal,
      cache: 'no-store',
    });
    const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream');
    if (!response.ok || !isStream || !response.body) {
      // A server without it is asked every few seconds instead; one that is busy is tried again.
      if (response.status !== 404 && response.status !== 401) timer = setTimeout(start, RETRY_MS);
      return;
    }
    streaming = true;
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const { event } of parser.push(value)) {
        refresh();
        if (event === 'alert') onAlert();
      }
    }
    timer = setTimeout(start, RETRY_MS);
  };
  const start = () => {
    read()
      .catch(() => {
        if (!end.signal.aborted) timer = setTimeout(start, RETRY_MS);
      })
      .finally(() => {
        streaming = false;
      });
  };
  start();
  return () => {
    end.abort();
    clearTimeout(timer);
    clearTimeout(due);
  };
}
