import { Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE } from '@/api/live';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { JsonField, parseObject } from '@/ui/json-field';
import { historyTexts } from './texts';

type Members = Record<string, unknown>;

/** What PATCH is told: members that are other than before, null for those that are gone. What is hidden stays. */
export function patchOf(before: Members, after: Members): Members {
  const patch: Members = {};
  for (const [name, value] of Object.entries(after)) {
    if (JSON.stringify(value) !== JSON.stringify(before[name])) patch[name] = value;
  }
  for (const name of Object.keys(before)) {
    if (!(name in after)) patch[name] = null;
  }
  return patch;
}

interface Props {
  notification: Body<'Notification'>;
  onClose: () => void;
}

/** Changes what has not begun: a draft, what waits for an approval (which that makes void), or for its time. */
export function EditDialog({ notification, onClose }: Props) {
  const t = useText(historyTexts);
  const c = useText(common);
  const client = useQueryClient();
  const before = (notification.request ?? {}) as Members;
  const [text, setText] = useState(() => JSON.stringify(before, null, 2));
  const after = parseObject(text);
  const patch = after && patchOf(before, after);
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PATCH('/v1/notifications/{id}', {
          params: { path: { id: notification.id ?? '' } },
          body: patch as Body<'SendPatch'>,
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: [LIVE] });
      onClose();
    },
  });
  return (
    <Confirm
      title={t.editTitle}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={!patch || Object.keys(patch).length === 0}
      error={save.error}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{notification.status === 'awaiting_approval' ? t.editVoids : t.editHelp}</Text>
      <JsonField
        label={t.request}
        data-autofocus
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
      />
    </Confirm>
  );
}
