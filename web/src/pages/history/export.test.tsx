import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { go, to } from '@/app/router';
import { serve, session, showSignedIn } from '../../../tests/render';
import { HistoryPage } from './history';

const JOB = { id: 'job_1', kind: 'export_deliveries', total: 0, failed: 0, errors: [] };
const MADE = { ...JOB, state: 'completed', done: 3, total: 3, result_url: '/v1/jobs/job_1/result' };

describe('an export', () => {
  beforeEach(() => {
    go(to(['history'], { view: 'deliveries', channel: 'email', status: 'sent' }), { replace: true });
    URL.createObjectURL = vi.fn(() => 'blob:made');
    URL.revokeObjectURL = vi.fn();
  });

  it('asks for what the filters in force say, tells how far it is, and hands the file over', async () => {
    let job: object = { ...JOB, state: 'running', done: 2 };
    const log = serve({
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/categories': [200, { data: [] }],
      'GET /v1/deliveries': [200, { data: [], page: { next: null } }],
      'GET /v1/jobs': [200, { data: [{ ...MADE, id: 'job_0', finished_at: '2026-11-26T12:00:00Z' }] }],
      'POST /v1/deliveries/export': [202, { ...JOB, state: 'queued', done: 0 }],
      'GET /v1/jobs/job_1': () => [200, job],
      'GET /v1/jobs/job_1/result': [
        200,
        'csv',
        { 'Content-Disposition': 'attachment; filename="deliveries.csv"' },
      ],
    });
    showSignedIn(<HistoryPage rest={[]} />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'Export as CSV…' }));
    await screen.findByText('Files made before', { selector: 'summary' });
    await user.click(screen.getByRole('button', { name: 'Make the file' }));
    await screen.findByText('2 so far');
    job = MADE;
    await screen.findByText('3 rows');
    expect(log.find((one) => one.path === '/v1/deliveries/export')?.body).toEqual({
      filter: { channel: 'email', status: 'sent' },
    });
    let name = '';
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      name = this.download;
    });
    const [download] = await screen.findAllByRole('button', { name: 'Download' });
    if (download) await user.click(download);
    await waitFor(() => expect(name).toBe('deliveries.csv'));
  });

  it('that is refused says why', async () => {
    serve({
      'GET /v1/session': [200, session('viewer')],
      'GET /v1/deliveries': [200, { data: [] }],
      'GET /v1/jobs': [200, { data: [] }],
      'POST /v1/deliveries/export': [503, { code: 'overloaded', detail: 'too many files are being made' }],
    });
    showSignedIn(<HistoryPage rest={[]} />);
    const user = userEvent.setup();
    await user.click(await screen.findByRole('button', { name: 'Export as CSV…' }));
    await user.click(screen.getByRole('button', { name: 'Make the file' }));
    expect(await screen.findByText('too many files are being made')).toBeTruthy();
  });
});
