import { describe, expect, it } from 'vitest';
import { bodyOf, emptyForm, emptyLocale, formOf, localeContent, type Template } from './model';

const stored: Template = {
  key: 'welcome',
  category: 'general',
  channels: ['push', 'email'],
  default_locale: 'en',
  syntax: 'mustache',
  params: [
    { name: 'name', type: 'string', required: true, sample: 'Kim' },
    { name: 'items', type: 'list', sample: ['a', 'b'] },
  ],
  content: {
    en: {
      title: 'Hello {{name}}',
      body: 'Welcome.',
      push: { title: 'Hi', data: { screen: 'home' } },
      email: { subject: 'Hello', html: '<p>Hi</p>' },
      chat: { text: 'Hi' },
    },
    ko: { title: '안녕하세요' },
  },
};

describe('a template in the form', () => {
  it('comes back as it was, also what has no field', () => {
    const body = bodyOf(formOf(stored));
    expect(body.content).toEqual(stored.content);
    expect(JSON.parse(JSON.stringify(body.params))).toEqual(stored.params);
    expect(body).toMatchObject({ category: 'general', channels: ['push', 'email'], default_locale: 'en' });
    expect('key' in body).toBe(false);
  });

  it('shows as JSON only what has no field', () => {
    const form = formOf(stored);
    expect(JSON.parse(form.locales.en?.rest ?? '')).toEqual({
      push: { data: { screen: 'home' } },
      chat: { text: 'Hi' },
    });
    expect(form.locales.ko?.rest).toBe('');
  });

  it('refuses a rest that is no JSON object', () => {
    expect(() => localeContent({ ...emptyLocale(), rest: '[1]' })).toThrow(SyntaxError);
    expect(() => localeContent({ ...emptyLocale(), rest: '{' })).toThrow(SyntaxError);
  });

  it('says nothing that is empty', () => {
    expect(bodyOf(emptyForm('ko'))).toEqual({
      default_locale: 'ko',
      syntax: 'mustache',
      params: [],
      content: { ko: {} },
    });
  });
});
