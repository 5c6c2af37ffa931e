import { Button, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { texts, useText } from '@/text/language';
import { CopyButton, Mono } from './basics';
import { Dialog } from './dialog';

export type Secrets = Record<string, string>;

const secretTexts = texts(
  { title: 'Keep this now', done: 'I have kept it' },
  { title: '지금 보관하세요', done: '보관했습니다' },
);

/** Those members of an answer that hold a secret in readable form. */
export const secretsOf = (answer: object, names: string[]): Secrets =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = (answer as Record<string, unknown>)[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );

interface Props {
  secrets: Secrets;
  /** What they are for, and that they are not seen again. */
  children: ReactNode;
  onClose: () => void;
}

/** Shown once: closing asks for nothing, but only the button closes it. */
export function SecretsDialog({ secrets, children, onClose }: Props) {
  const t = useText(secretTexts);
  return (
    <Dialog size="lg" title={t.title} onClose={onClose} withCloseButton={false} closeOnClickOutside={false}>
      <Stack gap="sm">
        <Text size="sm">{children}</Text>
        <dl style={{ margin: 0 }}>
          {Object.entries(secrets).map(([name, value]) => (
            <div key={name}>
              <dt>
                <Text size="xs" c="dimmed">
                  {name}
                </Text>
              </dt>
              <dd style={{ margin: 0 }}>
                <Group gap="xs" justify="space-between" wrap="nowrap">
                  <Mono>{value}</Mono>
                  <CopyButton value={value} />
                </Group>
              </dd>
            </div>
          ))}
        </dl>
        <Group justify="flex-end">
          <Button onClick={onClose}>{t.done}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
