import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Asked, serve, session, showSignedIn } from '../../../tests/render';
import { EngagementPage } from './engagement';

// What the library draws is looked at in a browser (tests/console/test_engagement.py).
vi.mock('@/ui/chart', () => ({
  RateLines: ({ label }: { label: string }) => <div role="img" aria-label={label} />,
}));

const TOTAL = {
  accepted: 12,
  sent: 10,
  delivered: 0,
  opened: 3,
  clicked: 1,
  converted: 0,
  unsubscribed: 0,
  receipts: 'no receipts',
  rates: { delivery: null, open: 0.3, click: 0.1, conversion: 0, unsubscribe: 0 },
};

const stats = (asked: Asked): [number, unknown] => {
  const by = asked.query.get('by');
  const from = asked.query.get('from') ?? '';
  const data = by ? [{ ...TOTAL, [by]: by === 'channel' ? 'sms' : 'shipped' }] : [];
  return [200, { from, until: new Date().toISOString(), data, total: TOTAL }];
};

beforeEach(() => {
  location.hash = '#/engagement';
});

describe('engagement', () => {
  it('says “no receipts” rather than 0 %, and groups as asked', async () => {
    const asked = serve({
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/stats': stats,
      'GET /v1/templates': [200, { data: [] }],
      'GET /v1/categories': [200, { data: [] }],
    });
    showSignedIn(<EngagementPage />);
    const table = await screen.findByRole('region', { name: 'Rates by Template' });
    expect(within(table).getByText('no receipts')).toBeTruthy();
    expect(within(table).getByText('30%')).toBeTruthy();
    expect(screen.getByText('nothing reports deliveries')).toBeTruthy();
    await userEvent.setup().click(screen.getByRole('radio', { name: 'Channel' }));
    expect(
      await within(await screen.findByRole('region', { name: 'Rates by Channel' })).findByText('SMS'),
    ).toBeTruthy();
    const spans = asked.filter((one) => one.path === '/v1/stats').map((one) => one.query.get('by'));
    expect(new Set(spans)).toEqual(new Set(['template', 'channel', 'integration', null]));
  });
});
