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
