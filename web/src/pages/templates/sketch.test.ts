import { describe, expect, it } from 'vitest';
import { emptyForm } from './model';
import { filled, sketchOf } from './sketch';

const VALUES: Record<string, string> = { name: 'Tea & co', on: 'yes' };
const value = (name: string) => VALUES[name];

describe('a sketch', () => {
  it('fills in what it knows, escapes in HTML, and leaves an unknown tag as it is written', () => {
    expect(filled('<b>{{name}}</b> {{{name}}} {{nme}} {{! aside }}', value, true)).toBe(
      '<b>Tea &amp; co</b> Tea & co {{nme}} ',
    );
    expect(filled('{{name}}', value, false)).toBe('Tea & co');
  });

  it('has sections for what there is and for what there is not, inside each other too', () => {
    const text = '{{#on}}A{{^off}}B{{/off}}{{/on}}{{^on}}C{{/on}}';
    expect(filled(text, value, false)).toBe('AB');
  });

  it('shows each channel with the samples, in brackets too where they are declared', () => {
    const form = emptyForm('en');
    form.syntax = 'brackets';
    form.channels = ['push', 'sms'];
    form.params = [{ name: 'item', type: 'string', required: true, sample: 'Kettle' }];
    const english = form.locales.en;
    if (!english) throw new Error('a new form has a language');
    english.fields.title = '[item] is back';
    english.fields.body = '[Bells] {{item}}';
    english.fields.sms = 'SMS: [item]';
    const sketch = sketchOf(form, 'en');
    expect(sketch?.push).toMatchObject({ title: 'Kettle is back', body: '[Bells] Kettle' });
    expect(sketch?.sms).toMatchObject({ body: 'SMS: Kettle' });
  });

  it('is none while a part is no JSON', () => {
    const form = emptyForm('en');
    if (form.locales.en) form.locales.en.rest = '{';
    expect(sketchOf(form, 'en')).toBeUndefined();
  });
});
