import {
  ActionIcon,
  Button,
  Chip,
  Group,
  Input,
  Radio,
  Select,
  SimpleGrid,
  Stack,
  TextInput,
} from '@mantine/core';
import { useCategories } from '@/api/lists';
import { common } from '@/text/common';
import { language, useText } from '@/text/language';
import { IconPlus, IconTrash } from '@/ui/icons';
import { CHANNELS, type Channel, type Draft, type FallbackStep } from './draft';
import { at, type Change } from './form';
import classes from './send.module.css';
import { sendTexts } from './texts';

interface Props {
  draft: Draft;
  change: Change;
  error: unknown;
}

export function Options({ draft, change, error }: Props) {
  const t = useText(sendTexts);
  const c = useText(common);
  const categories = useCategories();
  return (
    <Stack gap="md">
      <Radio.Group
        label={t.order}
        value={draft.order}
        onChange={(order) => change({ order: order as Draft['order'] })}
      >
        <Group mt={6}>
          {Object.entries(t.orders).map(([value, label]) => (
            <Radio key={value} value={value} label={label} />
          ))}
        </Group>
      </Radio.Group>
      {draft.order === 'all' ? (
        <Input.Wrapper
          label={t.channels}
          description={t.channelsHelp}
          error={at(error, '/channels')}
          labelElement="div"
        >
          <Chip.Group
            multiple
            value={draft.channels}
            onChange={(channels) => change({ channels: channels as Channel[] })}
          >
            <Group gap="xs" mt={6} role="group" aria-label={t.channels}>
              {CHANNELS.map((channel) => (
                <Chip key={channel} value={channel} size="xs">
                  {c.channels[channel]}
                </Chip>
              ))}
            </Group>
          </Chip.Group>
        </Input.Wrapper>
      ) : (
        <Fallback draft={draft} change={change} error={error} />
      )}
      <When draft={draft} change={change} error={error} />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <Select
          label={c.category}
          placeholder={t.categoryOf}
          clearable
          searchable
          data={(categories.data?.data ?? []).map(({ key = '', name }) => {
            const names = name as Record<string, string> | undefined;
            const own = names?.[language()] ?? names?.en;
            return { value: key, label: own && own !== key ? `${own} (${key})` : key };
          })}
          value={draft.category}
          onChange={(category) => change({ category })}
          error={at(error, '/category')}
        />
        <Select
          label={c.priority}
          placeholder={t.priorityOf}
          clearable
          data={Object.entries(c.priorities).map(([value, label]) => ({ value, label }))}
          value={draft.priority}
          onChange={(priority) => change({ priority })}
          error={at(error, '/priority')}
        />
      </SimpleGrid>
      <details
        className={classes.details}
        open={Boolean(at(error, '/ttl', '/event_id', '/tags')) || undefined}
      >
        <summary>{t.more}</summary>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm" mt="xs">
          <TextInput
            label={t.ttl}
            description={t.ttlHelp}
            value={draft.ttl}
            onChange={(e) => change({ ttl: e.currentTarget.value })}
            error={at(error, '/ttl')}
          />
          <TextInput
            label={t.eventId}
            description={t.eventIdHelp}
            value={draft.eventId}
            onChange={(e) => change({ eventId: e.currentTarget.value })}
            error={at(error, '/event_id')}
          />
          <TextInput
            label={t.tags}
            description={t.tagsHelp}
            value={draft.tags}
            onChange={(e) => change({ tags: e.currentTarget.value })}
            error={at(error, '/tags')}
          />
        </SimpleGrid>
      </details>
    </Stack>
  );
}

function When({ draft, change, error }: Props) {
  const t = useText(sendTexts);
  return (
    <Stack gap="xs">
      <Radio.Group
        label={t.when}
        value={draft.when}
        onChange={(when) => change({ when: when as Draft['when'] })}
      >
        <Group mt={6}>
          {Object.entries(t.whens).map(([value, label]) => (
            <Radio key={value} value={value} label={label} />
          ))}
        </Group>
      </Radio.Group>
      {draft.when !== 'now' && (
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
          <TextInput
            type="datetime-local"
            label={t.at}
            description={draft.when === 'at' ? t.atHelp : t.atLocalHelp}
            required
            value={draft.at}
            onChange={(e) => change({ at: e.currentTarget.value })}
            error={at(error, '/send_at', '/send_at/local', '/send_at/zone', '/send_at/if_past')}
          />
          {draft.when === 'local' && (
            <Select
              label={t.ifPast}
              allowDeselect={false}
              data={Object.entries(t.ifPasts).map(([value, label]) => ({ value, label }))}
              value={draft.ifPast}
              onChange={(value) => change({ ifPast: (value ?? 'next_day') as Draft['ifPast'] })}
            />
          )}
        </SimpleGrid>
      )}
    </Stack>
  );
}

const STEPS_MAX = 5;

function Fallback({ draft, change, error }: Props) {
  const t = useText(sendTexts);
  const c = useText(common);
  const set = (index: number, part: Partial<FallbackStep>) =>
    change({ fallback: draft.fallback.map((step, i) => (i === index ? { ...step, ...part } : step)) });
  return (
    <Stack gap="xs">
      {draft.fallback.map((step, index) => {
        const isLast = index === draft.fallback.length - 1;
        return (
          <fieldset key={index} className={classes.group} aria-label={t.step(index + 1)}>
            <Group align="flex-end" gap="xs">
              <Select
                w={150}
                label={t.step(index + 1)}
                allowDeselect={false}
                data={CHANNELS.map((channel) => ({ value: channel, label: c.channels[channel] ?? channel }))}
                value={step.channel}
                onChange={(channel) => channel && set(index, { channel: channel as Channel })}
                error={at(error, `/fallback/${index}`)}
              />
              {!isLast && (
                <>
                  <Select
                    w={190}
                    label={t.until}
                    allowDeselect={false}
                    data={Object.entries(t.untils).map(([value, label]) => ({ value, label }))}
                    value={step.until}
                    onChange={(until) => until && set(index, { until: until as FallbackStep['until'] })}
                  />
                  <TextInput
                    w={120}
                    label={t.wait}
                    value={step.wait}
                    placeholder="2m"
                    onChange={(e) => set(index, { wait: e.currentTarget.value })}
                  />
                </>
              )}
              {draft.fallback.length > 1 && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="lg"
                  aria-label={t.removeStep(index + 1)}
                  onClick={() => change({ fallback: draft.fallback.filter((_, i) => i !== index) })}
                >
                  <IconTrash />
                </ActionIcon>
              )}
            </Group>
          </fieldset>
        );
      })}
      {draft.fallback.length < STEPS_MAX && (
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          style={{ alignSelf: 'flex-start' }}
          onClick={() =>
            change({ fallback: [...draft.fallback, { channel: 'email', until: 'accepted', wait: '' }] })
          }
        >
          {t.addStep}
        </Button>
      )}
    </Stack>
  );
}
