import { SegmentedControl, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useTemplates } from '@/api/lists';
import { useText } from '@/text/language';
import type { Draft, Param } from './draft';
import { at, type Change } from './form';
import { ParamForm } from './params';
import { sendTexts } from './texts';
import classes from './send.module.css';

interface Props {
  draft: Draft;
  change: Change;
  params: Param[];
  error: unknown;
}

export function Content({ draft, change, params, error }: Props) {
  const t = useText(sendTexts);
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label={t.kind}
        value={draft.kind}
        onChange={(kind) => change({ kind: kind as Draft['kind'] })}
        data={Object.entries(t.kinds).map(([value, label]) => ({ value, label }))}
        style={{ alignSelf: 'flex-start' }}
      />
      {draft.kind === 'template' ? (
        <TemplateChoice draft={draft} change={change} params={params} error={error} />
      ) : (
        <OwnText draft={draft} change={change} error={error} />
      )}
    </Stack>
  );
}

function TemplateChoice({ draft, change, params, error }: Props) {
  const t = useText(sendTexts);
  const templates = useTemplates();
  const usable = (templates.data?.data ?? []).filter((x) => x.published && !x.archived);
  if (templates.isSuccess && usable.length === 0) return <Text c="dimmed">{t.noTemplates}</Text>;
  return (
    <>
      <Select
        label={t.template}
        required
        searchable
        data={usable.map((x) => ({ value: x.key ?? '', label: x.key ?? '' }))}
        value={draft.template}
        onChange={(template) => change({ template, params: {} })}
        error={at(error, '/template')}
      />
      {params.length > 0 && (
        <fieldset className={classes.group}>
          <Text component="legend" size="sm" fw={600} mb={6}>
            {t.params}
          </Text>
          <ParamForm
            params={params}
            values={draft.params}
            onChange={(values) => change({ params: values })}
            error={(name) => at(error, `/params/${name}`)}
          />
        </fieldset>
      )}
    </>
  );
}

function OwnText({ draft, change, error }: Omit<Props, 'params'>) {
  const t = useText(sendTexts);
  const { own } = draft;
  const set = (part: Partial<Draft['own']>) => change({ own: { ...own, ...part } });
  const isOpen = Boolean(
    own.subject || own.html || own.sms || own.voice || at(error, '/email', '/sms', '/voice'),
  );
  return (
    <>
      <TextInput
        label={t.titleField}
        value={own.title}
        onChange={(e) => set({ title: e.currentTarget.value })}
        error={at(error, '/title')}
      />
      <Textarea
        label={t.body}
        autosize
        minRows={3}
        maxRows={16}
        value={own.body}
        onChange={(e) => set({ body: e.currentTarget.value })}
        error={at(error, '/body')}
      />
      <TextInput
        label={t.url}
        type="url"
        value={own.url}
        onChange={(e) => set({ url: e.currentTarget.value })}
        error={at(error, '/url')}
      />
      <TextInput
        label={t.image}
        type="url"
        value={own.image}
        onChange={(e) => set({ image: e.currentTarget.value })}
        error={at(error, '/image')}
      />
      <details className={classes.details} open={isOpen || undefined}>
        <summary>{t.perChannel}</summary>
        <Stack gap="sm" mt="xs">
          <TextInput
            label={t.subject}
            value={own.subject}
            onChange={(e) => set({ subject: e.currentTarget.value })}
            error={at(error, '/email/subject', '/subject')}
          />
          <Textarea
            label={t.html}
            autosize
            minRows={3}
            maxRows={16}
            spellCheck={false}
            value={own.html}
            onChange={(e) => set({ html: e.currentTarget.value })}
            error={at(error, '/email/html')}
          />
          <Textarea
            label={t.sms}
            autosize
            minRows={2}
            value={own.sms}
            onChange={(e) => set({ sms: e.currentTarget.value })}
            error={at(error, '/sms', '/sms/body')}
          />
          <Textarea
            label={t.voice}
            autosize
            minRows={2}
            value={own.voice}
            onChange={(e) => set({ voice: e.currentTarget.value })}
            error={at(error, '/voice', '/voice/text')}
          />
        </Stack>
      </details>
    </>
  );
}
