import { Select, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api, body } from '@/api/client';
import { useTemplates } from '@/api/lists';
import { language, useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import { ChannelPreview } from '@/ui/preview';
import { framedHtml, framedText, mailOf } from './frame';
import { layoutTexts } from './texts';

const SETTLED_MS = 300;

/** A sample mail, or that of a template, in this layout. */
export function LayoutPreview({ html, text }: { html: string; text: string }) {
  const t = useText(layoutTexts);
  const [chosen, setChosen] = useState<string | null>(null);
  const templates = useTemplates();
  const settings = useQuery({
    queryKey: ['settings', 'brand'],
    queryFn: () => body(api.GET('/v1/settings')),
  });
  const template = useQuery({
    queryKey: ['template', chosen],
    queryFn: () => body(api.GET('/v1/templates/{key}', { params: { path: { key: chosen ?? '' } } })),
    enabled: chosen !== null,
  });
  const [layout] = useDebouncedValue(
    useMemo(() => ({ html, text }), [html, text]),
    SETTLED_MS,
  );
  const values = {
    mail: chosen && template.data ? mailOf(template.data) : t.sampleMail,
    brand: settings.data?.brand ?? {},
    locale: (chosen && template.data?.default_locale) || language(),
  };
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t.previewHelp}
      </Text>
      <Select
        size="xs"
        label={t.mail}
        placeholder={t.sample}
        clearable
        searchable
        data={(templates.data?.data ?? []).map((one) => one.key ?? '')}
        value={chosen}
        onChange={setChosen}
      />
      {template.error && <ProblemNote error={template.error} />}
      <ChannelPreview
        channel="email"
        content={{
          subject: values.mail.subject,
          html: framedHtml(layout.html, values),
          text: framedText(layout.text, values),
        }}
      />
    </Stack>
  );
}
