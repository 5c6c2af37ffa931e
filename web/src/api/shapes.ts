// Parts of answers that the OpenAPI document leaves open, as the server sends them.

export type Counts = Record<string, number>;

export interface StatsRow {
  hour: string;
  channel: string;
  category: string | null;
  integration?: string | null;
  status: string;
  n: number;
}

export interface StatsSum {
  channel?: string;
  category?: string;
  template?: string | null;
  integration?: string | null;
  accepted: number;
  sent: number;
  delivered: number;
  failed: number;
  dead: number;
  unknown: number;
  suppressed: number;
  cancelled: number;
  expired: number;
  opened: number;
  clicked: number;
  converted: number;
  unsubscribed: number;
  complained: number;
  receipts: string;
  rates: { delivery: number | null; open: number; click: number; conversion: number; unsubscribe: number };
}

export interface AccountedChannel {
  channel: string;
  accepted: number;
  states: Counts;
  sum: number;
  exact: boolean;
}

export interface Check {
  check: string;
  result: string;
  rule: string | null;
  value: unknown;
  source: string | null;
  at: string | null;
}

export interface Explanation {
  recipient: string;
  channel: string;
  device_id: string | null;
  decision: 'send' | 'hold' | 'suppress';
  reason: string | null;
  checks: Check[];
  content: {
    template: string | null;
    version: number | null;
    locale: string | null;
    segments: number | null;
  } | null;
  route: {
    rule: string | null;
    chain: string[];
    chosen: string | null;
    skipped: { integration: string; why: string }[];
  };
}

export interface Attempt {
  id?: string;
  at?: string;
  integration?: string;
  outcome?: string;
  code?: string;
  detail?: string;
  [more: string]: unknown;
}

/** What a channel shows, after templates: of a preview or of a delivery. */
export interface Rendered {
  channel?: string;
  locale?: string;
  title?: string;
  body?: string;
  subject?: string;
  text?: string;
  html?: string;
  image?: string;
  url?: string;
  [more: string]: unknown;
}

/** One of those who would get a send; addresses are masked by the server. */
export interface SampleRecipient {
  user_id?: string;
  email?: string;
  phone?: string;
  device_id?: string;
  device_token?: string;
  address?: string;
  /** Whose members it is one of; alone: the group itself. */
  group?: string;
  locale?: string;
}

/** What an approver reads besides the approval (GET /v1/approvals/{id}). */
export interface ApprovalFacts {
  app?: string | null;
  category?: string | null;
  template?: string | null;
  channels?: string[];
  limit?: number | null;
  /** Recipients of the same app and category in the last 60 minutes, sent without asking. */
  hour?: { recipients: number; limit: number } | null;
  /** By the pace of the busiest 5 minutes of the last day; null: nothing was sent in it. */
  estimate?: { seconds: number; rate: number; queued: number } | null;
  sample?: SampleRecipient[];
}

/** Seconds from acceptance, or the planned moment, to the provider's yes. Null: nothing was sent. */
export interface Percentiles {
  n: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Deliveries a second. */
  rate: number;
}

export interface Latency {
  data: (Percentiles & { channel: string })[];
  total: Percentiles;
}

export type Breaker = 'closed' | 'open' | 'half_open';

/** How an integration does, in all running processes together. */
export interface IntegrationHealth {
  breaker: Breaker;
  since: string | null;
  /** When an open one is tried again. */
  retry_at: string | null;
  /** Of the last `window` seconds. */
  calls: number;
  errors: number;
  error_rate: number | null;
  window: number;
  throttled_until: string | null;
  /** Why it cannot be used with its settings. */
  problem: string | null;
}

export interface IntegrationMore {
  paused_at?: string | null;
  paused_by?: string | null;
  /** Null: no running process has it open. */
  health?: IntegrationHealth | null;
}

/** The delivery that is first in line in a state, and for how long (seconds); null: there is none. */
export type OldestByState = Record<string, { age: number; delivery_id: string } | null>;
