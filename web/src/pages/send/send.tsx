import { Alert, Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE } from '@/api/live';
import type { Explanation } from '@/api/shapes';
import { go, guardLeaving, to, usePlace } from '@/app/router';
import { useAccess } from '@/app/session';
import { handOver } from '@/pages/automate/handed';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page, ProblemNote, Section, TextLink } from '@/ui/basics';
import { countDecisions, ExplainList } from '@/ui/explain-list';
import { Confirm, say } from '@/ui/feedback';
import { Content } from './content';
import { readRows } from './csv';
import { type Draft, emptyDraft, recipientOf, requestOf, type SendRequest } from './draft';
import { at, SHOWN, useDraft } from './form';
import { Options } from './options';
import { Previews } from './previews';
import { Recipients } from './recipients';
import classes from './send.module.css';
import { sendTexts } from './texts';

const isTouched = (draft: Draft): boolean => {
  const empty = emptyDraft();
  return JSON.stringify({ ...draft, again: null }) !== JSON.stringify(empty);
};

/** One key for one message as composed: sending it again after a broken connection cannot send it twice. */
const freshEventId = () => `console-${globalThis.crypto.randomUUID()}`;

export function SendPage() {
  const { query } = usePlace();
  const again = query.get('again');
  return (
    <Composer key={again ?? ''} again={again} template={query.get('template')} user={query.get('user')} />
  );
}

interface ComposerProps {
  again: string | null;
  template: string | null;
  user: string | null;
}

function Composer({ again, template: asked, user }: ComposerProps) {
  const t = useText(sendTexts);
  const c = useText(common);
  const client = useQueryClient();
  const { project } = useAccess();
  const { draft: kept, change, reset } = useDraft(`${project.key}${again ? `.${again}` : ''}`);
  const draft = useMemo(() => ({ ...kept, again }), [kept, again]);
  // Come from the page of a template or of a user: that is what is to be sent, or to whom.
  useEffect(() => {
    if (asked) change({ kind: 'template', template: asked });
    if (user)
      change({ source: 'people', people: recipientOf(user).user_id === user ? user : `user:${user}` });
  }, [asked, user, change]);
  const [eventId, setEventId] = useState(freshEventId);
  const [dialog, setDialog] = useState<'send' | 'test'>();
  const template = useQuery({
    queryKey: ['template', draft.template],
    queryFn: () => body(api.GET('/v1/templates/{key}', { params: { path: { key: draft.template ?? '' } } })),
    enabled: draft.kind === 'template' && draft.template !== null,
  });
  const params = useMemo(
    () => (draft.kind === 'template' && draft.template ? (template.data?.params ?? []) : []),
    [draft.kind, draft.template, template.data],
  );
  const request = (): SendRequest => requestOf(draft, params);

  const check = useMutation({
    mutationFn: () => body(api.POST('/v1/notifications/explain', { body: request() })),
  });
  const submit = useMutation({
    mutationFn: (asDraft: boolean) =>
      body(
        api.POST('/v1/notifications', {
          body: { event_id: eventId, ...request(), ...(asDraft ? { draft: true } : {}) },
        }),
      ),
    onSuccess: (answer, asDraft) => {
      say(asDraft ? t.draftSaved : t.sent);
      reset();
      setEventId(freshEventId());
      void client.invalidateQueries({ queryKey: [LIVE] });
      go(to(['history', answer.id ?? '']));
    },
  });
  const [isRepeating, setRepeating] = useState(false);
  const isDone = submit.isSuccess || isRepeating;
  useEffect(
    () => guardLeaving(() => (isTouched(kept) && !isDone ? c.leave : undefined)),
    [kept, isDone, c.leave],
  );

  // Once nothing asks any more whether to leave.
  useEffect(() => {
    if (isRepeating) go(to(['schedules', 'new']));
  }, [isRepeating]);

  const error = submit.error ?? check.error;
  useEffect(() => {
    if (error) document.querySelector<HTMLElement>('#content [aria-invalid="true"]')?.focus();
  }, [error]);
  const leftOut = draft.source === 'csv' ? readRows(draft.csv, draft.mapping).problems.length : 0;
  const edit = (part: Partial<Draft>) => {
    change(part);
    check.reset();
    submit.reset();
  };
  return (
    <Page
      title={again ? t.againTitle : t.title}
      help={again ? t.againHelp(again) : t.help}
      above={again ? <TextLink to={to(['history', again])}>← {again}</TextLink> : undefined}
      actions={
        isTouched(kept) && (
          <Button
            variant="subtle"
            onClick={() => {
              reset();
              check.reset();
              submit.reset();
            }}
          >
            {t.startOver}
          </Button>
        )
      }
    >
      <div className={classes.columns}>
        <div className={classes.main}>
          <Section title={t.to}>
            <Recipients draft={draft} change={edit} params={params} error={error} />
          </Section>
          <Section title={t.what}>
            {again ? (
              <Text size="sm">{t.againContent}</Text>
            ) : (
              <Content draft={draft} change={edit} params={params} error={error} />
            )}
          </Section>
          <Section title={t.how}>
            <Options draft={draft} change={edit} error={error} />
          </Section>
        </div>
        <div className={classes.side}>
          {!again && (
            <Section title={t.preview}>
              <Previews draft={draft} template={draft.template ? template.data : undefined} params={params} />
            </Section>
          )}
          <Section title={t.checking}>
            <Text size="sm" c="dimmed" mb="xs">
              {t.checkHelp}
            </Text>
            <Button variant="default" onClick={() => check.mutate()} loading={check.isPending} mb="xs">
              {t.check}
            </Button>
            {check.data && <ExplainList answer={check.data} />}
          </Section>
          {error && <ProblemNote error={error} shown={SHOWN} />}
          <Group gap="xs">
            <Button onClick={() => setDialog('send')}>{t.send}</Button>
            <Button variant="default" onClick={() => setDialog('test')}>
              {t.test}
            </Button>
            <Button
              variant="default"
              loading={submit.isPending && submit.variables}
              onClick={() => submit.mutate(true)}
            >
              {t.saveDraft}
            </Button>
            {!again && (
              <Button
                variant="default"
                onClick={() => {
                  handOver(request());
                  setRepeating(true);
                }}
              >
                {t.repeat}
              </Button>
            )}
          </Group>
        </div>
      </div>
      {dialog === 'send' && (
        <SendDialog
          draft={draft}
          leftOut={leftOut}
          check={() => check.mutateAsync()}
          isSending={submit.isPending}
          onSend={() => submit.mutate(false, { onError: () => setDialog(undefined) })}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === 'test' && (
        <TestDialog
          request={(recipient) =>
            requestOf({ ...draft, when: 'now', eventId: '' }, params, [recipientOf(recipient)])
          }
          onClose={() => setDialog(undefined)}
        />
      )}
    </Page>
  );
}

interface SendDialogProps {
  draft: Draft;
  leftOut: number;
  check: () => Promise<Body<'ExplainList'>>;
  isSending: boolean;
  onSend: () => void;
  onClose: () => void;
}

/** Asks once more, with the numbers of this moment. What is wrong is shown at the fields, behind. */
function SendDialog({ draft, leftOut, check, isSending, onSend, onClose }: SendDialogProps) {
  const t = useText(sendTexts);
  const answer = useMutation({ mutationFn: check, onError: onClose });
  const { mutate } = answer;
  useEffect(() => mutate(), [mutate]);
  const counts = countDecisions((answer.data?.data ?? []) as unknown as Explanation[]);
  return (
    <Confirm
      title={draft.when === 'now' ? t.confirmTitle : t.confirmLater}
      action={t.confirmSend}
      isBusy={isSending || answer.isPending}
      isDisabled={!answer.data}
      onConfirm={onSend}
      onClose={onClose}
    >
      <Text size="sm" aria-live="polite">
        {answer.data
          ? t.confirmHelp(formatNumber(counts.send + counts.hold), formatNumber(counts.suppress))
          : '…'}
      </Text>
      {answer.data?.audience?.complete === false && (
        <Text size="sm">{t.confirmPartial(formatNumber(answer.data.audience.total ?? 0))}</Text>
      )}
      {leftOut > 0 && <Text size="sm">{t.leftOut(formatNumber(leftOut)).replace(/:$/, '')}</Text>}
      <Text size="sm" c="dimmed">
        {t.approvalNote}
      </Text>
    </Confirm>
  );
}

function TestDialog({
  request,
  onClose,
}: {
  request: (recipient: string) => SendRequest;
  onClose: () => void;
}) {
  const t = useText(sendTexts);
  const { session } = useAccess();
  const [recipient, setRecipient] = useState(session.member.email ?? '');
  const test = useMutation({
    mutationFn: () => body(api.POST('/v1/notifications', { body: request(recipient) })),
    onSuccess: () => say(t.tested),
  });
  return (
    <Confirm
      title={t.test.replace('…', '')}
      action={t.testSend}
      isBusy={test.isPending}
      error={test.error}
      shown={['/to']}
      onConfirm={() => test.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t.testTo}
        description={t.peopleHelp}
        required
        data-autofocus
        value={recipient}
        onChange={(e) => setRecipient(e.currentTarget.value)}
        error={at(test.error, '/to', '/to/0')}
      />
      <Text size="sm" c="dimmed">
        {t.testHelp}
      </Text>
      {test.data?.id && (
        <Alert color="green" variant="light" role="status">
          {t.tested}{' '}
          <TextLink to={to(['history', test.data.id])} target="_blank">
            {test.data.id}
          </TextLink>
        </Alert>
      )}
    </Confirm>
  );
}
