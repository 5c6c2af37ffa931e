import { describe, expect, it } from 'vitest';
import { changesOf } from './settings';

const empty = {
  locale: 'en',
  time_zone: 'UTC',
  unique_email: false,
  quiet_from: '',
  quiet_to: '',
  brand_name: '',
  brand_color: '',
  brand_logo: '',
  cors: '',
  alert_email: '',
  alert_url: '',
  alert_secret: '',
};

describe('changesOf', () => {
  it('clears what is empty', () => {
    expect(changesOf(empty, { brand: { name: 'Bells' } })).toMatchObject({
      quiet_hours: null,
      brand: {},
      cors_origins: [],
      alerts: null,
    });
  });

  it('keeps what has no field, and a secret that is left empty', () => {
    const changes = changesOf(
      { ...empty, brand_name: 'Bells', alert_url: 'https://x.test', alert_email: 'a@x.test\n\nb@x.test ' },
      { brand: { slogan: 'Ding' }, alerts: { webhook: { url: 'https://x.test', secret: { set: true } } } },
    );
    expect(changes.brand).toEqual({ slogan: 'Ding', name: 'Bells' });
    expect(changes.alerts).toEqual({
      webhook: { url: 'https://x.test', secret: { set: true } },
      email: ['a@x.test', 'b@x.test'],
    });
  });
});
