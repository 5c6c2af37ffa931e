import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from './feedback';

interface Props {
  title: string;
  help: string;
  remove: () => Promise<unknown>;
  /** The first part of the keys of queries that show it. */
  shownBy: string;
  onClose: () => void;
  /** Where to go when the page itself is of what was removed. */
  onRemoved?: () => void;
}

export function RemoveDialog({ title, help, remove, shownBy, onClose, onRemoved }: Props) {
  const c = useText(common);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: remove,
    onSuccess: () => {
      say(c.removed);
      // First away: what is removed must not be asked for again.
      onClose();
      onRemoved?.();
      void client.invalidateQueries({ queryKey: [shownBy] });
    },
  });
  return (
    <Confirm
      title={title}
      action={c.remove}
      isDangerous
      isBusy={act.isPending}
      error={act.error}
      onConfirm={() => act.mutate()}
      onClose={onClose}
    >
      {help}
    </Confirm>
  );
}

interface ButtonProps extends Omit<Props, 'onClose' | 'onRemoved'> {
  /** What it says; the same in every row. */
  text: string;
  /** What it says to those who do not see the row. */
  label: string;
}

/** In a row of a list: asks, and removes what the row shows. */
export function RemoveButton({ text, label, ...asked }: ButtonProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button
        size="compact-xs"
        variant="subtle"
        color="red"
        aria-label={label}
        onClick={() => setAsking(true)}
      >
        {text}
      </Button>
      {isAsking && <RemoveDialog {...asked} onClose={() => setAsking(false)} />}
    </>
  );
}
