import { Button, SimpleGrid, Stack, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { go, guardLeaving, to } from '@/app/router';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, ProblemNote, Section, TextLink } from '@/ui/basics';
import { StoredPage } from '@/ui/editor';
import { say } from '@/ui/feedback';
import { KeyField, useKey } from '@/ui/resource';
import { LayoutPreview } from './preview';
import { layoutTexts } from './texts';

type Layout = Body<'Layout'>;

const START: Layout = {
  html: `<!doctype html>
<html lang="{{locale}}">
<body style="margin:0;font-family:sans-serif">
  <p style="padding:16px"><b>{{brand.name}}</b></p>
  <div style="padding:0 16px">{{{content}}}</div>
  <p style="padding:16px;color:#555;font-size:12px">{{brand.name}}</p>
</body>
</html>
`,
  text: '{{content}}\n-- \n{{brand.name}}\n',
};

/** From the version that is in use, or from the one that is named. */
export function EditPage({ name, version }: { name: string; version: string | undefined }) {
  const stored = useQuery({
    queryKey: ['layout', name, 'edit', version],
    queryFn: () =>
      version
        ? body(api.GET('/v1/layouts/{key}/versions/{n}', { params: { path: { key: name, n: version } } }))
        : body(api.GET('/v1/layouts/{key}', { params: { path: { key: name } } })),
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <StoredPage name={name} parent={{ title: name, address: to(['layouts', name]) }} query={stored}>
      {(found) => <LayoutEditor stored={found} />}
    </StoredPage>
  );
}

export function LayoutEditor({ stored }: { stored: Layout | undefined }) {
  const t = useText(layoutTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [initial] = useState({
    html: (stored ?? START).html,
    text: (stored ?? START).text ?? '',
  });
  const [form, setForm] = useState(initial);
  const set = (part: Partial<typeof form>) => setForm({ ...form, ...part });
  const [isSaved, setSaved] = useState(false);
  const list = useQuery({ queryKey: ['layouts'], queryFn: () => body(api.GET('/v1/layouts')) });
  const name = useKey(stored?.key, list.data?.data, isSaved);
  const { key } = name;
  const save = useMutation({
    mutationFn: (publish: boolean) =>
      body(
        api.PUT('/v1/layouts/{key}', {
          params: { path: { key }, query: { publish: String(publish) } },
          body: { html: form.html, ...(form.text.trim() ? { text: form.text } : {}) },
        }),
      ),
    onSuccess: (saved, publish) => {
      setSaved(true);
      say(publish ? t.publishedNow(saved.version ?? 1) : t.saved(saved.version ?? 1));
      void client.invalidateQueries({ queryKey: ['layout', key] });
      void client.invalidateQueries({ queryKey: ['layouts'] });
      void client.invalidateQueries({ queryKey: ['preview'] });
    },
  });
  useEffect(() => {
    if (isSaved) go(to(['layouts', key]));
  }, [isSaved, key]);
  useEffect(
    () =>
      guardLeaving(() =>
        !isSaved && (JSON.stringify(form) !== JSON.stringify(initial) || name.text !== (stored?.key ?? ''))
          ? c.leave
          : undefined,
      ),
    [form, initial, isSaved, name.text, stored?.key, c.leave],
  );
  const source = (name: 'html' | 'text', label: string, help: string, rows: number) => (
    <Textarea
      label={label}
      description={help}
      autosize
      minRows={rows}
      maxRows={30}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.82rem' } }}
      value={form[name]}
      onChange={(e) => set({ [name]: e.currentTarget.value })}
      error={complaint(save.error, `/${name}`)}
    />
  );
  return (
    <Page
      title={stored?.key ?? t.fresh}
      above={
        <TextLink to={stored ? to(['layouts', key]) : to(['layouts'])}>← {stored ? key : t.title}</TextLink>
      }
      actions={
        <>
          <Button
            disabled={!name.isReady}
            loading={save.isPending && save.variables}
            onClick={() => save.mutate(true)}
          >
            {t.savePublish}
          </Button>
          <Button
            variant="default"
            disabled={!name.isReady}
            loading={save.isPending && !save.variables}
            onClick={() => save.mutate(false)}
          >
            {t.saveDraft}
          </Button>
        </>
      }
    >
      {save.error && <ProblemNote error={save.error} shown={['/key', '/html', '/text']} />}
      <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
        <Section title={t.source}>
          <Stack gap="sm">
            <KeyField of={name} help={t.keyHelp} error={save.error} />
            {source('html', t.html, t.htmlHelp, 12)}
            {source('text', t.text, t.textHelp, 3)}
          </Stack>
        </Section>
        <Section title={t.preview}>
          <LayoutPreview html={form.html} text={form.text} />
        </Section>
      </SimpleGrid>
    </Page>
  );
}
