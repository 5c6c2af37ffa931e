import { Loader, SimpleGrid, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { type Body, call } from '@/api/client';
import type { Rendered } from '@/api/shapes';
import { ChannelTabs, placeholders } from '@/pages/send/previews';
import { useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import { bodyOf, type TemplateForm } from './model';
import { templateTexts } from './texts';

const SETTLED_MS = 400;
// More do not fit beside each other.
export const BESIDE_MAX = 3;

type Answer = Omit<Body<'Preview'>, 'locales'> & { locales?: Record<string, Record<string, Rendered>> };

/** What is asked of the server; undefined while a part that is JSON is none. */
function askedOf(form: TemplateForm) {
  try {
    const template = bodyOf(form);
    return { template, locales: ['*'], params: placeholders(template.params ?? []) };
  } catch {
    return undefined;
  }
}

interface Props {
  form: TemplateForm;
  /** Whether languages stand beside each other, or below. */
  isBeside: boolean;
}

/** Every language as it is being written: rendered by the server with the samples, and stored nowhere. */
export function DraftPreview({ form, isBeside }: Props) {
  const t = useText(templateTexts);
  const [settled] = useDebouncedValue(form, SETTLED_MS);
  const asked = useMemo(() => askedOf(settled), [settled]);
  const preview = useQuery({
    queryKey: ['preview', 'unsaved', asked],
    queryFn: () => call<Answer>('POST', '/v1/templates/preview', asked),
    enabled: asked !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  // What is half written cannot be rendered: what was seen last stays, beside what is said of it.
  const [good, setGood] = useState<Answer>();
  if (preview.data && preview.data !== good) setGood(preview.data);
  const names = Object.keys(settled.locales).filter((name) => good?.locales?.[name]);
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t.draftPreviewHelp}
      </Text>
      {asked === undefined && <Text c="dimmed">{t.notJson}</Text>}
      {preview.error && <ProblemNote error={preview.error} />}
      {!good && preview.isFetching && <Loader size="sm" />}
      <SimpleGrid
        cols={{ base: 1, lg: isBeside ? Math.min(Math.max(names.length, 1), BESIDE_MAX) : 1 }}
        style={{ alignItems: 'start' }}
      >
        {names.map((name) => (
          <div key={name} lang={name}>
            {names.length > 1 && (
              <Text size="sm" fw={600} mb={4}>
                {name}
              </Text>
            )}
            <ChannelTabs contents={good?.locales?.[name] ?? {}} />
          </div>
        ))}
      </SimpleGrid>
    </Stack>
  );
}
