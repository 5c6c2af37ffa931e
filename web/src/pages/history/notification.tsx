import { Alert, Button, Group, Progress, Text } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE, pollEvery } from '@/api/live';
import type { Counts } from '@/api/shapes';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import {
  CopyButton,
  Facts,
  Loading,
  Mono,
  Page,
  ProblemNote,
  Section,
  StateTag,
  Tag,
  TextLink,
  Time,
} from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { Pager, useCursor } from '@/ui/table';
import { DeliveryTable } from './delivery-table';
import { EditDialog } from './edit';
import { historyTexts } from './texts';

type Notification = Body<'Notification'>;

const ENDED = new Set(['completed', 'cancelled', 'rejected', 'approval_expired']);
const LIVE_MS = 2_000;

export function NotificationPage({ id }: { id: string }) {
  const t = useText(historyTexts);
  const notification = useQuery({
    queryKey: [LIVE, 'notification', id],
    queryFn: () => body(api.GET('/v1/notifications/{id}', { params: { path: { id } } })),
    refetchInterval: (query) => (ENDED.has(query.state.data?.status ?? '') ? false : pollEvery(LIVE_MS)()),
  });
  const above = <TextLink to={to(['history'])}>← {t.toHistory}</TextLink>;
  if (notification.isPending) {
    return (
      <Page title={t.notification} above={above}>
        <Loading />
      </Page>
    );
  }
  if (notification.isError) {
    return (
      <Page title={t.notification} above={above}>
        <ProblemNote error={notification.error} retry={() => void notification.refetch()} />
      </Page>
    );
  }
  const n = notification.data;
  return (
    <Page
      title={n.event_id ?? t.notification}
      above={above}
      help={
        <Group gap="xs">
          <StateTag state={n.status ?? ''} />
          {n.outcome && n.outcome !== 'success' && <StateTag state={n.outcome} />}
          {n.sandbox && <Tag tone="off">sandbox</Tag>}
          <Mono>{n.id}</Mono>
          <CopyButton value={n.id ?? ''} />
        </Group>
      }
      actions={<Actions notification={n} />}
    >
      <ApprovalNote notification={n} />
      <ProgressSection notification={n} />
      <Section title={t.notification}>
        <NotificationFacts notification={n} />
      </Section>
      <Section title={t.deliveries}>
        <DeliveriesOf id={id} isLive={!ENDED.has(n.status ?? '')} />
      </Section>
    </Page>
  );
}

function ApprovalNote({ notification }: { notification: Notification }) {
  const t = useText(historyTexts);
  const approval = notification.approval;
  if (notification.status !== 'awaiting_approval' || !approval?.id) return null;
  return (
    <Alert color="yellow" variant="light" role="status">
      {t.waitsForApproval} <TextLink to={to(['approvals', approval.id])}>{t.toApproval}</TextLink>
    </Alert>
  );
}

function ProgressSection({ notification }: { notification: Notification }) {
  const t = useText(historyTexts);
  const { progress } = notification;
  const total = progress?.deliveries?.total ?? 0;
  const ended = progress?.deliveries?.ended ?? 0;
  const counts = Object.entries((notification.counts ?? {}) as Counts).filter(([, n]) => n > 0);
  if (total === 0 && progress?.state !== 'expanding') return null;
  const text =
    progress?.state === 'expanding' ? t.resolving : t.progressOf(formatNumber(ended), formatNumber(total));
  return (
    <Section title={t.progress}>
      <Progress
        value={total > 0 ? (ended / total) * 100 : 0}
        aria-label={text}
        animated={ended < total}
        mb={6}
      />
      <Text size="sm" aria-live="polite">
        {text}
      </Text>
      <Group gap="sm" mt="xs" aria-label={t.counts} role="group">
        {counts.map(([state, n]) => (
          <Group key={state} gap={6}>
            <StateTag state={state} />
            <Text size="sm">{formatNumber(n)}</Text>
          </Group>
        ))}
      </Group>
    </Section>
  );
}

function NotificationFacts({ notification: n }: { notification: Notification }) {
  const t = useText(historyTexts);
  const c = useText(common);
  const template = n.template as { key: string; version: number } | null | undefined;
  const sendAt = n.send_at as unknown as string | { local: string; zone: string } | null;
  const metadata = Object.entries((n.metadata ?? {}) as Record<string, string>);
  return (
    <Facts
      items={[
        [t.accepted, <Time key="accepted" at={n.accepted_at} />],
        [c.category, n.category],
        [c.priority, c.priorities[n.priority ?? ''] ?? n.priority],
        [
          c.template,
          template ? (
            <TextLink key="template" to={to(['templates', template.key])}>
              {`${template.key} · ${t.version(template.version)}`}
            </TextLink>
          ) : (
            t.ownText
          ),
        ],
        [t.app, n.app ?? t.console],
        [
          t.sendAt,
          typeof sendAt === 'object' && sendAt ? (
            `${sendAt.local} (${sendAt.zone})`
          ) : (
            <Time key="send_at" at={sendAt} />
          ),
        ],
        [t.expires, <Time key="expires" at={n.expires_at} />],
        [t.eventId, n.event_id],
        ...((n.tags ?? []).length > 0 ? [[t.tags, (n.tags as string[]).join(', ')] as [string, string]] : []),
        ...metadata.map(([name, value]): [string, string] => [`${t.metadata}: ${name}`, value]),
      ]}
    />
  );
}

function DeliveriesOf({ id, isLive }: { id: string; isLive: boolean }) {
  const t = useText(historyTexts);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'notification', id, 'deliveries', cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/notifications/{id}/deliveries', {
          params: { path: { id }, query: { limit: '50', after: cursor.after } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? followFirst(cursor, LIVE_MS) : false,
  });
  if (list.isPending) return <Loading />;
  if (list.isError) return <ProblemNote error={list.error} retry={() => void list.refetch()} />;
  if (list.data.data.length === 0 && cursor.depth === 0) return <Text c="dimmed">–</Text>;
  return (
    <>
      <DeliveryTable caption={t.deliveries} rows={list.data.data} isStale={list.isPlaceholderData} />
      <Pager cursor={cursor} next={list.data.page?.next} />
    </>
  );
}

const CANCELLABLE = new Set(['draft', 'awaiting_approval', 'scheduled', 'expanding', 'sending', 'paused']);
const EDITABLE = new Set(['draft', 'awaiting_approval', 'scheduled']);
const PAUSABLE = new Set(['expanding', 'sending']);

function Actions({ notification: n }: { notification: Notification }) {
  const t = useText(historyTexts);
  const { can } = useAccess();
  const client = useQueryClient();
  const [isCancelling, setCancelling] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const id = n.id ?? '';
  const status = n.status ?? '';
  const reload = () => void client.invalidateQueries({ queryKey: [LIVE] });
  const path = { params: { path: { id } } };
  const act = useMutation({
    mutationFn: async (what: 'pause' | 'resume' | 'submit') => {
      if (what === 'pause')
        return [t.paused, await body(api.POST('/v1/notifications/{id}/pause', path))] as const;
      if (what === 'resume')
        return [t.resumed, await body(api.POST('/v1/notifications/{id}/resume', path))] as const;
      const answer = await body(api.POST('/v1/notifications/{id}/submit', path));
      const waits = (answer as { status?: string }).status === 'awaiting_approval';
      return [waits ? t.submittedForApproval : t.submitted, answer] as const;
    },
    onSuccess: ([text]) => {
      say(text);
      reload();
    },
  });
  if (!can('sender')) return null;
  return (
    <>
      {status === 'draft' && (
        <>
          <Button onClick={() => act.mutate('submit')} loading={act.isPending}>
            {t.submit}
          </Button>
        </>
      )}
      {EDITABLE.has(status) && n.request && (
        <Button variant="default" onClick={() => setEditing(true)}>
          {t.edit}
        </Button>
      )}
      {PAUSABLE.has(status) && (
        <Button variant="default" onClick={() => act.mutate('pause')} loading={act.isPending}>
          {t.pause}
        </Button>
      )}
      {status === 'paused' && (
        <Button onClick={() => act.mutate('resume')} loading={act.isPending}>
          {t.resume}
        </Button>
      )}
      {CANCELLABLE.has(status) && (
        <Button variant="outline" color="red" onClick={() => setCancelling(true)}>
          {t.cancelSend}
        </Button>
      )}
      {ENDED.has(status) && (
        <Button variant="default" component="a" href={to(['send'], { again: id })}>
          {t.sendAgain}
        </Button>
      )}
      {act.error && <ProblemNote error={act.error} />}
      {isEditing && <EditDialog notification={n} onClose={() => setEditing(false)} />}
      {isCancelling && <CancelDialog id={id} onClose={() => setCancelling(false)} onDone={reload} />}
    </>
  );
}

function CancelDialog({ id, onClose, onDone }: { id: string; onClose: () => void; onDone: () => void }) {
  const t = useText(historyTexts);
  const cancel = useMutation({
    mutationFn: () => body(api.POST('/v1/notifications/{id}/cancel', { params: { path: { id } } })),
    onSuccess: (answer) => {
      say(t.cancelled(formatNumber(answer.cancelled ?? 0), formatNumber(answer.already_sent ?? 0)));
      onDone();
      onClose();
    },
  });
  return (
    <Confirm
      title={t.cancelTitle}
      action={t.cancelAction}
      isDangerous
      isBusy={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutate()}
      onClose={onClose}
    >
      {t.cancelHelp}
    </Confirm>
  );
}
