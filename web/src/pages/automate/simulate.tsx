import { Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { complaint } from '@/api/problem';
import type { Explanation } from '@/api/shapes';
import { CHANNELS, recipientOf } from '@/pages/send/draft';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { ProblemNote, Section } from '@/ui/basics';
import { ExplainDetail } from '@/ui/explain';
import { automateTexts } from './texts';

const SAMPLE = 'Simulation';

/** Which way a message would go, told by the code that decides; nothing is sent. */
export function Simulate() {
  const t = useText(automateTexts);
  const c = useText(common);
  const categories = useCategories();
  const [to, setTo] = useState('');
  const [channel, setChannel] = useState<string>('email');
  const [category, setCategory] = useState<string | null>(null);
  const attempt = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/notifications/explain', {
          body: {
            to: [recipientOf(to)],
            channels: [channel as Body<'Channel'>],
            ...(category ? { category } : {}),
            title: SAMPLE,
            body: SAMPLE,
          },
        }),
      ),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate();
  };
  const ways = (attempt.data?.data ?? []) as unknown as Explanation[];
  return (
    <Section title={t.simulate}>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {t.simulateHelp}
          </Text>
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
            <TextInput
              label={t.simulateTo}
              placeholder="mina, mina@example.com, +821012345678"
              required
              value={to}
              onChange={(e) => setTo(e.currentTarget.value)}
              error={complaint(attempt.error, '/to')}
            />
            <Select
              label={c.channel}
              allowDeselect={false}
              data={CHANNELS.map((value) => ({ value, label: c.channels[value] ?? value }))}
              value={channel}
              onChange={(value) => setChannel(value ?? 'email')}
              error={complaint(attempt.error, '/channels')}
            />
            <Select
              label={c.category}
              placeholder="general"
              clearable
              data={(categories.data?.data ?? []).map(({ key = '' }) => key)}
              value={category}
              onChange={setCategory}
              error={complaint(attempt.error, '/category')}
            />
          </SimpleGrid>
          {attempt.error && <ProblemNote error={attempt.error} shown={['/to', '/channels', '/category']} />}
          <Group>
            <Button type="submit" variant="default" loading={attempt.isPending} disabled={to.trim() === ''}>
              {t.simulateRun}
            </Button>
          </Group>
          <div role="status">
            {ways.map((way, index) => (
              <ExplainDetail key={index} explanation={way} />
            ))}
          </div>
        </Stack>
      </form>
    </Section>
  );
}
