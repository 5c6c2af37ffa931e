import { fireEvent, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { type Answers, serve, session, showSignedIn } from '../../../tests/render';
import { QuietHours } from './quiet-hours';

const answers = (more: Answers = {}): Answers => ({
  'GET /v1/session': [200, session('sender')],
  'PATCH /v1/users/mina/preferences': [200, {}],
  ...more,
});

describe('quiet hours of a user', () => {
  it('are set, and given up for those of the project', async () => {
    const asked = serve(answers());
    showSignedIn(<QuietHours user="mina" stored={{ from: '22:00', to: '08:00' }} />);
    const user = userEvent.setup();
    fireEvent.change(await screen.findByLabelText('Quiet from'), { target: { value: '23:30' } });
    await user.click(screen.getByRole('button', { name: 'Set quiet hours' }));
    expect(asked.at(-1)?.body).toEqual({ quiet_hours: { from: '23:30', to: '08:00' } });
    await user.click(screen.getByRole('button', { name: 'None of their own' }));
    expect(asked.at(-1)?.body).toEqual({ quiet_hours: null });
  });

  it('are refused at their field, and what was typed stays', async () => {
    serve(
      answers({
        'PATCH /v1/users/mina/preferences': [
          422,
          { errors: [{ pointer: '/quiet_hours/to', detail: 'the same as from' }] },
        ],
      }),
    );
    showSignedIn(<QuietHours user="mina" stored={null} />);
    const user = userEvent.setup();
    const until = await screen.findByLabelText('until');
    expect(screen.getByRole('button', { name: 'Set quiet hours' }).hasAttribute('disabled')).toBe(true);
    fireEvent.change(screen.getByLabelText('Quiet from'), { target: { value: '22:00' } });
    fireEvent.change(until, { target: { value: '22:00' } });
    await user.click(screen.getByRole('button', { name: 'Set quiet hours' }));
    expect(await screen.findByText('the same as from')).toBeTruthy();
    expect((until as HTMLInputElement).value).toBe('22:00');
  });

  it('are only read by a viewer', async () => {
    serve(answers({ 'GET /v1/session': [200, session('viewer')] }));
    showSignedIn(<QuietHours user="mina" stored={{ from: '22:00', to: '08:00' }} />);
    expect(await screen.findByText('Quiet hours: 22:00–08:00')).toBeTruthy();
    expect(screen.queryByRole('button')).toBeNull();
  });
});
