import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { common } from '@/text/common';
import { texts, useText } from '@/text/language';
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

const removeTexts = texts(
  {
    remove: 'Remove…',
    label: (name: string) => `Remove ${name}…`,
    title: (name: string) => `Remove ${name}?`,
  },
  {
    remove: '삭제…',
    label: (name: string) => `${name} 삭제…`,
    title: (name: string) => `‘${name}’ 항목을 삭제하시겠습니까?`,
  },
);

interface ButtonProps extends Omit<Props, 'title' | 'onClose' | 'onRemoved'> {
  /** What the row is called. */
  name: string;
}

/** In a row of a list: asks, and removes what the row shows. */
export function RemoveButton({ name, ...asked }: ButtonProps) {
  const t = useText(removeTexts);
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button
        size="compact-xs"
        variant="subtle"
        color="red"
        aria-label={t.label(name)}
        onClick={() => setAsking(true)}
      >
        {t.remove}
      </Button>
      {isAsking && <RemoveDialog {...asked} title={t.title(name)} onClose={() => setAsking(false)} />}
    </>
  );
}
