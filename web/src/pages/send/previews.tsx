import { SegmentedControl, Stack, Tabs, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import type { Rendered } from '@/api/shapes';
import { common } from '@/text/common';
import { language, useText } from '@/text/language';
import { Loading, ProblemNote } from '@/ui/basics';
import { ChannelPreview } from '@/ui/preview';
import { CHANNELS, type Draft, type Param, paramsOf } from './draft';
import { sendTexts } from './texts';

const SETTLED_MS = 400;

/** Each channel in a tab. */
export function ChannelTabs({ contents }: { contents: Record<string, Rendered> }) {
  const c = useText(common);
  const channels = CHANNELS.filter((channel) => contents[channel]);
  const [chosen, setChosen] = useState<string | null>(null);
  const shown = chosen && contents[chosen] ? chosen : (channels[0] ?? null);
  return (
    <Tabs value={shown} onChange={setChosen} keepMounted={false}>
      <Tabs.List mb="sm">
        {channels.map((channel) => (
          <Tabs.Tab key={channel} value={channel}>
            {c.channels[channel]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {channels.map((channel) => (
        <Tabs.Panel key={channel} value={channel}>
          <ChannelPreview channel={channel} content={contents[channel]} />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

/** A text that has to be given and has no sample stands as its name, so that the rest can be seen. */
export function placeholders(params: Param[]): Record<string, unknown> {
  return Object.fromEntries(
    params
      .filter(
        (p) =>
          p.required &&
          p.sample === undefined &&
          p.default === undefined &&
          (p.type ?? 'string') === 'string',
      )
      .map((p) => [p.name, `‹${p.name}›`]),
  );
}

export function TemplatePreview({
  template,
  params,
  version,
}: {
  template: Body<'Template'>;
  params: Record<string, unknown>;
  version?: number;
}) {
  const t = useText(sendTexts);
  const locales = Object.keys((template.content ?? {}) as object);
  const [locale, setLocale] = useState<string>();
  const shown =
    locale && locales.includes(locale)
      ? locale
      : (locales.find((one) => one === language() || one.startsWith(`${language()}-`)) ??
        template.default_locale ??
        'en');
  const [settled] = useDebouncedValue(params, SETTLED_MS);
  const asked = useMemo(
    () => ({ ...placeholders(template.params ?? []), ...settled }),
    [template.params, settled],
  );
  const preview = useQuery({
    queryKey: ['preview', template.key, version ?? template.version, shown, asked],
    queryFn: () =>
      body(
        api.POST('/v1/templates/{key}/preview', {
          params: { path: { key: template.key ?? '' } },
          body: { locale: shown, params: asked, ...(version ? { version } : {}) },
        }),
      ),
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <Stack gap="sm">
      {locales.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label={t.previewLanguage}
          value={shown}
          onChange={setLocale}
          data={locales}
          style={{ alignSelf: 'flex-start' }}
        />
      )}
      {preview.isPending ? (
        <Loading />
      ) : preview.isError ? (
        <ProblemNote error={preview.error} />
      ) : (
        <ChannelTabs contents={(preview.data.content ?? {}) as Record<string, Rendered>} />
      )}
    </Stack>
  );
}

/** What own text says on each chosen channel, by the rule of CONTRACT §4: blocks override the base. */
export function ownPreviews(draft: Draft): Record<string, Rendered> {
  const { own } = draft;
  const wanted =
    draft.order === 'fallback'
      ? draft.fallback.map((step) => step.channel)
      : draft.channels.length > 0
        ? draft.channels
        : CHANNELS;
  const has = own.title || own.body;
  const all: Record<string, Rendered> = {};
  for (const channel of wanted) {
    if (channel === 'email' && (has || own.subject || own.html)) {
      all.email = { subject: own.subject || own.title, html: own.html || undefined, text: own.body };
    } else if (channel === 'sms' && (own.sms || own.body)) {
      all.sms = { body: own.sms || own.body };
    } else if (channel === 'voice' && (own.voice || own.body)) {
      all.voice = { text: own.voice || own.body };
    } else if (channel === 'push' && has) {
      all.push = { title: own.title, body: own.body, image: own.image || undefined };
    } else if (has) {
      all[channel] = { title: own.title, body: own.body };
    }
  }
  return all;
}

interface Props {
  draft: Draft;
  template: Body<'Template'> | undefined;
  params: Param[];
}

export function Previews({ draft, template, params }: Props) {
  const t = useText(sendTexts);
  if (draft.kind === 'template' && template) {
    return <TemplatePreview key={template.key} template={template} params={paramsOf(draft.params, params)} />;
  }
  const contents = draft.kind === 'own' ? ownPreviews(draft) : {};
  if (Object.keys(contents).length === 0) return <Text c="dimmed">{t.previewNone}</Text>;
  return <ChannelTabs contents={contents} />;
}
