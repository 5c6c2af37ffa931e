import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { concerns, EventParser, follow, LIVE, pollEvery } from './live';

describe('EventParser', () => {
  const stream =
    'event: counters\ndata: {"a":1}\n\n: keep\n\nevent: alert\ndata: one\ndata: two\n\ndata: plain\n\n';
  const events = [
    { event: 'counters', data: '{"a":1}' },
    { event: 'alert', data: 'one\ntwo' },
    { event: 'message', data: 'plain' },
  ];

  it('reads events however the bytes are cut', () => {
    for (let size = 1; size <= stream.length; size++) {
      const parser = new EventParser();
      const seen = [];
      for (let at = 0; at < stream.length; at += size) seen.push(...parser.push(stream.slice(at, at + size)));
      expect(seen).toEqual(events);
    }
  });

  it('keeps what is not complete', () => {
    const parser = new EventParser();
    expect(parser.push('event: alert\ndata: x')).toEqual([]);
    expect(parser.push('\n\n')).toEqual([{ event: 'alert', data: 'x' }]);
  });
});

describe('an event', () => {
  const changed = (what: string) => ({ event: 'changed', data: JSON.stringify({ what }) });

  it('is about what it names, counters about what sending moves', () => {
    expect(concerns(changed('jobs'), 'job')).toBe(true);
    expect(concerns(changed('jobs'), 'notifications')).toBe(false);
    expect(concerns(changed('approvals'), 'notification')).toBe(true);
    expect(concerns({ event: 'counters', data: '{}' }, 'notifications')).toBe(true);
    expect(concerns({ event: 'counters', data: '{}' }, 'integrations')).toBe(false);
    expect(concerns({ event: 'alert', data: '{}' }, 'alerts')).toBe(true);
  });

  it('that is not known is about everything', () => {
    expect(concerns(changed('weather'), 'job')).toBe(true);
    expect(concerns({ event: 'changed', data: 'not json' }, 'job')).toBe(true);
    expect(concerns({ event: 'comet', data: '' }, 'alerts')).toBe(true);
  });
});

/** A server with a stream that the test writes into and breaks. */
function serveStream() {
  const writers: ReadableStreamDefaultController<Uint8Array>[] = [];
  let answers = true;
  vi.stubGlobal('fetch', (input: string, init?: RequestInit) => {
    if (!answers) return Promise.reject(new TypeError('refused'));
    if (input === '/healthz') return Promise.resolve(new Response('{}'));
    const stream = new ReadableStream<Uint8Array>({
      start(writer) {
        writers.push(writer);
        init?.signal?.addEventListener('abort', () =>
          writer.error(new DOMException('aborted', 'AbortError')),
        );
      },
    });
    return Promise.resolve(new Response(stream, { headers: { 'Content-Type': 'text/event-stream' } }));
  });
  const newest = () => writers.at(-1);
  return {
    count: () => writers.length,
    say: (text: string) => newest()?.enqueue(new TextEncoder().encode(text)),
    cut: () => newest()?.error(new TypeError('reset')),
    go: () => {
      answers = false;
    },
    come: () => {
      answers = true;
    },
  };
}

describe('following the stream', () => {
  let end: () => void = () => undefined;
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => end());

  function shown(client: QueryClient, topic: string, leastAgeMs?: number) {
    const load = vi.fn(() => Promise.resolve(1));
    const observer = new QueryObserver(client, {
      queryKey: [LIVE, topic],
      queryFn: load,
      staleTime: 0,
      refetchInterval: pollEvery(2_000),
      ...(leastAgeMs ? { meta: { leastAgeMs } } : {}),
    });
    observer.subscribe(() => undefined);
    return load;
  }

  it('asks for nothing while it is silent, and for what it tells once', async () => {
    const server = serveStream();
    const client = new QueryClient();
    end = follow(client);
    await vi.advanceTimersByTimeAsync(10);
    const notifications = shown(client, 'notifications');
    const alerts = shown(client, 'alerts');
    const sums = shown(client, 'stats', 15_000);
    for (let n = 0; n < 3; n++) {
      await vi.advanceTimersByTimeAsync(10_000);
      server.say(': ping\n\n');
    }
    expect([notifications, alerts, sums].map((load) => load.mock.calls.length)).toEqual([1, 1, 1]);
    for (let n = 0; n < 5; n++) {
      server.say('event: counters\ndata: {}\n\n');
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(2_000);
    expect([notifications, alerts, sums].map((load) => load.mock.calls.length)).toEqual([2, 1, 2]);
    // Sums are not made anew with every word, yet the last word is not forgotten.
    server.say('event: counters\ndata: {}\n\n');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sums).toHaveBeenCalledTimes(2);
    server.say(': ping\n\n');
    await vi.advanceTimersByTimeAsync(12_000);
    expect(sums).toHaveBeenCalledTimes(3);
  });

  it('polls while it is lost, and loads again what was missed', async () => {
    const server = serveStream();
    const client = new QueryClient();
    end = follow(client);
    await vi.advanceTimersByTimeAsync(10);
    const load = shown(client, 'notifications');
    await vi.advanceTimersByTimeAsync(4_000);
    expect(load).toHaveBeenCalledTimes(1);
    server.go();
    server.cut();
    await vi.advanceTimersByTimeAsync(100);
    expect(load).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(load.mock.calls.length).toBeGreaterThanOrEqual(4);
    server.come();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(server.count()).toBe(2);
    const before = load.mock.calls.length;
    for (let n = 0; n < 3; n++) {
      server.say(': ping\n\n');
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(load.mock.calls.length - before).toBeLessThanOrEqual(1);
  });

  it('takes a stream that says nothing for a dead one', async () => {
    const server = serveStream();
    end = follow(new QueryClient());
    await vi.advanceTimersByTimeAsync(10);
    expect(server.count()).toBe(1);
    await vi.advanceTimersByTimeAsync(45_000);
    expect(server.count()).toBe(2);
  });

  it('lets go of the stream while nobody looks', async () => {
    const server = serveStream();
    const client = new QueryClient();
    end = follow(client);
    await vi.advanceTimersByTimeAsync(10);
    const state = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.count()).toBe(1);
    state.mockReturnValue('visible');
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(10);
    expect(server.count()).toBe(2);
    state.mockRestore();
  });
});
