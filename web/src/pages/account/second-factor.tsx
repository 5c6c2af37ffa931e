import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useMemo, useState } from 'react';
import { encode } from 'uqr';
import { complaint } from '@/api/problem';
import { sessions } from '@/api/session';
import { useAccess } from '@/app/session';
import { useText } from '@/text/language';
import { CopyButton, Mono, ProblemNote } from '@/ui/basics';
import { Confirm } from '@/ui/feedback';
import { accountTexts } from './texts';
import { Dialog } from '@/ui/dialog';

/** Black on white in any colours of the page: cameras want it so. */
function QrCode({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => encode(text, { border: 2 }), [text]);
  const path = code.data
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('');
  return (
    <svg viewBox={`0 0 ${code.size} ${code.size}`} width={184} height={184} role="img" aria-label={label}>
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}

export function SecondFactor() {
  const t = useText(accountTexts);
  const { session } = useAccess();
  const [isEnding, setEnding] = useState(false);
  const [recovery, setRecovery] = useState<string[]>();
  const begin = useMutation({ mutationFn: sessions.beginTotp });
  if (recovery) {
    return (
      <RecoveryCodes
        codes={recovery}
        onDone={() => {
          setRecovery(undefined);
          begin.reset();
        }}
      />
    );
  }
  if (session.member.has_totp) {
    return (
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{t.totpOn}</Text>
        <Button variant="default" onClick={() => setEnding(true)}>
          {t.totpEnd}
        </Button>
        {isEnding && <EndTotp onClose={() => setEnding(false)} />}
      </Stack>
    );
  }
  if (begin.data) return <ConfirmTotp {...begin.data} onDone={setRecovery} />;
  return (
    <Stack gap="sm" align="flex-start">
      <Text size="sm">{t.totpOff}</Text>
      {begin.error && <ProblemNote error={begin.error} />}
      <Button loading={begin.isPending} onClick={() => begin.mutate()}>
        {t.totpBegin}
      </Button>
    </Stack>
  );
}

interface ConfirmTotpProps {
  secret: string;
  otpauth_url: string;
  onDone: (codes: string[]) => void;
}

function ConfirmTotp({ secret, otpauth_url, onDone }: ConfirmTotpProps) {
  const t = useText(accountTexts);
  const client = useQueryClient();
  const [code, setCode] = useState('');
  const confirm = useMutation({
    mutationFn: () => sessions.confirmTotp(code.replace(/\s/g, '')),
    onSuccess: (answer) => {
      onDone(answer.recovery_codes);
      void client.invalidateQueries({ queryKey: ['session'] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{t.totpScan}</Text>
        <QrCode text={otpauth_url} label={t.totpQr} />
        <Group gap="xs">
          <Text size="sm">{t.totpKey}:</Text>
          <Mono>{secret}</Mono>
          <CopyButton value={secret} />
        </Group>
        {confirm.error && <ProblemNote error={confirm.error} shown={['/code']} />}
        <TextInput
          label={t.totpCode}
          autoComplete="one-time-code"
          inputMode="numeric"
          required
          autoFocus
          value={code}
          onChange={(e) => setCode(e.currentTarget.value)}
          error={complaint(confirm.error, '/code')}
        />
        <Button type="submit" loading={confirm.isPending}>
          {t.totpConfirm}
        </Button>
      </Stack>
    </form>
  );
}

function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const t = useText(accountTexts);
  return (
    <Dialog onClose={onDone} title={t.recoveryTitle} closeOnClickOutside={false}>
      <Stack gap="sm">
        <Text size="sm">{t.recoveryHelp}</Text>
        <ul>
          {codes.map((code) => (
            <li key={code}>
              <Mono>{code}</Mono>
            </li>
          ))}
        </ul>
        <Group justify="space-between">
          <CopyButton value={codes.join('\n')} />
          <Button onClick={onDone}>{t.recoveryDone}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

function EndTotp({ onClose }: { onClose: () => void }) {
  const t = useText(accountTexts);
  const client = useQueryClient();
  const [password, setPassword] = useState('');
  const end = useMutation({
    mutationFn: () => sessions.endTotp(password),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['session'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={t.totpEnd}
      action={t.totpEnd}
      isDangerous
      isBusy={end.isPending}
      error={end.error}
      shown={['/password']}
      onConfirm={() => end.mutate()}
      onClose={onClose}
    >
      <PasswordInput
        label={t.present}
        description={t.totpEndHelp}
        autoComplete="current-password"
        required
        data-autofocus
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        error={complaint(end.error, '/password')}
      />
    </Confirm>
  );
}
