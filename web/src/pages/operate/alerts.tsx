import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE } from '@/api/live';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common, queueName } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import {
  Empty,
  Facts,
  Loading,
  Page,
  ProblemNote,
  Section,
  StateTag,
  Tag,
  TextLink,
  Time,
} from '@/ui/basics';
import { say } from '@/ui/feedback';
import { Pager, useCursor } from '@/ui/table';
import { ALERT_PAGES, alertTexts } from './alert-texts';
import { operateTexts } from './texts';

export function AlertsPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [state, setState] = useState('open');
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'alerts', state, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/alerts', {
          params: { query: { limit: '20', after: cursor.after, state: state === 'all' ? undefined : state } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
  });
  const test = useMutation({
    mutationFn: () => body(api.POST('/v1/alerts/test')),
    onSuccess: (answer) => say(answer.ok ? t.testAlertOk : t.testAlertBad),
  });
  return (
    <Page
      title={t.alerts}
      help={t.alertsHelp}
      actions={
        can('administrator') && (
          <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
            {t.testAlert}
          </Button>
        )
      }
    >
      {test.error && <ProblemNote error={test.error} />}
      <SegmentedControl
        aria-label={t.view}
        style={{ alignSelf: 'flex-start' }}
        value={state}
        onChange={(value) => {
          setState(value);
          cursor.reset();
        }}
        data={[
          { value: 'open', label: t.openOnly },
          { value: 'all', label: c.all },
        ]}
      />
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <ProblemNote error={list.error} retry={() => void list.refetch()} />
      ) : list.data.data.length === 0 ? (
        <Empty>{t.alertsNone}</Empty>
      ) : (
        list.data.data.map((alert) => <AlertCard key={alert.id} alert={alert} />)
      )}
      <Pager cursor={cursor} next={list.data?.page?.next} isByTime />
    </Page>
  );
}

function AlertCard({ alert }: { alert: Body<'Alert'> }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const words = useText(alertTexts);
  const { can } = useAccess();
  const client = useQueryClient();
  const own = words.kinds[alert.kind ?? ''];
  const acknowledge = useMutation({
    mutationFn: () =>
      body(api.POST('/v1/alerts/{id}/acknowledge', { params: { path: { id: alert.id ?? '' } } })),
    onSuccess: () => {
      say(t.acknowledged);
      void client.invalidateQueries({ queryKey: [LIVE, 'alerts'] });
    },
  });
  return (
    <Section
      title={own?.title(queueName(alert.subject ?? '', c)) ?? alert.title ?? ''}
      actions={
        <Group gap="xs">
          {alert.acknowledged_by && <Tag tone="info">{t.by(alert.acknowledged_by)}</Tag>}
          <StateTag state={alert.state ?? ''} />
          {alert.state === 'open' && !alert.acknowledged_at && can('administrator') && (
            <Button
              size="xs"
              variant="default"
              loading={acknowledge.isPending}
              onClick={() => acknowledge.mutate()}
            >
              {t.acknowledge}
            </Button>
          )}
        </Group>
      }
    >
      <Stack gap="xs">
        {acknowledge.error && <ProblemNote error={acknowledge.error} />}
        <Text size="sm">{alert.detail}</Text>
        <Facts
          items={[
            [
              t.advice,
              own ? (
                <>
                  {own.advice} <TextLink to={to(ALERT_PAGES[alert.kind ?? ''] ?? [])}>{words.look}</TextLink>
                </>
              ) : (
                alert.advice
              ),
            ],
            [t.since, <Time key="since" at={alert.first_at} />],
            [t.last, <Time key="last" at={alert.last_at} />],
            [t.times, formatNumber(alert.count ?? 0)],
            ...((alert.notices ?? []).length > 0
              ? ([
                  [
                    t.notices,
                    (alert.notices ?? [])
                      .map(
                        (n) => `${t.targets[n.target ?? ''] ?? ''}: ${t.noticeStates[n.state ?? ''] ?? ''}`,
                      )
                      .join(', '),
                  ],
                ] as [string, string][])
              : []),
          ]}
        />
      </Stack>
    </Section>
  );
}
