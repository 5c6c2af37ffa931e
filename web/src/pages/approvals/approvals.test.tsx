import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, serve, session, showSignedIn } from '../../../tests/render';
import { ApprovalsPage } from './approvals';

const answers = (submitter: string, role: Role = 'administrator', more = {}): Answers => ({
  'GET /v1/session': [200, session(role)],
  'GET /v1/approvals/apr_1': [
    200,
    {
      id: 'apr_1',
      notification_id: 'ntf_1',
      status: 'open',
      audience: 1200,
      submitted_by: submitter,
      ...more,
    },
  ],
  'GET /v1/notifications/ntf_1': [
    200,
    {
      id: 'ntf_1',
      status: 'awaiting_approval',
      template: null,
      request: { title: 'Spring sale', body: 'Half price.', channels: ['push'] },
    },
  ],
  'POST /v1/notifications/explain': [200, { data: [], audience: { total: 1200, shown: 0, complete: false } }],
});

describe('an approval', () => {
  it('of my own send has no buttons', async () => {
    serve(answers('member:kim'));
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    expect(await screen.findByText(/somebody else has to decide/)).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Approve' })).toBeNull();
  });

  it("of somebody else's shows what it says", async () => {
    serve(answers('member:sol'));
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    expect(await screen.findByRole('button', { name: 'Approve' })).toBeTruthy();
    expect((await screen.findAllByText('Spring sale')).length).toBeGreaterThan(0);
  });

  it("of somebody else's is not a sender's to decide", async () => {
    serve(answers('member:sol', 'sender'));
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    expect((await screen.findAllByText('Spring sale')).length).toBeGreaterThan(0);
    expect(screen.queryByRole('button', { name: 'Approve' })).toBeNull();
  });

  it('says how much it is beside the last hour, how long it takes, and who is among the recipients', async () => {
    serve(
      answers('member:sol', 'administrator', {
        category: 'promo',
        app: null,
        limit: 1000,
        hour: { recipients: 820, limit: 1000 },
        estimate: { seconds: 240, rate: 41.5, queued: 1200 },
        sample: [{ user_id: 'ann', group: 'vip', locale: 'ko' }, { email: 'b…@example.com' }],
      }),
    );
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    expect(await screen.findByText('820 of 1,000 without asking')).toBeTruthy();
    expect(screen.getByText(/about 4 min/)).toBeTruthy();
    expect(screen.getByText(/at 41.5 deliveries a second.*1,200 are due before it/)).toBeTruthy();
    expect(screen.getByText('2 of 1,200 recipients')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'ann' }).getAttribute('href')).toBe('#/users/ann');
    expect(screen.getByText('vip · ko')).toBeTruthy();
    expect(screen.getByText('b…@example.com')).toBeTruthy();
  });

  it('does not say that nothing is due before it', async () => {
    serve(answers('member:sol', 'administrator', { estimate: { seconds: 240, rate: 41.5, queued: 0 } }));
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    expect(
      await screen.findByText(/at 41.5 deliveries a second, the busiest pace of the last day$/),
    ).toBeTruthy();
  });

  it('is refused with the reason at its field', async () => {
    serve({
      ...answers('member:sol'),
      'POST /v1/approvals/apr_1/reject': [422, { errors: [{ pointer: '/reason', detail: 'is required' }] }],
    });
    showSignedIn(<ApprovalsPage rest={['apr_1']} />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'Reject' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(within(dialog).getByRole('button', { name: 'Reject' }));
    expect(await within(dialog).findByText('is required')).toBeTruthy();
  });
});
