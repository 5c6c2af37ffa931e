import { Loader, Select, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '@/api/client';
import { useTemplates } from '@/api/lists';
import type { Rendered } from '@/api/shapes';
import { language, useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import { ChannelPreview } from '@/ui/preview';
import { layoutTexts } from './texts';

const SETTLED_MS = 400;

interface Answer {
  content: { email?: Rendered };
}

/** What is being written, or is stored, around a sample mail or that of a template: rendered by the server. */
export function LayoutPreview({ html, text }: { html: string; text: string }) {
  const t = useText(layoutTexts);
  const [template, setTemplate] = useState<string | null>(null);
  const templates = useTemplates();
  const [layout] = useDebouncedValue(
    useMemo(() => ({ html, ...(text.trim() ? { text } : {}) }), [html, text]),
    SETTLED_MS,
  );
  const asked = { layout, ...(template ? { template } : { locale: language() }) };
  const preview = useQuery({
    queryKey: ['preview', 'layout', asked],
    queryFn: () => call<Answer>('POST', '/v1/layouts/preview', asked),
    placeholderData: keepPreviousData,
    retry: false,
  });
  // A layout that is half written cannot be rendered: what was seen last stays, beside what is said of it.
  const [good, setGood] = useState<Answer>();
  if (preview.data && preview.data !== good) setGood(preview.data);
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
        value={template}
        onChange={setTemplate}
      />
      {preview.error && <ProblemNote error={preview.error} />}
      {good ? (
        <ChannelPreview channel="email" content={good.content.email ?? {}} />
      ) : (
        preview.isPending && <Loader size="sm" />
      )}
    </Stack>
  );
}
