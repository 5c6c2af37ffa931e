import { SimpleGrid, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { go, to } from '@/app/router';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { peopleTexts } from './texts';

const FIELDS = ['name', 'email', 'phone_number', 'country_code', 'locale', 'time_zone'] as const;

/** A new user, or changes to one: only what was changed is written, an emptied field is cleared. */
export function ProfileDialog({ user, onClose }: { user?: Body<'User'>; onClose: () => void }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [id, setId] = useState(user ? String(user.user_id) : '');
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(FIELDS.map((name) => [name, user?.[name] ?? ''])),
  );
  const [attributes, setAttributes] = useState(() => JSON.stringify(user?.attributes ?? {}, null, 2));
  let parsed: unknown;
  try {
    parsed = JSON.parse(attributes.trim() || '{}');
  } catch {
    parsed = undefined;
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  const save = useMutation({
    mutationFn: () => {
      const changed: Record<string, unknown> = {};
      for (const name of FIELDS) {
        const value = values[name]?.trim() ?? '';
        if (value !== (user?.[name] ?? '')) changed[name] = value === '' ? null : value;
      }
      if (JSON.stringify(parsed) !== JSON.stringify(user?.attributes ?? {})) changed.attributes = parsed;
      const path = { params: { path: { user_id: id.trim() } }, body: changed as Body<'User'> };
      return user ? body(api.PATCH('/v1/users/{user_id}', path)) : body(api.PUT('/v1/users/{user_id}', path));
    },
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['users'] });
      void client.invalidateQueries({ queryKey: ['user', id.trim()] });
      onClose();
      if (!user) go(to(['users', id.trim()]));
    },
  });
  const labels: Record<(typeof FIELDS)[number], string> = {
    name: c.name,
    email: t.email,
    phone_number: t.phone,
    country_code: t.country,
    locale: t.locale,
    time_zone: t.zone,
  };
  const placeholders: Partial<Record<string, string>> = {
    phone_number: '+821012345678',
    country_code: 'KR',
    locale: 'ko-KR',
    time_zone: 'Asia/Seoul',
  };
  return (
    <Confirm
      title={user ? t.editTitle : t.fresh}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={!isObject || id.trim() === ''}
      error={save.error}
      shown={['/user_id', '/attributes', ...FIELDS.map((name) => `/${name}`)]}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      {!user && (
        <TextInput
          label={t.userId}
          required
          data-autofocus
          value={id}
          onChange={(e) => setId(e.currentTarget.value)}
          error={complaint(save.error, '/user_id')}
        />
      )}
      <SimpleGrid cols={2} spacing="xs">
        {FIELDS.map((name) => (
          <TextInput
            key={name}
            label={labels[name]}
            placeholder={placeholders[name]}
            value={values[name] ?? ''}
            onChange={(e) => setValues({ ...values, [name]: e.currentTarget.value })}
            error={complaint(save.error, `/${name}`)}
          />
        ))}
      </SimpleGrid>
      <Textarea
        label={t.attributes}
        autosize
        minRows={2}
        maxRows={10}
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        value={attributes}
        onChange={(e) => setAttributes(e.currentTarget.value)}
        error={isObject ? complaint(save.error, '/attributes') : t.notJson}
      />
    </Confirm>
  );
}
