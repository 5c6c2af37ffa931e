import { Group, Stack, Text } from '@mantine/core';
import { CopyButton, Mono, Time } from './basics';
import { Dialog } from './dialog';

interface Props {
  title: string;
  help: string;
  url: string;
  /** Stands before the moment at which it ends. */
  until: string;
  expiresAt: string | undefined;
  onClose: () => void;
}

/** A link for somebody else: shown once, copied, and how long it works. */
export function LinkDialog({ title, help, url, until, expiresAt, onClose }: Props) {
  return (
    <Dialog size="lg" title={title} onClose={onClose}>
      <Stack gap="sm">
        <Text size="sm">{help}</Text>
        <Mono>{url}</Mono>
        <Group justify="space-between">
          <CopyButton value={url} />
          <Text size="sm" c="dimmed">
            {until}: <Time at={expiresAt} />
          </Text>
        </Group>
      </Stack>
    </Dialog>
  );
}
