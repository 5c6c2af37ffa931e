import { Button, Group } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useIntegrations } from '@/api/lists';
import { LIVE } from '@/api/live';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, ProblemNote, Tag, TextLink, Time } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { ReasonDialog } from '@/ui/reason-dialog';
import { RemoveDialog } from '@/ui/remove-dialog';
import { Health } from './health';
import { IntegrationForm } from './integration-form';
import { operateTexts } from './texts';

type Integration = Body<'Integration'>;

export function IntegrationsPage({ rest }: PageProps) {
  const { can } = useAccess();
  if (rest[0] === 'new' && rest.length === 1 && can('administrator')) return <IntegrationForm key="new" />;
  if (rest[0] === 'edit' && rest[1] && can('administrator'))
    return <IntegrationForm key={rest[1]} name={rest[1]} />;
  return <ListPage />;
}

function ListPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const list = useIntegrations();
  const fresh = can('administrator') && (
    <Button component="a" href={to(['integrations', 'new'])}>
      {t.fresh}
    </Button>
  );
  return (
    <Page title={t.integrations} help={t.integrationsHelp} actions={fresh}>
      <QueryTable<Integration>
        query={list}
        caption={t.integrations}
        empty={t.integrationsNone}
        emptyAction={fresh}
        id={(row) => row.key ?? ''}
        columns={[
          {
            name: t.integrationKey,
            cell: (row) =>
              can('administrator') ? (
                <TextLink to={to(['integrations', 'edit', row.key ?? ''])}>{row.key}</TextLink>
              ) : (
                row.key
              ),
          },
          { name: t.provider, cell: (row) => row.provider },
          { name: c.channel, cell: (row) => c.channels[row.channel ?? ''] ?? row.channel },
          {
            name: c.status,
            cell: (row) => <Health integration={row} />,
          },
          { name: t.made, cell: (row) => <Time at={row.created_at} relative />, isMinor: true },
          ...(can('administrator')
            ? [{ name: c.actions, cell: (row: Integration) => <RowActions integration={row} /> }]
            : []),
        ]}
      />
    </Page>
  );
}

function RowActions({ integration }: { integration: Integration }) {
  const t = useText(operateTexts);
  const client = useQueryClient();
  const [dialog, setDialog] = useState<'pause' | 'remove'>();
  const params = { path: { key: integration.key ?? '' } };
  const reload = () => void client.invalidateQueries({ queryKey: [LIVE] });
  const test = useMutation({ mutationFn: () => body(api.POST('/v1/integrations/{key}/test', { params })) });
  const resume = useMutation({
    mutationFn: () => body(api.POST('/v1/integrations/{key}/resume', { params })),
    onSuccess: () => {
      say(t.resumed);
      reload();
    },
  });
  return (
    <div>
      <Group gap={6} wrap="nowrap">
        <Button
          size="compact-xs"
          variant="default"
          loading={test.isPending}
          aria-label={`${t.test}: ${integration.key ?? ''}`}
          onClick={() => test.mutate()}
        >
          {t.test}
        </Button>
        {integration.paused ? (
          <Button
            size="compact-xs"
            variant="default"
            loading={resume.isPending}
            onClick={() => resume.mutate()}
          >
            {t.resume}
          </Button>
        ) : (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`${t.pause} ${integration.key ?? ''}`}
            onClick={() => setDialog('pause')}
          >
            {t.pause}
          </Button>
        )}
        <Button
          size="compact-xs"
          variant="subtle"
          color="red"
          aria-label={`${t.remove} ${integration.key ?? ''}`}
          onClick={() => setDialog('remove')}
        >
          {t.remove}
        </Button>
      </Group>
      <div role="status">
        {test.data && (
          <Tag tone={test.data.ok ? 'good' : 'bad'}>
            {test.data.ok ? t.testOk : `${t.testBad} ${test.data.detail ?? ''}`}
          </Tag>
        )}
      </div>
      {(test.error ?? resume.error) && <ProblemNote error={test.error ?? resume.error} />}
      {dialog === 'pause' && (
        <ReasonDialog
          title={t.pauseTitle}
          help={t.pauseHelp}
          action={t.pause.replace('…', '')}
          done={t.paused}
          shownBy={LIVE}
          act={(reason) => body(api.POST('/v1/integrations/{key}/pause', { params, body: { reason } }))}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === 'remove' && (
        <RemoveDialog
          title={t.removeTitle}
          help={t.removeHelp}
          shownBy={LIVE}
          remove={() => body(api.DELETE('/v1/integrations/{key}', { params }))}
          onClose={() => setDialog(undefined)}
        />
      )}
    </div>
  );
}
