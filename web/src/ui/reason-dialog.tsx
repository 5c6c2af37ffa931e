import { Text, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { complaint } from '@/api/problem';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from './feedback';

interface Props {
  title: string;
  help: string;
  action: string;
  /** Said when it is done. */
  done: string;
  act: (reason: string) => Promise<unknown>;
  /** The first part of the keys of queries that show it. */
  shownBy: string;
  onClose: () => void;
}

/** A question that is answered with a reason, which others will read. */
export function ReasonDialog({ title, help, action, done, act, shownBy, onClose }: Props) {
  const c = useText(common);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const doing = useMutation({
    mutationFn: () => act(reason),
    onSuccess: () => {
      say(done);
      void client.invalidateQueries({ queryKey: [shownBy] });
      onClose();
    },
  });
  return (
    <Confirm
      title={title}
      action={action}
      isBusy={doing.isPending}
      error={doing.error}
      shown={['/reason']}
      onConfirm={() => doing.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{help}</Text>
      <Textarea
        label={c.reason}
        autosize
        minRows={2}
        data-autofocus
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
        error={complaint(doing.error, '/reason')}
      />
    </Confirm>
  );
}
