import { Button, Checkbox, Group, MultiSelect, Select, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { type Role, sessions } from '@/api/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, Tag } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { administerTexts } from './texts';
import { LinkDialog } from '@/ui/link-dialog';

type Member = Body<'TeamMember'> & { apps?: Record<string, string[]> };

export function MembersPage() {
  const t = useText(administerTexts);
  const c = useText(common);
  const [editing, setEditing] = useState<Member | 'new'>();
  const [removing, setRemoving] = useState<Member>();
  const [resetting, setResetting] = useState<Member>();
  const [link, setLink] = useState<{ url: string; expires_at: string }>();
  const list = useQuery({ queryKey: ['members'], queryFn: () => body(api.GET('/v1/members')) });
  const invite = useMutation({ mutationFn: sessions.invite, onSuccess: setLink });
  return (
    <Page
      title={t.members}
      help={t.membersHelp}
      actions={<Button onClick={() => setEditing('new')}>{t.freshMember}</Button>}
    >
      <QueryTable<Member>
        query={list}
        caption={t.members}
        empty={t.membersNone}
        id={(row) => row.key ?? ''}
        columns={[
          {
            name: c.name,
            cell: (row) => (
              <>
                <Text size="sm" fw={600}>
                  {row.name || row.key}
                </Text>
                <Text size="xs" c="dimmed">
                  {row.key}
                </Text>
              </>
            ),
          },
          { name: t.email, cell: (row) => row.email ?? '–', isMinor: true },
          {
            name: t.grants,
            cell: (row) => (
              <Group gap={4}>
                {row.disabled && <Tag tone="bad">{t.disabled}</Tag>}
                {Object.entries(row.grants).map(([project, role]) => (
                  <Tag key={project} tone="info">
                    {project === '*' ? t.everyProject : project}: {c.roles[role] ?? role}
                    {row.apps?.[project]?.length ? ` (${row.apps[project].join(', ')})` : ''}
                  </Tag>
                ))}
              </Group>
            ),
          },
          {
            name: c.actions,
            cell: (row) => (
              <Group gap={6} wrap="nowrap">
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t.editLabel(row.name || row.key || '')}
                  onClick={() => setEditing(row)}
                >
                  {t.edit}
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t.inviteFor(row.name || row.key || '')}
                  loading={invite.isPending && invite.variables === row.key}
                  onClick={() => invite.mutate(row.key ?? '')}
                >
                  {t.invite}
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t.resetLabel(row.name || row.key || '')}
                  onClick={() => setResetting(row)}
                >
                  {t.reset}
                </Button>
                <Button
                  size="compact-xs"
                  variant="subtle"
                  color="red"
                  aria-label={t.removeMemberLabel(row.name || row.key || '')}
                  onClick={() => setRemoving(row)}
                >
                  {t.removeMember}
                </Button>
              </Group>
            ),
          },
        ]}
      />
      {editing && (
        <MemberDialog
          member={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onMade={(key) => {
            setEditing(undefined);
            invite.mutate(key);
          }}
        />
      )}
      {resetting && (
        <ResetDialog
          member={resetting}
          onClose={() => setResetting(undefined)}
          onReset={(made) => {
            setResetting(undefined);
            setLink(made);
          }}
        />
      )}
      {removing && <RemoveDialog member={removing} onClose={() => setRemoving(undefined)} />}
      {link && (
        <LinkDialog
          title={t.inviteTitle}
          help={t.inviteHelp}
          url={link.url}
          until={t.inviteExpires}
          expiresAt={link.expires_at}
          onClose={() => setLink(undefined)}
        />
      )}
    </Page>
  );
}

interface MemberDialogProps {
  member: Member | undefined;
  onClose: () => void;
  onMade: (key: string) => void;
}

function MemberDialog({ member, onClose, onMade }: MemberDialogProps) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [key, setKey] = useState(member?.key ?? '');
  const [name, setName] = useState(member?.name ?? '');
  const [email, setEmail] = useState(member?.email ?? '');
  const [isDisabled, setDisabled] = useState(member?.disabled === true);
  const [grants, setGrants] = useState<Record<string, Role>>(member?.grants ?? {});
  const [apps, setApps] = useState<Record<string, string[]>>(member?.apps ?? {});
  const projects = useQuery({ queryKey: ['projects'], queryFn: () => body(api.GET('/v1/projects')) });
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/members/{key}', {
          params: { path: { key: key.trim() } },
          body: {
            name: name.trim(),
            email: email.trim() || undefined,
            grants,
            ...boundOf(apps, grants),
            disabled: isDisabled,
          },
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['members'] });
      if (member) onClose();
      else onMade(key.trim());
    },
  });
  const rows = [
    { key: '*', name: t.everyProject },
    ...(projects.data?.data ?? []).map((p) => ({ key: p.key ?? '', name: p.name || (p.key ?? '') })),
  ];
  const setRole = (project: string, role: string | null) => {
    const kept = Object.fromEntries(Object.entries(grants).filter(([other]) => other !== project));
    setGrants(role ? { ...kept, [project]: role as Role } : kept);
  };
  const roles = Object.entries(c.roles).map(([value, label]) => ({ value, label }));
  return (
    <Confirm
      size="xl"
      title={member ? t.editLabel(member.name ?? '') : t.freshMember}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={key.trim() === ''}
      error={save.error}
      shown={['/key', '/name', '/email', '/grants', '/apps']}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={c.name}
        required
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        error={complaint(save.error, '/name')}
      />
      <TextInput
        label={t.email}
        type="email"
        required
        value={email}
        onChange={(e) => setEmail(e.currentTarget.value)}
        error={complaint(save.error, '/email')}
      />
      {!member && (
        <TextInput
          label={t.memberKey}
          description={t.memberKeyHelp}
          required
          value={key}
          onChange={(e) => setKey(e.currentTarget.value)}
          error={complaint(save.error, '/key')}
        />
      )}
      <Table.ScrollContainer minWidth={520}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t.project}</Table.Th>
              <Table.Th scope="col">{t.role}</Table.Th>
              <Table.Th scope="col">{t.boundTo}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((project) => (
              <Table.Tr key={project.key}>
                <Table.Th scope="row" fw={400}>
                  {project.name}
                </Table.Th>
                <Table.Td>
                  <Select
                    size="xs"
                    aria-label={`${t.role}: ${project.name}`}
                    placeholder={t.noRole}
                    clearable
                    data={roles}
                    value={grants[project.key] ?? null}
                    onChange={(role) => setRole(project.key, role)}
                    error={complaint(save.error, `/grants/${project.key}`)}
                  />
                </Table.Td>
                <Table.Td>
                  {isBindable(project.key, grants) && (
                    <AppChoice
                      project={project.key}
                      label={`${t.boundTo}: ${project.name}`}
                      chosen={apps[project.key] ?? []}
                      onChange={(chosen) => setApps({ ...apps, [project.key]: chosen })}
                      error={complaint(save.error, `/apps/${project.key}`)}
                    />
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <ul style={{ margin: 0, paddingInlineStart: '1.2rem' }}>
        {roles.map(({ value, label }) => (
          <li key={value}>
            <Text size="xs" c="dimmed">
              {label}: {t.roleHelp[value]}
            </Text>
          </li>
        ))}
      </ul>
      {complaint(save.error, '/grants') && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {complaint(save.error, '/grants')}
        </Text>
      )}
      {member && (
        <Checkbox
          label={t.disable}
          checked={isDisabled}
          onChange={(e) => setDisabled(e.currentTarget.checked)}
        />
      )}
    </Confirm>
  );
}

/** Administrators see all, and so does whoever has a role in every project. */
const isBindable = (project: string, grants: Record<string, Role>): boolean =>
  project !== '*' && (grants[project] === 'viewer' || grants[project] === 'sender');

/** What is sent of the apps: of projects in which somebody can be bound, and is. */
export function boundOf(
  apps: Record<string, string[]>,
  grants: Record<string, Role>,
): { apps?: Record<string, string[]> } {
  const bound = Object.entries(apps).filter(
    ([project, names]) => names.length > 0 && isBindable(project, grants),
  );
  return bound.length > 0 ? { apps: Object.fromEntries(bound) } : {};
}

interface AppChoiceProps {
  project: string;
  label: string;
  chosen: string[];
  onChange: (apps: string[]) => void;
  error: string | undefined;
}

/** The apps of a project, which need not be the one that is worked in. */
function AppChoice({ project, label, chosen, onChange, error }: AppChoiceProps) {
  const t = useText(administerTexts);
  const apps = useQuery({
    queryKey: ['apps', 'of', project],
    queryFn: () => body(api.GET('/v1/apps', { headers: { 'Carillon-Project': project } })),
  });
  return (
    <MultiSelect
      size="xs"
      aria-label={label}
      placeholder={chosen.length === 0 ? t.allApps : undefined}
      clearable
      data={[...new Set([...(apps.data?.data ?? []).map(({ name = '' }) => name), ...chosen])]}
      value={chosen}
      onChange={onChange}
      error={error}
    />
  );
}

interface ResetProps {
  member: Member;
  onClose: () => void;
  onReset: (link: { url: string; expires_at: string }) => void;
}

/** The password was forgotten, or somebody else knows it. */
function ResetDialog({ member, onClose, onReset }: ResetProps) {
  const t = useText(administerTexts);
  const [isTotpToo, setTotpToo] = useState(false);
  const reset = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/members/{key}/reset-password', {
          params: { path: { key: member.key ?? '' } },
          body: { totp: isTotpToo },
        }),
      ),
    onSuccess: onReset,
  });
  return (
    <Confirm
      title={t.resetTitle(member.name || (member.key ?? ''))}
      action={t.resetAction}
      isDangerous
      isBusy={reset.isPending}
      error={reset.error}
      onConfirm={() => reset.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{t.resetHelp}</Text>
      <Checkbox
        label={t.resetTotp}
        checked={isTotpToo}
        onChange={(e) => setTotpToo(e.currentTarget.checked)}
      />
    </Confirm>
  );
}

function RemoveDialog({ member, onClose }: { member: Member; onClose: () => void }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => body(api.DELETE('/v1/members/{key}', { params: { path: { key: member.key ?? '' } } })),
    onSuccess: () => {
      say(c.removed);
      void client.invalidateQueries({ queryKey: ['members'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={t.removeTitle(member.name || (member.key ?? ''))}
      action={t.removeMember.replace('…', '')}
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {t.removeHelp}
    </Confirm>
  );
}
