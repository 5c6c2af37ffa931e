import { describe, expect, it } from 'vitest';
import type { SendRequest } from '@/pages/send/draft';
import { forget, handed, handOver } from './handed';

describe('a send that becomes a schedule', () => {
  it('is handed over without its moment and its event id, until it is forgotten', () => {
    handOver({
      event_id: 'once',
      send_at: '2026-12-01T09:00:00Z',
      to: [{ group: 'regulars' }],
      template: 'order_shipped',
    } as SendRequest);
    expect(handed()).toEqual({ to: [{ group: 'regulars' }], template: 'order_shipped' });
    forget();
    expect(handed()).toBeUndefined();
  });
});
