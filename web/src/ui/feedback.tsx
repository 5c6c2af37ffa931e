// Short notices, and the question before something that cannot be taken back.

import { Button, Group, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type ReactNode, useId } from 'react';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Dialog } from './dialog';
import { ProblemNote } from './basics';

export function say(message: string): void {
  notifications.show({ message, color: 'green' });
}

interface ConfirmProps {
  title: string;
  children: ReactNode;
  /** What the button that does it says: a verb. */
  action: string;
  isDangerous?: boolean;
  /** Wider, where the fields want it. */
  size?: 'lg' | 'xl';
  isBusy?: boolean;
  isDisabled?: boolean;
  error?: unknown;
  /** Pointers of fields among the children that show their own complaint. */
  shown?: string[];
  onConfirm: () => void;
  onClose: () => void;
}

export function Confirm(props: ConfirmProps) {
  const t = useText(common);
  const form = useId();
  return (
    <Dialog onClose={props.onClose} title={props.title} size={props.size}>
      <form
        id={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          props.onConfirm();
        }}
      >
        <Stack gap="sm">
          {typeof props.children === 'string' ? <Text size="sm">{props.children}</Text> : props.children}
          {props.error !== null && props.error !== undefined && (
            <ProblemNote error={props.error} shown={props.shown} />
          )}
          <Group justify="flex-end" gap="xs" mt="xs">
            <Button variant="default" onClick={props.onClose}>
              {t.cancel}
            </Button>
            <Button
              type="submit"
              color={props.isDangerous ? 'red' : undefined}
              loading={props.isBusy}
              disabled={props.isDisabled}
            >
              {props.action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
