import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { lastOf, serve, session, showSignedIn } from '../../../tests/render';
import { EditorPage } from './editor';

const STORED = {
  key: 'shipped',
  version: 3,
  default_locale: 'en',
  params: [{ name: 'item', type: 'string', required: true, sample: 'Kettle' }],
  content: { en: { title: '{{item}} left', body: 'Soon there.' }, ko: { title: '{{item}} 출발' } },
};

interface Asked {
  template: { content: { en: { title: string } } };
  locales: string[];
}

describe('a template that is being written', () => {
  it('is rendered by the server as it stands; what is half written is told beside what was seen last', async () => {
    const asked = serve({
      'GET /v1/session': [200, session('sender')],
      'GET /v1/categories': [200, { data: [] }],
      'GET /v1/layouts': [200, { data: [] }],
      'GET /v1/templates/shipped': [200, STORED],
      'POST /v1/templates/preview': ({ body }) => {
        const { title } = (body as Asked).template.content.en;
        if (title.endsWith('{{'))
          return [
            422,
            { errors: [{ pointer: '/template/content/en/title', detail: 'a tag is not closed' }] },
          ];
        return [
          200,
          {
            version: 0,
            locales: {
              en: { push: { title: title.replace('{{item}}', 'Kettle') } },
              ko: { push: { title: 'Kettle 출발' } },
            },
          },
        ];
      },
    });
    showSignedIn(<EditorPage template="shipped" />);
    expect((await screen.findAllByText('Kettle left')).length).toBeGreaterThan(0);
    expect((await screen.findAllByText('Kettle 출발')).length).toBeGreaterThan(0);
    const user = userEvent.setup();
    const [title] = screen.getAllByLabelText('Title');
    if (!title) throw new Error('there is a title');
    await user.type(title, ' us');
    expect((await screen.findAllByText('Kettle left us')).length).toBeGreaterThan(0);
    expect((lastOf(asked, 'POST')?.body as Asked).locales).toEqual(['*']);
    await user.type(title, ' {{{{');
    expect(await screen.findByText('a tag is not closed')).toBeTruthy();
    expect(screen.getAllByText('Kettle left us').length).toBeGreaterThan(0);
  });
});
