import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Role } from '@/api/session';
import { type Answers, serve, session, showSignedIn } from '../../../tests/render';
import { LayoutsPage } from './layouts';

const MAIN = { key: 'main', version: 2, status: 'published', published: true, html: '<p>{{{content}}}</p>' };

const answers = (role: Role, more: Answers = {}): Answers => ({
  'GET /v1/session': [200, session(role)],
  'GET /v1/layouts': [200, { data: [{ key: 'main', version: 2, published: 2 }] }],
  'GET /v1/layouts/main': [200, MAIN],
  'GET /v1/layouts/main/versions': [
    200,
    {
      data: [
        { version: 2, published: true },
        { version: 1, published: false },
      ],
    },
  ],
  'GET /v1/layouts/main/versions/1': [
    200,
    { ...MAIN, version: 1, published: false, status: 'draft', html: '<i>old</i>{{{content}}}' },
  ],
  'GET /v1/templates': [200, { data: [] }],
  'POST /v1/layouts/preview': ({ body }) => {
    const { html } = (body as { layout: { html: string } }).layout;
    return html.includes('{{{content}}}')
      ? [200, { content: { email: { subject: 'x', html: html.replace('{{brand.name}}', 'Bells') } } }]
      : [422, { errors: [{ pointer: '/layout/html', detail: 'there is no {{{content}}}' }] }];
  },
  ...more,
});

const frame = () => screen.getByTitle<HTMLIFrameElement>('Content of the mail').srcdoc;

describe('layouts', () => {
  it('are seen around a mail while they are written, refused at their field, and nothing typed is lost', async () => {
    serve(
      answers('sender', {
        'PUT /v1/layouts/fresh': [
          422,
          { errors: [{ pointer: '/html', detail: 'put {{{content}}} somewhere' }] },
        ],
      }),
    );
    showSignedIn(<LayoutsPage rest={['new']} />);
    const html = await screen.findByLabelText<HTMLTextAreaElement>('HTML');
    await waitFor(() => expect(frame()).toContain('<b>Bells</b>'));
    fireEvent.change(html, { target: { value: '<u>{{brand.name}}</u>{{{content}}}' } });
    await waitFor(() => expect(frame()).toBe('<u>Bells</u>{{{content}}}'));
    // What cannot be shown is said, beside what could be shown last.
    fireEvent.change(html, { target: { value: '<u>{{brand.name}}</u>' } });
    await screen.findByText('there is no {{{content}}}');
    expect(frame()).toBe('<u>Bells</u>{{{content}}}');
    fireEvent.change(screen.getByLabelText(/^Key/), { target: { value: 'fresh' } });
    await userEvent.setup().click(screen.getByRole('button', { name: 'Save and publish' }));
    expect(await screen.findByText('put {{{content}}} somewhere')).toBeTruthy();
    expect(html.value).toBe('<u>{{brand.name}}</u>');
  });

  it('have versions to look at; a viewer changes none', async () => {
    serve(answers('viewer'));
    showSignedIn(<LayoutsPage rest={['main']} />);
    await userEvent.setup().click(await screen.findByRole('button', { name: '1' }));
    await waitFor(() => expect(frame()).toContain('<i>old</i>'));
    expect(screen.queryByRole('button', { name: 'Use this version' })).toBeNull();
    expect(screen.queryByRole('link', { name: 'Edit' })).toBeNull();
  });
});
