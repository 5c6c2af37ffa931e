import type { Body } from '@/api/client';
import { useText } from '@/text/language';
import { StateTag, Tag, type Tone } from '@/ui/basics';
import { webhookTexts } from './texts';

/** Of the webhook itself. */
export function WebhookState({ webhook }: { webhook: Body<'Webhook'> }) {
  const t = useText(webhookTexts);
  if (webhook.state === 'switched_off') return <Tag tone="bad">{t.states.switched_off}</Tag>;
  return <StateTag state={webhook.state ?? ''} />;
}

const TONES: Record<string, Tone> = { waiting: 'wait', delivered: 'good', failed: 'bad' };

/** Of one event that it is told of. */
export function ToldState({ state }: { state: string }) {
  const t = useText(webhookTexts);
  if (state !== 'failed' && state !== 'waiting') return <StateTag state={state} />;
  return <Tag tone={TONES[state] ?? 'off'}>{state === 'failed' ? t.failed : t.waiting}</Tag>;
}
