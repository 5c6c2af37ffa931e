// Dead letters: what was given up on, whether sent again or discarded since.

import type { Body } from '@/api/client';

/** Who said that it is not needed any more, and why. */
export interface Discarded {
  reason?: string;
  by?: string | null;
  at?: string | null;
}

export type Letter = Omit<Body<'DeadLetter'>, 'discarded' | 'ended'> & {
  ended?: string | null;
  discarded?: Discarded | null;
};
export type LetterFilter = NonNullable<Body<'ReplayRequest'>['filter']>;

export const KINDS = ['delivery', 'event', 'record'] as const;

/** A delivery that was given up on, as a letter by its own id: for pages that show the delivery. */
export const letterOf = (delivery: { id?: string; notification_id?: string; channel?: string }): Letter => ({
  id: delivery.id,
  kind: 'delivery',
  delivery_id: delivery.id,
  notification_id: delivery.notification_id,
  channel: delivery.channel,
});

/** Of a filter what says something. */
export const given = (filter: LetterFilter): LetterFilter =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as LetterFilter;
