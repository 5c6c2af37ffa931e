import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { texts, useText } from '@/text/language';

const timeTexts = texts({ bad: 'Not a time.' }, { bad: '올바른 시각이 아닙니다.' });

/** RFC 3339 from what <input type="datetime-local"> gives, which is in the browser's zone; undefined when it is none. */
export function instantOf(local: string): string | undefined {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The other way round. */
export function localOf(instant: string | undefined): string {
  if (!instant) return '';
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return '';
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

interface Props {
  label: string;
  size?: string;
  initial?: string | undefined;
  /** An instant, or undefined while there is none. */
  onChange: (instant: string | undefined) => void;
  error?: string | undefined;
  /** Told whether what is typed is no time. */
  onBad?: (isBad: boolean) => void;
}

/** A moment in the browser's zone. */
export function TimeField({ label, size, initial, onChange, error, onBad }: Props) {
  const t = useText(timeTexts);
  const [isBad, setBad] = useState(false);
  return (
    <TextInput
      type="datetime-local"
      label={label}
      size={size}
      defaultValue={localOf(initial)}
      onChange={(e) => {
        const local = e.currentTarget.value;
        const instant = local ? instantOf(local) : undefined;
        const bad = local !== '' && !instant;
        setBad(bad);
        onBad?.(bad);
        onChange(instant);
      }}
      error={isBad ? t.bad : error}
    />
  );
}
