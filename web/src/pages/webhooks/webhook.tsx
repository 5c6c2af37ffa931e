import { Alert, Button, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import { complaint } from '@/api/problem';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Facts, Mono, Page, ProblemNote, Section, Tag, TextLink, Time } from '@/ui/basics';
import { StoredPage } from '@/ui/editor';
import { Confirm, say } from '@/ui/feedback';
import { ReasonDialog } from '@/ui/reason-dialog';
import { RemoveDialog } from '@/ui/remove-dialog';
import { type Secrets, SecretsDialog, secretsOf } from '@/ui/secrets';
import { Log } from './log';
import { TOLD_EVERY_MS } from './model';
import { WebhookState } from './state';
import { webhookTexts } from './texts';

type Webhook = Body<'Webhook'>;

export function WebhookPage({ name }: { name: string }) {
  const t = useText(webhookTexts);
  const stored = useQuery({
    queryKey: [LIVE, 'webhook', name],
    queryFn: () => body(api.GET('/v1/webhooks/{key}', { params: { path: { key: name } } })),
    refetchInterval: pollEvery(...TOLD_EVERY_MS),
  });
  return (
    <StoredPage name={name} parent={{ title: t.title, address: to(['webhooks']) }} query={stored}>
      {(webhook) => <Shown name={name} webhook={webhook} />}
    </StoredPage>
  );
}

function Shown({ name, webhook }: { name: string; webhook: Webhook }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const { can } = useAccess();
  const { backlog } = webhook;
  return (
    <Page
      title={name}
      above={<TextLink to={to(['webhooks'])}>← {t.title}</TextLink>}
      help={webhook.description || undefined}
      actions={can('administrator') && <Actions name={name} webhook={webhook} />}
    >
      {webhook.paused && (
        <Alert
          color={webhook.state === 'switched_off' ? 'red' : 'yellow'}
          variant="light"
          title={webhook.state === 'switched_off' ? t.switchedOff : t.pausedBecause}
        >
          {webhook.paused}
        </Alert>
      )}
      <Section title={t.settings}>
        <Facts
          items={[
            [t.state, <WebhookState key="state" webhook={webhook} />],
            [t.url, <Mono key="url">{webhook.url}</Mono>],
            [t.events, <Mono key="events">{webhook.events.join(', ')}</Mono>],
            [t.waiting, formatNumber(backlog?.waiting ?? 0)],
            [t.failed, formatNumber(backlog?.failed ?? 0)],
            ...(backlog?.oldest_at
              ? [
                  [t.oldest, <Time key="oldest" at={backlog.oldest_at} relative />] as [
                    string,
                    React.ReactNode,
                  ],
                ]
              : []),
            ...(webhook.failing_since
              ? [
                  [t.failingSince, <Time key="failing" at={webhook.failing_since} />] as [
                    string,
                    React.ReactNode,
                  ],
                ]
              : []),
            ...(webhook.previous_secret_until
              ? [
                  [t.previousUntil, <Time key="until" at={webhook.previous_secret_until} />] as [
                    string,
                    React.ReactNode,
                  ],
                ]
              : []),
            [t.addresses, webhook.addresses ? c.yes : c.no],
            [t.sandbox, webhook.sandbox ? c.yes : c.no],
            [t.inFlight, formatNumber(webhook.max_in_flight)],
            [t.created, <Time key="created" at={webhook.created_at} />],
          ]}
        />
      </Section>
      <Log name={name} />
    </Page>
  );
}

function Actions({ name, webhook }: { name: string; webhook: Webhook }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [dialog, setDialog] = useState<'pause' | 'rotate' | 'remove'>();
  const [secrets, setSecrets] = useState<Secrets>();
  const params = { path: { key: name } };
  const test = useMutation({ mutationFn: () => body(api.POST('/v1/webhooks/{key}/test', { params })) });
  const resume = useMutation({
    mutationFn: () => body(api.POST('/v1/webhooks/{key}/resume', { params })),
    onSuccess: () => {
      say(t.resumed);
      void client.invalidateQueries({ queryKey: [LIVE] });
    },
  });
  const close = () => setDialog(undefined);
  const error = test.error ?? resume.error;
  return (
    <Stack gap="xs" align="flex-end">
      <Button.Group>
        <Button variant="default" size="xs" loading={test.isPending} onClick={() => test.mutate()}>
          {t.test}
        </Button>
        <Button variant="default" size="xs" component="a" href={to(['webhooks', name, 'edit'])}>
          {c.edit}
        </Button>
        {webhook.paused ? (
          <Button variant="default" size="xs" loading={resume.isPending} onClick={() => resume.mutate()}>
            {t.resume}
          </Button>
        ) : (
          <Button variant="default" size="xs" onClick={() => setDialog('pause')}>
            {t.pause}
          </Button>
        )}
        <Button variant="default" size="xs" onClick={() => setDialog('rotate')}>
          {t.rotate}
        </Button>
        <Button variant="default" size="xs" c="red" onClick={() => setDialog('remove')}>
          {t.remove}
        </Button>
      </Button.Group>
      <div role="status">
        {test.data && (
          <>
            <Tag tone={test.data.ok ? 'good' : 'bad'}>{test.data.ok ? t.testOk : t.testBad}</Tag>{' '}
            <Text span size="sm">
              {[test.data.status, test.data.detail, t.ms(formatNumber(test.data.took_ms ?? 0))]
                .filter(Boolean)
                .join(' · ')}
            </Text>
          </>
        )}
      </div>
      {error && <ProblemNote error={error} />}
      {dialog === 'pause' && (
        <ReasonDialog
          title={t.pauseTitle}
          help={t.pauseHelp}
          action={t.pause.replace('…', '')}
          done={t.paused}
          shownBy={LIVE}
          act={(reason) =>
            body(api.POST('/v1/webhooks/{key}/pause', { params, body: reason.trim() ? { reason } : {} }))
          }
          onClose={close}
        />
      )}
      {dialog === 'rotate' && (
        <RotateDialog
          name={name}
          onClose={close}
          onMade={(made) => {
            close();
            setSecrets(made);
          }}
        />
      )}
      {dialog === 'remove' && (
        <RemoveDialog
          title={t.removeTitle(name)}
          help={t.removeHelp}
          shownBy={LIVE}
          remove={() => body(api.DELETE('/v1/webhooks/{key}', { params }))}
          onClose={close}
          onRemoved={() => go(to(['webhooks']))}
        />
      )}
      {secrets && (
        <SecretsDialog secrets={secrets} onClose={() => setSecrets(undefined)}>
          {t.secretHelp}
        </SecretsDialog>
      )}
    </Stack>
  );
}

interface RotateProps {
  name: string;
  onClose: () => void;
  onMade: (secrets: Secrets) => void;
}

function RotateDialog({ name, onClose, onMade }: RotateProps) {
  const t = useText(webhookTexts);
  const client = useQueryClient();
  const [keep, setKeep] = useState('24h');
  const rotate = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/webhooks/{key}/rotate', {
          params: { path: { key: name } },
          body: { keep_previous: keep },
        }),
      ),
    onSuccess: (answer) => {
      void client.invalidateQueries({ queryKey: [LIVE] });
      onMade(secretsOf(answer, ['secret']));
    },
  });
  return (
    <Confirm
      title={t.rotateTitle}
      action={t.rotateAction}
      isBusy={rotate.isPending}
      error={rotate.error}
      shown={['/keep_previous']}
      onConfirm={() => rotate.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{t.rotateHelp}</Text>
      <Select
        label={t.keepPrevious}
        allowDeselect={false}
        data={Object.entries(t.keepChoices).map(([value, label]) => ({ value, label }))}
        value={keep}
        onChange={(value) => setKeep(value ?? '24h')}
        error={complaint(rotate.error, '/keep_previous')}
      />
    </Confirm>
  );
}
