import { describe, expect, it } from 'vitest';
import { EventParser } from './live';

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
