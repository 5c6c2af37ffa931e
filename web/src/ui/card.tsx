import { Text } from '@mantine/core';
import classes from './card.module.css';

interface Props {
  name: string;
  value: string;
  help: string;
  tone?: 'bad' | 'off' | undefined;
}

/** One figure, large. */
export function Card({ name, value, help, tone }: Props) {
  return (
    <div className={classes.card} data-tone={tone}>
      <Text size="sm" c="dimmed">
        {name}
      </Text>
      <Text className={classes.value}>{value}</Text>
      <Text size="xs" c="dimmed">
        {help}
      </Text>
    </div>
  );
}
