// The filters of the history (CONTRACT §6) are in the address: a filtered view is a link.

import type { Query } from '@/app/router';

export const FILTERS = [
  'event_id',
  'user_id',
  'email',
  'phone',
  'status',
  'log_status',
  'category',
  'channel',
  'from',
  'until',
] as const;
export type FilterName = (typeof FILTERS)[number];
export type Filters = Partial<Record<FilterName, string>>;

export function filtersOf(query: URLSearchParams): Filters {
  const found: Filters = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

export function toQuery(filters: Filters, more: Query = {}): Query {
  return { ...more, ...filters };
}

export const NOTIFICATION_STATES = [
  'draft',
  'awaiting_approval',
  'scheduled',
  'expanding',
  'sending',
  'paused',
  'completed',
  'cancelled',
  'rejected',
  'approval_expired',
];
/** Of which a delivery leaves none by itself. */
export const FINAL_STATES = [
  'sent',
  'delivered',
  'failed',
  'dead',
  'unknown',
  'suppressed',
  'cancelled',
  'expired',
];
export const DELIVERY_STATES = ['pending', 'held', 'processing', 'retrying', ...FINAL_STATES];
export const LOG_STATES = ['PENDING', 'PROCESSING', 'SUCCESS', 'FAIL'];
