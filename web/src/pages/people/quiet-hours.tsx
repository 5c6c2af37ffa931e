import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { peopleTexts } from './texts';

interface Hours {
  from: string;
  to: string;
}

interface Props {
  user: string;
  /** Null: the project's hold. */
  stored: Hours | null;
}

/** When somebody does not want to be disturbed, in their own time zone. */
export function QuietHours({ user, stored }: Props) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const client = useQueryClient();
  const [hours, setHours] = useState<Hours>(stored ?? { from: '', to: '' });
  const change = useMutation({
    mutationFn: (quiet_hours: Hours | null) =>
      body(
        api.PATCH('/v1/users/{user_id}/preferences', {
          params: { path: { user_id: user } },
          body: { quiet_hours } as Body<'Preferences'>,
        }),
      ),
    onSuccess: (_, written) => {
      say(c.saved);
      setHours(written ?? { from: '', to: '' });
      void client.invalidateQueries({ queryKey: ['user', user] });
    },
  });
  if (!can('sender')) {
    return (
      <Text size="sm">
        {t.quietHours}: {stored ? `${stored.from}–${stored.to}` : t.quietOfProject}
      </Text>
    );
  }
  const field = (name: keyof Hours, label: string) => (
    <TextInput
      size="xs"
      type="time"
      w={130}
      label={label}
      value={hours[name]}
      onChange={(e) => setHours({ ...hours, [name]: e.currentTarget.value })}
      error={complaint(change.error, `/quiet_hours/${name}`)}
    />
  );
  const isSame = hours.from === (stored?.from ?? '') && hours.to === (stored?.to ?? '');
  return (
    <div role="group" aria-label={t.quietHours}>
      <Group align="flex-end" gap="xs">
        {field('from', t.quietFrom)}
        {field('to', t.quietTo)}
        <Button
          size="xs"
          variant="default"
          disabled={isSame || !hours.from || !hours.to}
          loading={change.isPending && change.variables !== null}
          onClick={() => change.mutate(hours)}
        >
          {t.quietSet}
        </Button>
        {stored && (
          <Button
            size="xs"
            variant="subtle"
            loading={change.isPending && change.variables === null}
            onClick={() => change.mutate(null)}
          >
            {t.quietForget}
          </Button>
        )}
      </Group>
      <Text size="xs" c="dimmed" mt={4}>
        {stored ? t.quietHelp : `${t.quietOfProject} ${t.quietHelp}`}
      </Text>
      {change.error && <ProblemNote error={change.error} shown={['/quiet_hours/from', '/quiet_hours/to']} />}
    </div>
  );
}
