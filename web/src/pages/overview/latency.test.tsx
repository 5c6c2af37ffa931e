import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { formatLatency } from '@/text/format';
import { serve, session, showSignedIn } from '../../../tests/render';
import { LatencySection } from './latency';

describe('how fast it is', () => {
  it('stands by channel, for the time that is chosen', async () => {
    const asked = serve({
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/stats/latency': ({ query }) => [
        200,
        query.get('window') === '24h'
          ? { data: [], total: { n: 0, p50: null, p95: null, p99: null, rate: 0 } }
          : {
              data: [
                { channel: 'push', n: 1200, p50: 0.12, p95: 0.8, p99: 2.1, rate: 3.4 },
                { channel: 'sms', n: 3, p50: 2, p95: 75, p99: 75, rate: 0.001 },
              ],
              total: { n: 1203, p50: 0.12, p95: 0.8, p99: 2.1, rate: 3.4 },
            },
      ],
    });
    showSignedIn(<LatencySection />);
    const push = within(await screen.findByRole('row', { name: /^Push/ }));
    expect(push.getByText('120 ms')).toBeTruthy();
    expect(push.getByText('2.1 s')).toBeTruthy();
    expect(screen.getAllByText('1 min 15 s').length).toBe(2);
    expect(screen.getByRole('row', { name: /^All/ })).toBeTruthy();
    await userEvent.setup().click(screen.getByText('24 hours'));
    expect(await screen.findByText('Nothing was sent in this time.')).toBeTruthy();
    expect(asked.at(-1)?.query.get('window')).toBe('24h');
  });

  it('is nothing where nothing was sent', () => {
    expect(formatLatency(null)).toBe('–');
  });
});
