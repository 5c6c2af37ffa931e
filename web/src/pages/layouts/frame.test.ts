import { describe, expect, it } from 'vitest';
import { filled, framedHtml, framedText, mailOf, type Values } from './frame';

const values: Values = {
  mail: { subject: 'A & B', preheader: '', html: '<h1>Hi</h1>', text: 'Hi' },
  brand: { name: 'Bells <&> Co' },
  locale: 'ko',
};

describe('a mail in a layout', () => {
  it('stands where the content belongs; everything else is escaped', () => {
    expect(framedHtml('<p>{{brand.name}}</p><main>{{{content}}}</main><i>{{subject}}</i>', values)).toBe(
      '<p>Bells &lt;&amp;&gt; Co</p><main><h1>Hi</h1></main><i>A &amp; B</i>',
    );
    expect(framedText('{{content}}\n-- \n{{brand.name}}', values)).toBe('Hi\n-- \nBells <&> Co');
    expect(framedText('', values)).toBe('Hi');
  });

  it('has sections for what there is, and for what there is not, inside each other too', () => {
    const html =
      '{{#preheader}}<b>{{preheader}}</b>{{/preheader}}{{^preheader}}none{{#locale}}!{{/locale}}{{/preheader}}';
    expect(framedHtml(html, values)).toBe('none!');
    expect(framedHtml(html, { ...values, mail: { ...values.mail, preheader: 'Look' } })).toBe('<b>Look</b>');
  });

  it('shows a tag that nobody knows as it is written, and fills in nothing twice', () => {
    expect(
      filled('{{brnd.name}} {{a}} {{! aside }}', (name) => (name === 'a' ? '{{b}}' : undefined), true),
    ).toBe('{{brnd.name}} {{b}} ');
  });

  it('is that of a template with its samples, or the names of what has none', () => {
    const mail = mailOf({
      default_locale: 'en',
      params: [
        { name: 'item', type: 'string', sample: 'Tea & co' },
        { name: 'day', type: 'date' },
      ],
      content: { en: { title: '{{item}}', body: '{{day}}', email: { html: '<b>{{item}}</b>' } } },
    } as unknown as Parameters<typeof mailOf>[0]);
    expect(mail).toEqual({ subject: 'Tea & co', preheader: '', html: '<b>Tea &amp; co</b>', text: '‹day›' });
  });
});
