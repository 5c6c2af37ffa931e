import { Button, Code, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { paramsOf } from '@/pages/send/draft';
import { ParamForm } from '@/pages/send/params';
import { TemplatePreview } from '@/pages/send/previews';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Facts, Loading, Page, ProblemNote, Section, StateTag, Tag, TextLink } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { DataTable } from '@/ui/table';
import { VersionButtons } from '@/ui/versions';
import type { Template } from './model';
import classes from './templates.module.css';
import { templateTexts } from './texts';

export function TemplatePage({ name }: { name: string }) {
  const t = useText(templateTexts);
  const [shown, setShown] = useState<number>();
  const published = useQuery({
    queryKey: ['template', name],
    queryFn: () => body(api.GET('/v1/templates/{key}', { params: { path: { key: name } } })),
  });
  const version = useQuery({
    queryKey: ['template', name, shown],
    queryFn: () =>
      body(
        api.GET('/v1/templates/{key}/versions/{n}', {
          params: { path: { key: name, n: String(shown ?? '') } },
        }),
      ),
    enabled: shown !== undefined,
  });
  const above = <TextLink to={to(['templates'])}>← {t.title}</TextLink>;
  if (published.isPending || published.isError) {
    return (
      <Page title={name} above={above}>
        {published.isPending ? (
          <Loading />
        ) : (
          <ProblemNote error={published.error} retry={() => void published.refetch()} />
        )}
      </Page>
    );
  }
  const template = shown === undefined ? published.data : (version.data ?? published.data);
  return (
    <Page
      title={name}
      above={above}
      help={
        <Group gap="xs">
          <StateTag state={template.status ?? 'draft'} />
          {published.data.archived && <StateTag state="archived" />}
          <span>
            {t.version} {template.version}
          </span>
        </Group>
      }
      actions={<Actions template={template} isArchived={published.data.archived === true} />}
    >
      <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
        <Section title={t.preview}>
          <Preview key={template.version} template={template} />
        </Section>
        <Stack>
          <Section title={t.versions}>
            <Versions
              name={name}
              shown={template.version ?? 0}
              onShow={(n) => setShown(n === published.data.version ? undefined : n)}
            />
          </Section>
          <Section title={t.compare}>
            <Changes name={name} version={template.version ?? 1} />
          </Section>
          <Section title={t.params}>
            <About template={template} usedBy={published.data.used_by} />
          </Section>
        </Stack>
      </SimpleGrid>
    </Page>
  );
}

function Actions({ template, isArchived }: { template: Template; isArchived: boolean }) {
  const t = useText(templateTexts);
  const { can } = useAccess();
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const key = template.key ?? '';
  const reload = () => {
    void client.invalidateQueries({ queryKey: ['template', key] });
    void client.invalidateQueries({ queryKey: ['templates'] });
  };
  const publish = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/templates/{key}/versions/{n}/publish', {
          params: { path: { key, n: String(template.version ?? '') } },
        }),
      ),
    onSuccess: () => {
      say(t.publishedNow(template.version ?? 0));
      reload();
    },
  });
  const archive = useMutation({
    mutationFn: async () => {
      const params = { path: { key } };
      if (isArchived) await body(api.POST('/v1/templates/{key}/unarchive', { params }));
      else await body(api.POST('/v1/templates/{key}/archive', { params }));
    },
    onSuccess: () => {
      say(isArchived ? t.unarchived : t.archived);
      setAsking(false);
      reload();
    },
  });
  if (!can('sender')) return null;
  return (
    <>
      {!isArchived && template.published && (
        <Button component="a" href={to(['send'], { template: key })}>
          {t.send}
        </Button>
      )}
      {!template.published && (
        <Button onClick={() => publish.mutate()} loading={publish.isPending}>
          {t.useVersion}
        </Button>
      )}
      <Button
        variant="default"
        component="a"
        href={to(['templates', key, 'edit', String(template.version ?? '')])}
      >
        {t.edit}
      </Button>
      <Button variant="default" onClick={() => (isArchived ? archive.mutate() : setAsking(true))}>
        {isArchived ? t.unarchive : t.archive}
      </Button>
      {publish.error && <ProblemNote error={publish.error} />}
      {archive.error && !isAsking && <ProblemNote error={archive.error} />}
      {isAsking && (
        <Confirm
          title={t.archiveTitle}
          action={t.archive}
          isBusy={archive.isPending}
          error={archive.error}
          onConfirm={() => archive.mutate()}
          onClose={() => setAsking(false)}
        >
          {t.archiveHelp}
        </Confirm>
      )}
    </>
  );
}

function Preview({ template }: { template: Template }) {
  const t = useText(templateTexts);
  const [values, setValues] = useState<Record<string, string>>({});
  const params = useMemo(
    () => (template.params ?? []).map((param) => ({ ...param, required: false })),
    [template.params],
  );
  const given = useMemo(() => paramsOf(values, params), [values, params]);
  return (
    <Stack gap="sm">
      {params.length > 0 && (
        <details className={classes.details}>
          <summary>{t.previewHelp}</summary>
          <ParamForm params={params} values={values} onChange={setValues} error={() => undefined} />
        </details>
      )}
      <TemplatePreview template={template} params={given} version={template.version} />
    </Stack>
  );
}

function Versions({ name, shown, onShow }: { name: string; shown: number; onShow: (n: number) => void }) {
  const versions = useQuery({
    queryKey: ['template', name, 'versions'],
    queryFn: () => body(api.GET('/v1/templates/{key}/versions', { params: { path: { key: name } } })),
  });
  return <VersionButtons query={versions} shown={shown} onShow={onShow} />;
}

function Changes({ name, version }: { name: string; version: number }) {
  const t = useText(templateTexts);
  const diff = useQuery({
    queryKey: ['template', name, 'diff', version],
    queryFn: () =>
      body(
        api.GET('/v1/templates/{key}/versions/{n}/diff', {
          params: { path: { key: name, n: String(version) } },
        }),
      ),
    enabled: version > 1,
  });
  if (version <= 1) return <Text c="dimmed">{t.noChanges}</Text>;
  if (diff.isPending) return <Loading />;
  if (diff.isError) return <ProblemNote error={diff.error} />;
  const changes = diff.data.changes ?? [];
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        {t.compareWith(version, diff.data.against ?? version - 1)}
      </Text>
      {changes.length === 0 && <Text size="sm">{t.noChanges}</Text>}
      {changes.map((change) => (
        <Change key={change.pointer} change={change} />
      ))}
    </Stack>
  );
}

const shownValue = (value: unknown): string =>
  value === null || value === undefined
    ? ''
    : typeof value === 'string'
      ? value
      : JSON.stringify(value, null, 2);

function Change({ change }: { change: NonNullable<Body<'TemplateDiff'>['changes']>[number] }) {
  const t = useText(templateTexts);
  const before = shownValue(change.before);
  const after = shownValue(change.after);
  return (
    <div>
      <Code>{change.pointer}</Code>
      {change.diff ? (
        <pre className={classes.diff}>{change.diff}</pre>
      ) : (
        <>
          {before && (
            <pre className={classes.diff} data-kind="before">
              <span className={classes.sign}>− {t.before}: </span>
              {before}
            </pre>
          )}
          {after && (
            <pre className={classes.diff} data-kind="after">
              <span className={classes.sign}>+ {t.after}: </span>
              {after}
            </pre>
          )}
        </>
      )}
    </div>
  );
}

function About({ template, usedBy }: { template: Template; usedBy: Template['used_by'] }) {
  const t = useText(templateTexts);
  const c = useText(common);
  const params = template.params ?? [];
  return (
    <Stack gap="sm">
      {params.length > 0 && (
        <DataTable
          caption={t.params}
          rows={params}
          id={(row) => row.name}
          columns={[
            { name: t.paramName, cell: (row) => <Code>{row.name}</Code> },
            { name: t.paramType, cell: (row) => t.types[row.type ?? 'string'] ?? row.type },
            {
              name: c.status,
              cell: (row) => (
                <Group gap={4}>
                  {row.required && <Tag tone="info">{t.paramRequired}</Tag>}
                  {row.sensitive && <Tag tone="warn">{t.paramSensitive}</Tag>}
                </Group>
              ),
            },
          ]}
        />
      )}
      <Facts
        items={[
          [t.category, template.category ?? 'general'],
          [t.defaultLocale, template.default_locale],
          [t.layout, template.layout ?? t.noLayout],
          [t.rules, usedBy?.rules?.join(', ') || c.none],
          [t.schedules, usedBy?.schedules?.join(', ') || c.none],
        ]}
      />
    </Stack>
  );
}
