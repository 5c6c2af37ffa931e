import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  MultiSelect,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Table,
  Tabs,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { complaint, Problem } from '@/api/problem';
import { go, guardLeaving, to } from '@/app/router';
import { common } from '@/text/common';
import { language, useText } from '@/text/language';
import { Loading, Page, ProblemNote, Section, TextLink } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { IconPlus, IconTrash } from '@/ui/icons';
import { BESIDE_MAX, DraftPreview } from './draft-preview';
import {
  bodyOf,
  emptyForm,
  emptyLocale,
  type FieldName,
  FIELDS,
  formOf,
  type LocaleForm,
  type TemplateForm,
} from './model';
import classes from './templates.module.css';
import { templateTexts } from './texts';

interface Props {
  /** Without one, a new template. */
  template?: string;
  version?: string;
}

export function EditorPage({ template, version }: Props) {
  const stored = useQuery({
    queryKey: ['template', template, 'edit', version],
    queryFn: () =>
      version
        ? body(
            api.GET('/v1/templates/{key}/versions/{n}', {
              params: { path: { key: template ?? '', n: version } },
            }),
          )
        : body(api.GET('/v1/templates/{key}', { params: { path: { key: template ?? '' } } })),
    enabled: template !== undefined,
    staleTime: Infinity,
    gcTime: 0,
  });
  if (template === undefined) return <Editor initial={emptyForm(language())} isNew />;
  if (stored.isPending || stored.isError) {
    return (
      <Page title={template} above={<TextLink to={to(['templates', template])}>← {template}</TextLink>}>
        {stored.isPending ? <Loading /> : <ProblemNote error={stored.error} />}
      </Page>
    );
  }
  return <Editor initial={formOf(stored.data)} isNew={false} />;
}

function Editor({ initial, isNew }: { initial: TemplateForm; isNew: boolean }) {
  const t = useText(templateTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [form, setForm] = useState(initial);
  const [wantsBeside, setBeside] = useState(false);
  const isBeside = wantsBeside && Object.keys(form.locales).length > 1;
  const set = (part: Partial<TemplateForm>) => setForm({ ...form, ...part });
  const save = useMutation({
    mutationFn: (publish: boolean) =>
      body(
        api.PUT('/v1/templates/{key}', {
          params: { path: { key: form.key.trim() }, query: { publish: String(publish) } },
          body: bodyOf(form),
        }),
      ),
    onSuccess: (saved, publish) => {
      say(publish ? t.publishedNow(saved.version ?? 1) : t.saved(saved.version ?? 1));
      void client.invalidateQueries({ queryKey: ['template', form.key.trim()] });
      void client.invalidateQueries({ queryKey: ['templates'] });
    },
  });
  const { isSuccess } = save;
  useEffect(() => {
    if (isSuccess) go(to(['templates', form.key.trim()]));
  }, [isSuccess, form.key]);
  useEffect(
    () =>
      guardLeaving(() =>
        !isSuccess && JSON.stringify(form) !== JSON.stringify(initial) ? c.leave : undefined,
      ),
    [form, initial, isSuccess, c.leave],
  );
  const error = save.error instanceof SyntaxError ? undefined : save.error;
  return (
    <Page
      title={isNew ? t.fresh : form.key}
      above={
        <TextLink to={isNew ? to(['templates']) : to(['templates', form.key])}>
          ← {isNew ? t.title : form.key}
        </TextLink>
      }
      actions={
        <>
          <Button loading={save.isPending && save.variables} onClick={() => save.mutate(true)}>
            {t.savePublish}
          </Button>
          <Button
            variant="default"
            loading={save.isPending && !save.variables}
            onClick={() => save.mutate(false)}
          >
            {t.saveDraft}
          </Button>
        </>
      }
    >
      {error && (
        <ProblemNote
          error={error}
          shown={['/key', '/category', '/channels', '/content', '/params', '/layout', '/default_locale']}
        />
      )}
      <Section title={t.basics}>
        <Basics form={form} set={set} isNew={isNew} error={error} />
      </Section>
      <Section title={t.params}>
        <Params form={form} set={set} error={error} />
      </Section>
      <SimpleGrid cols={{ base: 1, lg: isBeside ? 1 : 2 }} style={{ alignItems: 'start' }}>
        <Section title={t.content}>
          <Locales form={form} set={set} error={error} isBeside={isBeside} onBeside={setBeside} />
        </Section>
        <div className={isBeside ? undefined : classes.beside}>
          <Section title={t.preview}>
            <DraftPreview form={form} isBeside={isBeside} />
          </Section>
        </div>
      </SimpleGrid>
    </Page>
  );
}

interface PartProps {
  form: TemplateForm;
  set: (part: Partial<TemplateForm>) => void;
  error: unknown;
}

function Basics({ form, set, isNew, error }: PartProps & { isNew: boolean }) {
  const t = useText(templateTexts);
  const c = useText(common);
  const categories = useCategories();
  const layouts = useQuery({ queryKey: ['layouts'], queryFn: () => body(api.GET('/v1/layouts')) });
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
      <TextInput
        label={t.key}
        description={isNew ? t.keyHelp : undefined}
        required
        readOnly={!isNew}
        value={form.key}
        onChange={(e) => set({ key: e.currentTarget.value })}
        error={complaint(error, '/key')}
      />
      <Select
        label={t.category}
        placeholder="general"
        clearable
        searchable
        data={(categories.data?.data ?? []).map((category) => category.key ?? '')}
        value={form.category}
        onChange={(category) => set({ category })}
        error={complaint(error, '/category')}
      />
      <MultiSelect
        label={t.channels}
        data={Object.entries(c.channels).map(([value, label]) => ({ value, label }))}
        value={form.channels}
        onChange={(channels) => set({ channels })}
        error={complaint(error, '/channels')}
      />
      <Select
        label={t.defaultLocale}
        allowDeselect={false}
        data={Object.keys(form.locales)}
        value={form.default_locale}
        onChange={(locale) => locale && set({ default_locale: locale })}
        error={complaint(error, '/default_locale')}
      />
      <Select
        label={t.layout}
        placeholder={t.noLayout}
        clearable
        data={(layouts.data?.data ?? []).map((layout) => layout.key ?? '')}
        value={form.layout}
        onChange={(layout) => set({ layout })}
        error={complaint(error, '/layout')}
      />
      <Select
        label={t.syntax}
        allowDeselect={false}
        data={Object.entries(t.syntaxes).map(([value, label]) => ({ value, label }))}
        value={form.syntax}
        onChange={(syntax) => syntax && set({ syntax })}
      />
    </SimpleGrid>
  );
}

function Params({ form, set, error }: PartProps) {
  const t = useText(templateTexts);
  const c = useText(common);
  const change = (index: number, part: Partial<TemplateForm['params'][number]>) =>
    set({ params: form.params.map((param, i) => (i === index ? { ...param, ...part } : param)) });
  return (
    <Stack gap="xs" align="flex-start">
      {form.params.length > 0 && (
        <Table.ScrollContainer minWidth={620} w="100%">
          <Table>
            <Table.Thead>
              <Table.Tr>
                {[t.paramName, t.paramType, t.paramSample, t.paramRequired, t.paramSensitive, c.actions].map(
                  (name) => (
                    <Table.Th key={name} scope="col">
                      {name}
                    </Table.Th>
                  ),
                )}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {form.params.map((param, index) => (
                <Table.Tr key={index}>
                  <Table.Td>
                    <TextInput
                      size="xs"
                      aria-label={t.paramName}
                      value={param.name}
                      onChange={(e) => change(index, { name: e.currentTarget.value })}
                      error={complaint(error, `/params/${index}`)}
                    />
                  </Table.Td>
                  <Table.Td>
                    <Select
                      size="xs"
                      aria-label={`${t.paramType} ${param.name}`}
                      allowDeselect={false}
                      data={Object.entries(t.types).map(([value, label]) => ({ value, label }))}
                      value={param.type ?? 'string'}
                      onChange={(type) => change(index, { type: type as NonNullable<typeof param.type> })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <TextInput
                      size="xs"
                      aria-label={`${t.paramSample} ${param.name}`}
                      value={param.sample}
                      onChange={(e) => change(index, { sample: e.currentTarget.value })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <Checkbox
                      aria-label={`${t.paramRequired} ${param.name}`}
                      checked={param.required === true}
                      onChange={(e) => change(index, { required: e.currentTarget.checked })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <Checkbox
                      aria-label={`${t.paramSensitive} ${param.name}`}
                      checked={param.sensitive === true}
                      onChange={(e) => change(index, { sensitive: e.currentTarget.checked })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t.removeParam(param.name)}
                      onClick={() => set({ params: form.params.filter((_, i) => i !== index) })}
                    >
                      <IconTrash />
                    </ActionIcon>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlus size={14} />}
        onClick={() =>
          set({ params: [...form.params, { name: '', type: 'string', required: true, sample: '' }] })
        }
      >
        {t.addParam}
      </Button>
    </Stack>
  );
}

interface LocalesProps extends PartProps {
  isBeside: boolean;
  onBeside: (isBeside: boolean) => void;
}

function Locales({ form, set, error, isBeside, onBeside }: LocalesProps) {
  const t = useText(templateTexts);
  const [shown, setShown] = useState<string | null>(form.default_locale);
  const [code, setCode] = useState('');
  const names = Object.keys(form.locales);
  const add = () => {
    const name = code.trim();
    if (!name || form.locales[name]) return;
    set({ locales: { ...form.locales, [name]: emptyLocale() } });
    setShown(name);
    setCode('');
  };
  const fields = (name: string) => (
    <>
      <LocaleFields
        locale={name}
        content={form.locales[name] ?? emptyLocale()}
        onChange={(content) => set({ locales: { ...form.locales, [name]: content } })}
        error={error}
      />
      {names.length > 1 && name !== form.default_locale && (
        <Button
          size="xs"
          variant="subtle"
          color="red"
          mt="xs"
          onClick={() => {
            set({
              locales: Object.fromEntries(Object.entries(form.locales).filter(([key]) => key !== name)),
            });
            setShown(form.default_locale);
          }}
        >
          {t.removeLocale(name)}
        </Button>
      )}
    </>
  );
  return (
    <Stack gap="sm">
      {names.length > 1 && (
        <Switch label={t.sideBySide} checked={isBeside} onChange={(e) => onBeside(e.currentTarget.checked)} />
      )}
      {isBeside ? (
        <SimpleGrid
          cols={{ base: 1, md: Math.min(names.length, BESIDE_MAX) }}
          style={{ alignItems: 'start' }}
        >
          {names.map((name) => (
            <fieldset key={name} className={classes.group}>
              <legend>{name}</legend>
              {fields(name)}
            </fieldset>
          ))}
        </SimpleGrid>
      ) : (
        <Tabs value={shown} onChange={setShown}>
          <Tabs.List>
            {names.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {name}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {names.map((name) => (
            <Tabs.Panel key={name} value={name} pt="sm">
              {fields(name)}
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
      <Group align="flex-end" gap="xs">
        <TextInput
          size="xs"
          label={t.localeCode}
          description={t.localeHelp}
          value={code}
          onChange={(e) => setCode(e.currentTarget.value)}
        />
        <Button size="xs" variant="default" onClick={add}>
          {t.addLocale}
        </Button>
      </Group>
    </Stack>
  );
}

const LONG = new Set<FieldName>(['body', 'pushBody', 'html', 'text', 'sms', 'voice']);
const BASE: FieldName[] = ['title', 'body'];

/** What is said of a language and of none of its fields. */
function restComplaint(error: unknown, locale: string): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const base = `/content/${locale}`;
  const fields = Object.values(FIELDS).map((path) => `${base}/${path.join('/')}`);
  const rest = error.errors.filter((e) => !fields.includes(e.pointer ?? ''));
  return complaint(new Problem(error.status, { errors: rest }), base);
}

interface LocaleProps {
  locale: string;
  content: LocaleForm;
  onChange: (content: LocaleForm) => void;
  error: unknown;
}

function LocaleFields({ locale, content, onChange, error }: LocaleProps) {
  const t = useText(templateTexts);
  const label: Record<FieldName, string> = {
    title: t.titleField,
    body: t.body,
    pushTitle: t.pushTitle,
    pushBody: t.pushBody,
    subject: t.subject,
    preheader: t.preheader,
    html: t.html,
    text: t.text,
    sms: t.sms,
    voice: t.voice,
  };
  const field = (name: FieldName) => {
    const shared = {
      label: label[name],
      value: content.fields[name],
      error: complaint(error, `/content/${locale}/${FIELDS[name].join('/')}`),
      onChange: (e: { currentTarget: { value: string } }) =>
        onChange({ ...content, fields: { ...content.fields, [name]: e.currentTarget.value } }),
    };
    return LONG.has(name) ? (
      <Textarea
        key={name}
        {...shared}
        autosize
        minRows={name === 'html' ? 4 : 2}
        maxRows={20}
        spellCheck={name !== 'html'}
      />
    ) : (
      <TextInput key={name} {...shared} />
    );
  };
  let notJson = false;
  try {
    if (content.rest.trim()) JSON.parse(content.rest);
  } catch {
    notJson = true;
  }
  const others = (Object.keys(FIELDS) as FieldName[]).filter((name) => !BASE.includes(name));
  return (
    <Stack gap="sm" lang={locale}>
      {BASE.map(field)}
      <fieldset className={classes.group}>
        <legend>{t.perChannel}</legend>
        <Stack gap="sm">{others.map(field)}</Stack>
      </fieldset>
      <Textarea
        label={t.rest}
        description={t.restHelp}
        autosize
        minRows={2}
        maxRows={20}
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        value={content.rest}
        onChange={(e) => onChange({ ...content, rest: e.currentTarget.value })}
        error={notJson ? t.notJson : restComplaint(error, locale)}
      />
    </Stack>
  );
}
