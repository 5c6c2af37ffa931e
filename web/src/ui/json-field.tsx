import { Textarea, type TextareaProps } from '@mantine/core';
import { texts, useText } from '@/text/language';

const jsonTexts = texts({ notObject: 'This is not a JSON object.' }, { notObject: 'JSON 객체가 아닙니다.' });

/** The object a text is; undefined when it is none. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.trim() || '{}');
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** For what is too free for fields: said at once when it is no JSON, and by the server what is wrong in it. */
export function JsonField({ error, value, ...rest }: TextareaProps & { value: string }) {
  const t = useText(jsonTexts);
  return (
    <Textarea
      autosize
      minRows={4}
      maxRows={24}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.82rem' } }}
      {...rest}
      value={value}
      error={parseObject(value) === undefined ? t.notObject : error}
    />
  );
}
