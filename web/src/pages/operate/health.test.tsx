import { screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import type { Body } from '@/api/client';
import type { IntegrationHealth, IntegrationMore } from '@/api/shapes';
import { serve, session, showSignedIn } from '../../../tests/render';
import { Health } from './health';

const WELL: IntegrationHealth = {
  breaker: 'closed',
  since: null,
  retry_at: null,
  calls: 340,
  errors: 0,
  error_rate: 0,
  window: 300,
  throttled_until: null,
  problem: null,
};

function showHealth(more: IntegrationMore & { state?: string; paused?: string }) {
  serve({ 'GET /v1/session': [200, session('viewer')] });
  showSignedIn(
    <Health
      integration={
        {
          key: 'twilio',
          provider: 'twilio_sms',
          enabled: true,
          state: 'ready',
          ...more,
        } as Body<'Integration'>
      }
    />,
  );
}

describe('the health of an integration', () => {
  it('tells how many calls failed', async () => {
    showHealth({ health: { ...WELL, errors: 17 } });
    expect(await screen.findByText('well')).toBeTruthy();
    expect(screen.getByText('5% of 340 calls failed')).toBeTruthy();
  });

  it('says that a provider is not asked for now, and when it is tried again', async () => {
    showHealth({
      health: { ...WELL, breaker: 'open', retry_at: new Date(Date.now() + 60_000).toISOString() },
    });
    expect(await screen.findByText('not asked for now')).toBeTruthy();
    expect(screen.getByText(/tried again/).textContent).toMatch(/in (1 min|59|60)/);
  });

  it('says why it cannot be used', async () => {
    showHealth({ health: { ...WELL, calls: 0, problem: 'the private key is no PEM' } });
    expect(await screen.findByText('cannot be used')).toBeTruthy();
    expect(screen.getByText('the private key is no PEM')).toBeTruthy();
  });

  it('says who paused it, and why', async () => {
    showHealth({ state: 'paused', paused: 'bad key', paused_by: 'member:ann', paused_at: WELL.since });
    expect(await screen.findByText('bad key')).toBeTruthy();
    expect(screen.getByText(/by member:ann/)).toBeTruthy();
  });
});
