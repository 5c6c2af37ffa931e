import { Select, SimpleGrid, Textarea, TextInput } from '@mantine/core';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import type { Param } from './draft';
import { sendTexts } from './texts';

interface Props {
  params: Param[];
  values: Record<string, string>;
  onChange: (values: Record<string, string>) => void;
  /** The complaint about a parameter, by its name. */
  error: (name: string) => string | undefined;
}

const KINDS: Partial<Record<NonNullable<Param['type']>, 'date' | 'datetime-local' | 'url'>> = {
  date: 'date',
  datetime: 'datetime-local',
  url: 'url',
};

/** The parameters a template declares, as a form. */
export function ParamForm({ params, values, onChange, error }: Props) {
  const t = useText(sendTexts);
  const c = useText(common);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      {params.map((param) => {
        const value = values[param.name] ?? '';
        const set = (text: string) => onChange({ ...values, [param.name]: text });
        const sample = param.default ?? param.sample;
        const shared = {
          label: param.name,
          required: param.required === true && param.default === undefined && !param.from,
          error: error(param.name),
          description:
            [
              param.sensitive && t.sensitive,
              param.from && t.fedFrom(param.from),
              param.type === 'money' && t.moneyHelp,
              (param.type === 'list' || param.type === 'object') && t.jsonHelp,
            ]
              .filter(Boolean)
              .join(' ') || undefined,
        };
        if (param.type === 'boolean') {
          return (
            <Select
              key={param.name}
              {...shared}
              clearable
              data={[
                { value: 'true', label: c.yes },
                { value: 'false', label: c.no },
              ]}
              placeholder={typeof sample === 'boolean' ? (sample ? c.yes : c.no) : undefined}
              value={value || null}
              onChange={(chosen) => set(chosen ?? '')}
            />
          );
        }
        if (param.type === 'list' || param.type === 'object') {
          return (
            <Textarea
              key={param.name}
              {...shared}
              autosize
              minRows={2}
              spellCheck={false}
              placeholder={sample === undefined ? undefined : JSON.stringify(sample)}
              value={value}
              onChange={(e) => set(e.currentTarget.value)}
            />
          );
        }
        return (
          <TextInput
            key={param.name}
            {...shared}
            type={KINDS[param.type ?? 'string'] ?? 'text'}
            inputMode={param.type === 'integer' || param.type === 'number' ? 'decimal' : undefined}
            maxLength={param.max_length}
            placeholder={
              typeof sample === 'string' || typeof sample === 'number' ? String(sample) : undefined
            }
            autoComplete="off"
            value={value}
            onChange={(e) => set(e.currentTarget.value)}
          />
        );
      })}
    </SimpleGrid>
  );
}
