import { Button, Group, Select, SimpleGrid, Switch, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { useText } from '@/text/language';
import { Mono, ProblemNote, StateTag, TextLink, Time } from '@/ui/basics';
import { EditorPage, useSave } from '@/ui/editor';
import { say } from '@/ui/feedback';
import { JsonField, parseObject } from '@/ui/json-field';
import { RemoveButton } from '@/ui/remove-dialog';
import { KeyField, ResourceList, useKey } from '@/ui/resource';
import { parentOf, ResourcePages } from '@/ui/resource-pages';
import { useCursor } from '@/ui/table';
import { forget, handed } from './handed';
import { automateTexts } from './texts';

type Schedule = Body<'Schedule'>;

export function SchedulesPage({ rest }: PageProps) {
  const t = useText(automateTexts);
  return (
    <ResourcePages<Schedule>
      rest={rest}
      path="schedules"
      title={t.schedules}
      role="sender"
      list={<ListPage />}
      read={(key) => body(api.GET('/v1/schedules/{key}', { params: { path: { key } } }))}
      form={(stored) => <Form stored={stored} />}
    />
  );
}

const CHOICES_MAX = '200';

const useSchedules = () =>
  useQuery({
    queryKey: ['schedules', 'choices'],
    queryFn: () => body(api.GET('/v1/schedules', { params: { query: { limit: CHOICES_MAX } } })),
  });

function ListPage() {
  const t = useText(automateTexts);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['schedules', cursor.after],
    queryFn: () =>
      body(api.GET('/v1/schedules', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 15_000,
  });
  const { can } = useAccess();
  return (
    <ResourceList<Schedule>
      title={t.schedules}
      help={t.schedulesHelp}
      fresh={t.freshSchedule}
      none={t.schedulesNone}
      path="schedules"
      role="sender"
      query={list}
      cursor={cursor}
      columns={[
        { name: t.cron, cell: (row) => <Mono>{row.cron}</Mono> },
        { name: t.zone, cell: (row) => row.time_zone ?? '–', isMinor: true },
        { name: t.nextRun, cell: (row) => <Time at={row.next_run} /> },
        { name: t.lastRun, cell: (row) => <LastRun schedule={row} /> },
        {
          name: t.enabled,
          cell: (row) =>
            can('sender') ? (
              <EnabledSwitch schedule={row} />
            ) : (
              <StateTag state={row.enabled === false ? 'disabled' : 'ready'} />
            ),
        },
      ]}
      actions={(row) => <RowActions schedule={row} />}
    />
  );
}

function LastRun({ schedule }: { schedule: Schedule }) {
  const t = useText(automateTexts);
  const error = schedule.last_error as { detail?: string; code?: string } | null | undefined;
  return (
    <>
      {schedule.last_notification ? (
        <TextLink to={to(['history', schedule.last_notification])}>
          <Time at={schedule.last_run} />
        </TextLink>
      ) : (
        <Time at={schedule.last_run} />
      )}
      {error && (
        <Text size="xs" c="var(--mantine-color-error)">
          {t.lastError} {error.detail ?? error.code}
        </Text>
      )}
    </>
  );
}

function EnabledSwitch({ schedule }: { schedule: Schedule }) {
  const t = useText(automateTexts);
  const client = useQueryClient();
  const key = schedule.key ?? '';
  const change = useMutation({
    mutationFn: (enabled: boolean) =>
      body(api.PATCH('/v1/schedules/{key}', { params: { path: { key } }, body: { enabled } as Schedule })),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['schedules'] }),
  });
  return (
    <>
      <Switch
        aria-label={t.switchLabel(key)}
        checked={schedule.enabled !== false}
        disabled={change.isPending}
        onChange={(e) => change.mutate(e.currentTarget.checked)}
      />
      {change.error && <ProblemNote error={change.error} />}
    </>
  );
}

function RowActions({ schedule }: { schedule: Schedule }) {
  const t = useText(automateTexts);
  const client = useQueryClient();
  const key = schedule.key ?? '';
  const run = useMutation({
    mutationFn: () => body(api.POST('/v1/schedules/{key}/run', { params: { path: { key } } })),
    onSuccess: () => {
      say(t.ran);
      void client.invalidateQueries({ queryKey: ['schedules'] });
    },
  });
  return (
    <>
      <Group gap={6} wrap="nowrap">
        <Button
          size="compact-xs"
          variant="default"
          aria-label={t.runLabel(key)}
          loading={run.isPending}
          onClick={() => run.mutate()}
        >
          {t.run}
        </Button>
        <RemoveButton
          name={key}
          help={t.removeScheduleHelp}
          shownBy="schedules"
          remove={() => body(api.DELETE('/v1/schedules/{key}', { params: { path: { key: key } } }))}
        />
      </Group>
      {run.error && <ProblemNote error={run.error} />}
    </>
  );
}

const SAMPLE = {
  to: [{ group: 'regulars' }],
  channels: ['email'],
  title: 'A new week',
  body: 'Good morning.',
};

function Form({ stored }: { stored: Schedule | undefined }) {
  const t = useText(automateTexts);
  const key = useKey(stored?.key, useSchedules().data?.data);
  const [cron, setCron] = useState(stored?.cron ?? '0 9 * * mon-fri');
  const [zone, setZone] = useState(stored?.time_zone ?? '');
  const [missed, setMissed] = useState<string>(stored?.missed ?? 'run_once');
  const [text, setText] = useState(() => JSON.stringify(stored?.notification ?? handed() ?? SAMPLE, null, 2));
  const notification = parseObject(text);
  const save = useSave(
    async () => {
      const saved = await body(
        api.PUT('/v1/schedules/{key}', {
          params: { path: { key: key.key } },
          body: {
            cron,
            ...(zone.trim() ? { time_zone: zone.trim() } : {}),
            missed: missed as Schedule['missed'],
            enabled: stored?.enabled ?? true,
            notification: (notification ?? {}) as Schedule['notification'],
          } as Schedule,
        }),
      );
      if (!stored) forget();
      return saved;
    },
    { shownBy: 'schedules', next: to(['schedules']) },
  );
  return (
    <EditorPage
      title={stored?.key ?? t.freshSchedule}
      parent={parentOf('schedules', t.schedules)}
      save={save}
      shown={['/key', '/cron', '/time_zone', '/notification']}
      isReady={notification !== undefined && key.isReady}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <KeyField of={key} error={save.error} />
        <TextInput
          label={t.cron}
          description={t.cronHelp}
          required
          value={cron}
          onChange={(e) => setCron(e.currentTarget.value)}
          error={complaint(save.error, '/cron')}
        />
        <TextInput
          label={t.zone}
          description={t.zoneHelp}
          placeholder="Asia/Seoul"
          value={zone}
          onChange={(e) => setZone(e.currentTarget.value)}
          error={complaint(save.error, '/time_zone')}
        />
        <Select
          label={t.missed}
          allowDeselect={false}
          data={Object.entries(t.missedKinds).map(([value, label]) => ({ value, label }))}
          value={missed}
          onChange={(value) => setMissed(value ?? 'run_once')}
        />
      </SimpleGrid>
      <JsonField
        label={t.notification}
        description={t.notificationHelp}
        required
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        error={complaint(save.error, '/notification')}
      />
    </EditorPage>
  );
}
