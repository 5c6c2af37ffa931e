import { Alert, Button, List, SegmentedControl, SimpleGrid, Text, Textarea } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE, pollEvery } from '@/api/live';
import { complaint } from '@/api/problem';
import type { ApprovalFacts, SampleRecipient } from '@/api/shapes';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { emptyDraft } from '@/pages/send/draft';
import { ChannelTabs, ownPreviews, TemplatePreview } from '@/pages/send/previews';
import { common } from '@/text/common';
import { formatDuration, formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Empty, Facts, Loading, Page, ProblemNote, Section, StateTag, TextLink, Time } from '@/ui/basics';
import { ExplainList } from '@/ui/explain-list';
import { Confirm, say } from '@/ui/feedback';
import { DataTable, Pager, useCursor } from '@/ui/table';
import { approvalTexts } from './texts';

type Approval = Body<'Approval'> & ApprovalFacts;

export function ApprovalsPage({ rest }: PageProps) {
  return rest[0] ? <ApprovalPage key={rest[0]} id={rest[0]} /> : <ListPage />;
}

function ListPage() {
  const t = useText(approvalTexts);
  const c = useText(common);
  const [view, setView] = useState('open');
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'approvals', view, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/approvals', { params: { query: { limit: '50', after: cursor.after, status: view } } }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
  });
  return (
    <Page title={t.title} help={t.help}>
      <SegmentedControl
        aria-label={t.view}
        value={view}
        onChange={(value) => {
          setView(value);
          cursor.reset();
        }}
        data={[
          { value: 'open', label: t.open },
          { value: 'all', label: t.all },
        ]}
        style={{ alignSelf: 'flex-start' }}
      />
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <ProblemNote error={list.error} retry={() => void list.refetch()} />
      ) : list.data.data.length === 0 ? (
        <Empty>{t.none}</Empty>
      ) : (
        <DataTable<Approval>
          caption={t.title}
          rows={list.data.data}
          isStale={list.isPlaceholderData}
          id={(row) => row.id ?? ''}
          columns={[
            {
              name: t.at,
              cell: (row) => (
                <TextLink to={to(['approvals', row.id ?? ''])}>
                  <Time at={row.submitted_at} />
                </TextLink>
              ),
            },
            { name: t.by, cell: (row) => row.submitted_by ?? '–' },
            { name: c.category, cell: (row) => row.category ?? '–', isMinor: true },
            { name: c.app, cell: (row) => row.app ?? t.console, isMinor: true },
            { name: t.audience, cell: (row) => formatNumber(row.audience ?? 0), isNumber: true },
            { name: c.status, cell: (row) => <StateTag state={row.status ?? ''} /> },
            { name: t.expires, cell: (row) => <Time at={row.expires_at} relative />, isMinor: true },
          ]}
        />
      )}
      <Pager cursor={cursor} next={list.data?.page?.next} isByTime />
    </Page>
  );
}

function ApprovalPage({ id }: { id: string }) {
  const t = useText(approvalTexts);
  const c = useText(common);
  const { can, session } = useAccess();
  const [dialog, setDialog] = useState<'approve' | 'reject'>();
  const approval = useQuery({
    queryKey: [LIVE, 'approval', id],
    queryFn: () => body(api.GET('/v1/approvals/{id}', { params: { path: { id } } })),
    refetchInterval: pollEvery(),
  });
  const above = <TextLink to={to(['approvals'])}>← {t.title}</TextLink>;
  if (approval.isPending || approval.isError) {
    return (
      <Page title={t.approval} above={above}>
        {approval.isPending ? <Loading /> : <ProblemNote error={approval.error} />}
      </Page>
    );
  }
  const a = approval.data as Approval;
  const isOwn = a.submitted_by === `member:${session.member.key}`;
  const mayDecide = a.status === 'open' && can('administrator');
  const isMine = a.status === 'open' && isOwn;
  return (
    <Page
      title={t.approval}
      above={above}
      help={<StateTag state={a.status ?? ''} />}
      actions={
        mayDecide &&
        !isOwn && (
          <>
            <Button onClick={() => setDialog('approve')}>{t.approve}</Button>
            <Button variant="outline" color="red" onClick={() => setDialog('reject')}>
              {t.reject}
            </Button>
          </>
        )
      }
    >
      {isMine && (
        <Alert color="yellow" variant="light" role="status">
          {t.own}
        </Alert>
      )}
      <Section title={t.what}>
        <Facts
          items={[
            [t.audience, formatNumber(a.audience ?? 0)],
            ...sizeFacts(a, t),
            [c.category, a.category],
            [c.app, a.app ?? t.console],
            [t.by, a.submitted_by],
            [t.at, <Time key="at" at={a.submitted_at} />],
            [t.expires, <Time key="expires" at={a.expires_at} />],
            ...(a.decided_by ? ([[t.decided, `${a.decided_by}`]] as [string, string][]) : []),
            ...(a.reason ? ([[c.reason, a.reason]] as [string, string][]) : []),
            [
              t.notification,
              <TextLink key="notification" to={to(['history', a.notification_id ?? ''])}>
                {a.notification_id}
              </TextLink>,
            ],
          ]}
        />
      </Section>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title={t.content}>
          <ContentOf id={a.notification_id ?? ''} />
        </Section>
        <Section title={t.who}>
          {(a.sample ?? []).length > 0 && <Sample recipients={a.sample ?? []} whole={a.audience ?? 0} />}
          <Audience id={a.notification_id ?? ''} isOpen={a.status === 'open'} />
        </Section>
      </SimpleGrid>
      {dialog && <DecideDialog approval={a} what={dialog} onClose={() => setDialog(undefined)} />}
    </Page>
  );
}

/** How much it is: beside what went out without asking, and how long it takes. */
function sizeFacts(
  { limit, hour, estimate }: ApprovalFacts,
  t: (typeof approvalTexts)['en'],
): [string, ReactNode][] {
  const facts: [string, ReactNode][] = [];
  if (limit) facts.push([t.limit, formatNumber(limit)]);
  if (hour) facts.push([t.hour, t.ofHour(formatNumber(hour.recipients), formatNumber(hour.limit))]);
  if (estimate === undefined) return facts;
  facts.push([
    t.takes,
    estimate ? (
      <>
        {t.about(formatDuration(estimate.seconds))}
        <Text size="xs" c="dimmed">
          {t.pace(formatNumber(estimate.rate, { maximumFractionDigits: 1 }))}
          {estimate.queued > 0 && t.ahead(formatNumber(estimate.queued))}
        </Text>
      </>
    ) : (
      t.unknownPace
    ),
  ]);
  return facts;
}

function Sample({ recipients, whole }: { recipients: SampleRecipient[]; whole: number }) {
  const t = useText(approvalTexts);
  return (
    <>
      <Text size="sm" fw={600}>
        {t.sample(formatNumber(recipients.length), formatNumber(whole))}
      </Text>
      <List size="sm" mb="sm" listStyleType="none" spacing={2}>
        {recipients.map((one, index) => (
          <List.Item key={index}>
            {one.user_id ? (
              <TextLink to={to(['users', one.user_id])}>{one.user_id}</TextLink>
            ) : (
              (one.email ?? one.phone ?? one.device_id ?? one.device_token ?? one.address ?? one.group)
            )}{' '}
            <Text span size="xs" c="dimmed">
              {[one.user_id && one.group, one.locale].filter(Boolean).join(' · ')}
            </Text>
          </List.Item>
        ))}
      </List>
    </>
  );
}

interface SentRequest {
  params?: Record<string, unknown>;
  title?: string;
  body?: string;
  image?: string;
  url?: string;
  email?: { subject?: string; html?: string };
  sms?: { body?: string };
  voice?: { text?: string };
  channels?: Body<'Channel'>[];
}

/** What it says: the request where the server shows it, else the template's own preview. */
function ContentOf({ id }: { id: string }) {
  const t = useText(approvalTexts);
  const notification = useQuery({
    queryKey: [LIVE, 'notification', id],
    queryFn: () => body(api.GET('/v1/notifications/{id}', { params: { path: { id } } })),
  });
  const request = (notification.data as { request?: SentRequest } | undefined)?.request;
  const used = notification.data?.template as { key: string; version: number } | null | undefined;
  const template = useQuery({
    queryKey: ['template', used?.key, used?.version],
    queryFn: () =>
      body(
        api.GET('/v1/templates/{key}/versions/{n}', {
          params: { path: { key: used?.key ?? '', n: String(used?.version ?? '') } },
        }),
      ),
    enabled: Boolean(used),
  });
  if (notification.isPending || (used && template.isPending)) return <Loading />;
  if (notification.isError) return <ProblemNote error={notification.error} />;
  if (used && template.isError) return <ProblemNote error={template.error} />;
  if (used && template.data) {
    return (
      <>
        {!request && (
          <Text size="sm" c="dimmed" mb="xs">
            {t.contentOfTemplate}
          </Text>
        )}
        <TemplatePreview template={template.data} params={request?.params ?? {}} version={used.version} />
      </>
    );
  }
  if (!request) return <Text c="dimmed">{t.contentHidden}</Text>;
  const draft = emptyDraft();
  draft.channels = request.channels ?? [];
  draft.own = {
    title: request.title ?? '',
    body: request.body ?? '',
    url: request.url ?? '',
    image: request.image ?? '',
    subject: request.email?.subject ?? '',
    html: request.email?.html ?? '',
    sms: request.sms?.body ?? '',
    voice: request.voice?.text ?? '',
  };
  return <ChannelTabs contents={ownPreviews(draft)} />;
}

function Audience({ id, isOpen }: { id: string; isOpen: boolean }) {
  const { can } = useAccess();
  const explained = useQuery({
    queryKey: ['explain', id],
    queryFn: () => body(api.POST('/v1/notifications/explain', { body: { from_notification: id } as never })),
    enabled: isOpen && can('sender'),
    retry: false,
  });
  if (!isOpen || !can('sender')) return <Text c="dimmed">–</Text>;
  if (explained.isPending) return <Loading />;
  if (explained.isError) return <ProblemNote error={explained.error} />;
  return <ExplainList answer={explained.data} />;
}

interface DecideProps {
  approval: Approval;
  what: 'approve' | 'reject';
  onClose: () => void;
}

function DecideDialog({ approval, what, onClose }: DecideProps) {
  const t = useText(approvalTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const params = { path: { id: approval.id ?? '' } };
  const decide = useMutation({
    mutationFn: () =>
      what === 'approve'
        ? body(api.POST('/v1/approvals/{id}/approve', { params, body: reason ? { reason } : {} }))
        : body(api.POST('/v1/approvals/{id}/reject', { params, body: { reason } })),
    onSuccess: () => {
      say(what === 'approve' ? t.approved : t.rejected);
      void client.invalidateQueries({ queryKey: [LIVE] });
      onClose();
    },
  });
  return (
    <Confirm
      title={what === 'approve' ? t.approveTitle : t.rejectTitle}
      action={what === 'approve' ? t.approve : t.reject}
      isDangerous={what === 'reject'}
      isBusy={decide.isPending}
      error={decide.error}
      shown={['/reason']}
      onConfirm={() => decide.mutate()}
      onClose={onClose}
    >
      <Text size="sm">
        {what === 'approve' ? t.approveHelp(formatNumber(approval.audience ?? 0)) : t.rejectHelp}
      </Text>
      <Textarea
        label={what === 'approve' ? t.comment : c.reason}
        required={what === 'reject'}
        autosize
        minRows={2}
        data-autofocus
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
        error={complaint(decide.error, '/reason')}
      />
    </Confirm>
  );
}
