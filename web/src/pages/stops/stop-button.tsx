import { Button, Radio, Select, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import { useCategories, useTemplates } from '@/api/lists';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { IconStop } from '@/ui/icons';
import { stopTexts } from './texts';

export function StopButton() {
  const t = useText(stopTexts);
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button color="red" variant="outline" leftSection={<IconStop />} onClick={() => setOpen(true)}>
        {t.button}
      </Button>
      {isOpen && <StopDialog onClose={() => setOpen(false)} />}
    </>
  );
}

interface Scope {
  channel?: string;
  category?: string;
  app?: string;
  template?: string;
  priority?: string;
}

function StopDialog({ onClose }: { onClose: () => void }) {
  const t = useText(stopTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [isAll, setAll] = useState(false);
  // Whoever is bound to apps stops no others.
  const { app } = useAccess();
  const [scope, setScope] = useState<Scope>({ app });
  const [reason, setReason] = useState('');
  const categories = useCategories();
  const templates = useTemplates();
  const apps = useQuery({ queryKey: ['apps'], queryFn: () => body(api.GET('/v1/apps')), retry: false });
  const stop = useMutation({
    mutationFn: () => body(api.POST('/v1/pauses', { body: { scope: isAll ? {} : scope, reason } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: [LIVE] });
      say(t.stopped);
      onClose();
    },
  });
  const choice = (name: keyof Scope, label: string, data: { value: string; label: string }[]) => (
    <Select
      label={label}
      placeholder={t.anyScope}
      clearable
      searchable={data.length > 10}
      data={data}
      value={scope[name] ?? null}
      onChange={(value) => setScope({ ...scope, [name]: value ?? undefined })}
      error={complaint(stop.error, `/scope/${name}`)}
    />
  );
  const named = (words: Record<string, string>) =>
    Object.entries(words).map(([value, label]) => ({ value, label }));
  const keys = (list: string[]) => list.map((key) => ({ value: key, label: key }));
  const isChosen = isAll || Object.values(scope).some(Boolean);
  return (
    <Confirm
      title={t.dialog}
      action={t.stop}
      isDangerous
      isBusy={stop.isPending}
      isDisabled={!isChosen}
      error={stop.error}
      shown={[
        '/reason',
        '/scope/channel',
        '/scope/category',
        '/scope/app',
        '/scope/template',
        '/scope/priority',
      ]}
      onConfirm={() => stop.mutate()}
      onClose={onClose}
    >
      {!app && (
        <Radio.Group
          label={t.what}
          value={isAll ? 'all' : 'one'}
          onChange={(value) => setAll(value === 'all')}
        >
          <Stack gap={6} mt={6}>
            <Radio value="one" label={t.one} data-autofocus />
            <Radio value="all" label={t.everything} />
          </Stack>
        </Radio.Group>
      )}
      {!isAll && (
        <SimpleGrid cols={2} spacing="xs">
          {choice('channel', c.channel, named(c.channels))}
          {choice('priority', c.priority, named(c.priorities))}
          {choice('category', c.category, keys((categories.data?.data ?? []).flatMap((x) => x.key ?? [])))}
          {choice('template', c.template, keys((templates.data?.data ?? []).flatMap((x) => x.key ?? [])))}
          {!app && choice('app', c.app, keys((apps.data?.data ?? []).flatMap((x) => x.name ?? [])))}
          {app && <TextInput label={c.app} readOnly value={app} />}
        </SimpleGrid>
      )}
      <Textarea
        label={c.reason}
        description={t.whyHelp}
        autosize
        minRows={2}
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
        error={complaint(stop.error, '/reason')}
      />
    </Confirm>
  );
}
