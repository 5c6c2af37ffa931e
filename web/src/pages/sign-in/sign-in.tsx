import {
  Alert,
  Button,
  Center,
  Code,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { asProblem, complaint, type Problem } from '@/api/problem';
import { type Session, sessions } from '@/api/session';
import { ColorSchemeButton, LanguageButton } from '@/app/preferences';
import { useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import classes from './sign-in.module.css';
import { signInTexts } from './texts';

/** The frame of what is seen by somebody who is not signed in. */
export function Front({ title, children }: { title: string; children: ReactNode }) {
  const t = useText(signInTexts);
  useEffect(() => {
    document.title = `${title} · Carillon`;
  }, [title]);
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group gap="sm" wrap="nowrap">
          <img src="./bell.svg" alt="" width={40} height={40} />
          <div>
            <Text fw={700} size="xl" lh={1.2}>
              Carillon
            </Text>
            <Text size="sm" c="dimmed">
              {t.tagline}
            </Text>
          </div>
        </Group>
        <Paper withBorder p="lg" radius="md" className={classes.card}>
          <Title order={1} size="h3" mb="md">
            {title}
          </Title>
          {children}
        </Paper>
        <Group justify="space-between">
          <LanguageButton />
          <ColorSchemeButton />
        </Group>
      </Stack>
    </Center>
  );
}

interface FormProps {
  onSignedIn: (session: Session) => void;
  email?: string;
}

/** E-mail and password, then the code where the member has one. What was typed stays when it is refused. */
export function SignInForm({ onSignedIn, email: known }: FormProps) {
  const t = useText(signInTexts);
  const [email, setEmail] = useState(known ?? '');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [needsCode, setNeedsCode] = useState(false);
  const signIn = useMutation({
    mutationFn: () =>
      sessions.signIn(email.trim(), password, needsCode ? code.replace(/\s/g, '') : undefined),
    onSuccess: onSignedIn,
    onError: (error) => {
      const problem = asProblem(error);
      if (problem.code === 'totp_required' || problem.code === 'wrong_code') setNeedsCode(true);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  const problem = signIn.error ? asProblem(signIn.error) : undefined;
  const isAskedForCode = problem?.code === 'totp_required';
  const isWrongCode = problem?.code === 'wrong_code';

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem?.code === 'wrong_credentials' ? (
          <Alert color="red" role="alert" variant="light" className={classes.alert}>
            {t.wrong}
          </Alert>
        ) : problem?.status === 429 ? (
          <Alert color="orange" role="alert" variant="light" className={classes.alert}>
            {t.tooMany(problem.retryAfter ?? 60)}
          </Alert>
        ) : (
          problem &&
          !isAskedForCode &&
          !isWrongCode && <ProblemNote error={problem} shown={['/email', '/password', '/code']} />
        )}
        <TextInput
          label={t.email}
          type="email"
          autoComplete="username"
          required
          value={email}
          onChange={(e) => setEmail(e.currentTarget.value)}
          error={complaint(problem, '/email')}
          readOnly={known !== undefined}
          data-autofocus={known === undefined || undefined}
        />
        <PasswordInput
          label={t.password}
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          error={complaint(problem, '/password')}
          visibilityToggleButtonProps={{ 'aria-label': t.show, tabIndex: 0 }}
          data-autofocus={known !== undefined || undefined}
        />
        {needsCode && (
          <TextInput
            label={t.code}
            description={t.codeHelp}
            autoComplete="one-time-code"
            inputMode="text"
            required
            autoFocus
            value={code}
            onChange={(e) => setCode(e.currentTarget.value)}
            error={isWrongCode ? t.wrongCode : complaint(problem, '/code')}
          />
        )}
        <Button type="submit" loading={signIn.isPending} mt="xs">
          {t.submit}
        </Button>
      </Stack>
    </form>
  );
}

export function SignInPage({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const t = useText(signInTexts);
  return (
    <Front title={t.title}>
      <SignInForm onSignedIn={onSignedIn} />
      <details className={classes.forgot}>
        <summary>{t.forgot}</summary>
        <Text size="sm" mt="xs">
          {t.forgotHelp}
        </Text>
        <Code block mt="xs">
          carillon admin reset-password NAME
        </Code>
      </details>
    </Front>
  );
}

export function Failed({ problem, retry }: { problem: Problem; retry: () => void }) {
  const t = useText(signInTexts);
  return (
    <Front title={t.failedTitle}>
      <ProblemNote error={problem} retry={retry} />
    </Front>
  );
}

export function NoProject({ session, signOut }: { session: Session; signOut: () => Promise<void> }) {
  const t = useText(signInTexts);
  return (
    <Front title={session.member.name}>
      <Text mb="md">{t.noProject}</Text>
      <Button variant="default" onClick={() => void signOut()}>
        {t.signOut}
      </Button>
    </Front>
  );
}
