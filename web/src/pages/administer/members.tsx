import { Button, Checkbox, Group, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { type Role, sessions } from '@/api/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { CopyButton, Mono, Page, Tag, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { administerTexts } from './texts';
import { Dialog } from '@/ui/dialog';

type Member = Body<'TeamMember'>;

export function MembersPage() {
  const t = useText(administerTexts);
  const c = useText(common);
  const [editing, setEditing] = useState<Member | 'new'>();
  const [removing, setRemoving] = useState<Member>();
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
      {removing && <RemoveDialog member={removing} onClose={() => setRemoving(undefined)} />}
      {link && (
        <Dialog size="lg" title={t.inviteTitle} onClose={() => setLink(undefined)}>
          <Stack gap="sm">
            <Text size="sm">{t.inviteHelp}</Text>
            <Mono>{link.url}</Mono>
            <Group justify="space-between">
              <CopyButton value={link.url} />
              <Text size="sm" c="dimmed">
                {t.inviteExpires}: <Time at={link.expires_at} />
              </Text>
            </Group>
          </Stack>
        </Dialog>
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
  const projects = useQuery({ queryKey: ['projects'], queryFn: () => body(api.GET('/v1/projects')) });
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/members/{key}', {
          params: { path: { key: key.trim() } },
          body: { name: name.trim(), email: email.trim() || undefined, grants, disabled: isDisabled },
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
      title={member ? t.editLabel(member.name ?? '') : t.freshMember}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={key.trim() === ''}
      error={save.error}
      shown={['/key', '/name', '/email', '/grants']}
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
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t.project}</Table.Th>
            <Table.Th scope="col">{t.role}</Table.Th>
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
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
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
