import { Button, Group, PasswordInput, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { asProblem, complaint } from '@/api/problem';
import { type OtherSession, sessions } from '@/api/session';
import { useAccess } from '@/app/session';
import { signInTexts } from '@/pages/sign-in/texts';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Facts, Loading, Page, ProblemNote, Section, Tag, Time } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { DataTable } from '@/ui/table';
import { accountTexts } from './texts';
import { SecondFactor } from './second-factor';

export function AccountPage() {
  const t = useText(accountTexts);
  const c = useText(common);
  const { session } = useAccess();
  const appsOf = (project: string) => {
    const apps = session.member.apps?.[project] ?? [];
    return apps.length > 0 ? ` (${apps.join(', ')})` : '';
  };
  return (
    <Page title={t.title}>
      <Section title={t.whoTitle}>
        <Facts
          items={[
            [c.name, session.member.name],
            [t.email, session.member.email],
            [
              t.roles,
              Object.entries(session.member.grants)
                .map(
                  ([project, role]) =>
                    `${project === '*' ? t.everyProject : project}: ${c.roles[role] ?? role}${appsOf(project)}`,
                )
                .join(', '),
            ],
          ]}
        />
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Section title={t.passwordTitle}>
          <PasswordForm />
        </Section>
        <Section title={t.totpTitle}>
          <SecondFactor />
        </Section>
      </SimpleGrid>
      <Section title={t.sessionsTitle}>
        <Sessions />
      </Section>
    </Page>
  );
}

function PasswordForm() {
  const t = useText(accountTexts);
  const s = useText(signInTexts);
  const [values, setValues] = useState({ present: '', next: '', repeat: '' });
  const [differs, setDiffers] = useState(false);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => sessions.changePassword(values.present, values.next),
    onSuccess: () => {
      setValues({ present: '', next: '', repeat: '' });
      void client.invalidateQueries({ queryKey: ['session'] });
      void client.invalidateQueries({ queryKey: ['sessions'] });
      say(t.changed);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setDiffers(values.next !== values.repeat);
    if (values.next === values.repeat) change.mutate();
  };
  // A wrong present password may be told as such, or of the field.
  const isWrong =
    change.error && ['wrong_password', 'wrong_credentials'].includes(asProblem(change.error).code);
  const toggle = { 'aria-label': s.show, tabIndex: 0 };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {change.error && !isWrong && <ProblemNote error={change.error} shown={['/current', '/new']} />}
        <PasswordInput
          label={t.present}
          autoComplete="current-password"
          required
          value={values.present}
          onChange={(e) => setValues({ ...values, present: e.currentTarget.value })}
          error={
            complaint(change.error, '/current') ?? (isWrong ? asProblem(change.error).message : undefined)
          }
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label={t.next}
          description={t.nextHelp}
          autoComplete="new-password"
          required
          value={values.next}
          onChange={(e) => setValues({ ...values, next: e.currentTarget.value })}
          error={complaint(change.error, '/new')}
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label={t.repeat}
          autoComplete="new-password"
          required
          value={values.repeat}
          onChange={(e) => {
            setValues({ ...values, repeat: e.currentTarget.value });
            setDiffers(false);
          }}
          error={differs ? t.differs : undefined}
          visibilityToggleButtonProps={toggle}
        />
        <Group>
          <Button type="submit" loading={change.isPending}>
            {t.change}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Sessions() {
  const t = useText(accountTexts);
  const client = useQueryClient();
  const list = useQuery({ queryKey: ['sessions'], queryFn: sessions.list });
  const end = useMutation({
    mutationFn: sessions.end,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['sessions'] });
      say(t.ended);
    },
  });
  if (list.isPending) return <Loading />;
  if (list.isError) return <ProblemNote error={list.error} retry={() => void list.refetch()} />;
  return (
    <Stack gap="sm">
      {end.error && <ProblemNote error={end.error} />}
      <DataTable<OtherSession>
        caption={t.sessionsTitle}
        rows={list.data.data}
        id={(row) => row.id}
        columns={[
          { name: t.where, cell: (row) => row.origin ?? '–' },
          {
            name: t.browser,
            cell: (row) => (
              <Text size="sm" lineClamp={1}>
                {row.user_agent ?? '–'}
              </Text>
            ),
            isMinor: true,
          },
          { name: t.began, cell: (row) => <Time at={row.created_at} />, isMinor: true },
          { name: t.seen, cell: (row) => <Time at={row.last_seen_at} relative /> },
          {
            name: t.end,
            cell: (row) =>
              row.current ? (
                <Tag tone="info">{t.thisOne}</Tag>
              ) : (
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t.endLabel(row.origin ?? row.id)}
                  onClick={() => end.mutate(row.id)}
                >
                  {t.end}
                </Button>
              ),
          },
        ]}
      />
    </Stack>
  );
}
