import { describe, expect, it } from 'vitest';
import { type Setting, settingsOf } from './integration-form';

const setting = (name: string, type: Setting['type']): Setting => ({
  name,
  type,
  unit: '',
  default: '',
  required: false,
  secret: type === 'secret',
  help: '',
});

describe('settingsOf', () => {
  it('writes numbers as numbers, and keeps a secret that is left empty', () => {
    expect(
      settingsOf(
        { rate: '2.5', port: 'many', tls: 'true', key: '', from: ' +1 ', other: 'x' },
        [
          setting('rate', 'number'),
          setting('port', 'integer'),
          setting('tls', 'boolean'),
          setting('key', 'secret'),
          setting('from', 'text'),
        ],
        (name) => name === 'key',
      ),
    ).toEqual({ rate: 2.5, port: 'many', tls: true, key: { set: true }, from: '+1' });
  });
});
