import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { asProblem, complaint } from '@/api/problem';
import { type Session, sessions } from '@/api/session';
import { go, to } from '@/app/router';
import { useText } from '@/text/language';
import { Loading, ProblemNote } from '@/ui/basics';
import { Front } from './sign-in';
import { signInTexts } from './texts';

const isSession = (answer: unknown): answer is Session =>
  typeof answer === 'object' && answer !== null && 'csrf' in answer && 'member' in answer;

/** Where the link of an invitation, or of a forgotten password, leads. */
export function JoinPage({ token }: { token: string }) {
  const t = useText(signInTexts);
  const client = useQueryClient();
  const [name, setName] = useState<string>();
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const [code, setCode] = useState('');
  const [differs, setDiffers] = useState(false);
  const invitation = useQuery({
    queryKey: ['invitation', token],
    queryFn: () => sessions.look(token),
    retry: false,
    staleTime: Infinity,
  });
  const known = invitation.data;
  const knownName = known?.member?.name ?? known?.name ?? '';
  const email = known?.member?.email ?? known?.email;
  const accept = useMutation({
    // Who has a second factor needs it here too: a link alone does not get around it.
    mutationFn: () =>
      sessions.accept(token, password, name?.trim() || undefined, code.replace(/\s/g, '') || undefined),
    onSuccess: (answer) => {
      if (!isSession(answer)) return;
      client.setQueryData(['session'], answer);
      go(to([]), { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setDiffers(password !== repeated);
    if (password === repeated) accept.mutate();
  };

  const problem = accept.error ? asProblem(accept.error) : undefined;
  const asksForCode = problem?.code === 'totp_required' || problem?.code === 'wrong_code';
  if (invitation.isPending) return <Loading />;
  if (invitation.isError) {
    const failure = asProblem(invitation.error);
    return (
      <Front title={t.join.title}>
        {failure.isUnreachable ? (
          <ProblemNote error={failure} retry={() => void invitation.refetch()} />
        ) : (
          <Stack>
            <Text>{t.join.invalid}</Text>
            <Button variant="default" onClick={() => go(to([]))}>
              {t.join.toSignIn}
            </Button>
          </Stack>
        )}
      </Front>
    );
  }
  if (accept.isSuccess && !isSession(accept.data)) {
    return (
      <Front title={t.join.title}>
        <Stack>
          <Text role="status">{t.join.done}</Text>
          <Button onClick={() => go(to([]))}>{t.join.toSignIn}</Button>
        </Stack>
      </Front>
    );
  }
  return (
    <Front title={t.join.title}>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <Text size="sm">{t.join.help(knownName || email || '')}</Text>
          {problem && !asksForCode && <ProblemNote error={problem} shown={['/name', '/password', '/code']} />}
          {email && <TextInput label={t.email} value={email} readOnly autoComplete="username" />}
          <TextInput
            label={t.join.name}
            autoComplete="name"
            value={name ?? knownName}
            onChange={(e) => setName(e.currentTarget.value)}
            error={complaint(accept.error, '/name')}
          />
          <PasswordInput
            label={t.join.choose}
            description={t.join.chooseHelp}
            autoComplete="new-password"
            required
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
            error={complaint(accept.error, '/password')}
            visibilityToggleButtonProps={{ 'aria-label': t.show, tabIndex: 0 }}
          />
          <PasswordInput
            label={t.join.repeat}
            autoComplete="new-password"
            required
            value={repeated}
            onChange={(e) => {
              setRepeated(e.currentTarget.value);
              setDiffers(false);
            }}
            error={differs ? t.join.differs : undefined}
            visibilityToggleButtonProps={{ 'aria-label': t.show, tabIndex: 0 }}
          />
          {(asksForCode || code !== '') && (
            <TextInput
              label={t.code}
              description={t.codeHelp}
              autoComplete="one-time-code"
              required
              autoFocus
              value={code}
              onChange={(e) => setCode(e.currentTarget.value)}
              error={problem?.code === 'wrong_code' ? t.wrongCode : complaint(problem, '/code')}
            />
          )}
          <Button type="submit" loading={accept.isPending} mt="xs">
            {t.join.submit}
          </Button>
        </Stack>
      </form>
    </Front>
  );
}
