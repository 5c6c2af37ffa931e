// A message as it will look: on a lock screen, as text messages, in a mailbox, spoken.

import { SegmentedControl, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Rendered } from '@/api/shapes';
import { formatNumber } from '@/text/format';
import { texts, useText } from '@/text/language';
import { IconBell } from './icons';
import classes from './preview.module.css';
import { segments } from './segments';

const previewTexts = texts(
  {
    ios: 'iPhone',
    android: 'Android',
    web: 'Browser',
    site: 'your site',
    now: 'now',
    app: 'Your app',
    subject: 'Subject',
    noSubject: '(no subject)',
    html: 'Formatted',
    text: 'Plain text',
    mail: 'Content of the mail',
    segments: (count: number, alphabet: string, left: number) =>
      `${formatNumber(count)} ${count === 1 ? 'part' : 'parts'} · ${alphabet} · ${left} left in the last`,
    voice: 'What the voice says',
    empty: 'Nothing to show on this channel.',
    hidden: 'The content of this category is hidden.',
    image: 'Picture of the message',
  },
  {
    ios: 'iPhone',
    android: 'Android',
    web: '브라우저',
    site: '웹사이트 주소',
    now: '지금',
    app: '앱 이름',
    subject: '제목',
    noSubject: '(제목 없음)',
    html: '서식 있음',
    text: '일반 텍스트',
    mail: '메일 내용',
    segments: (count: number, alphabet: string, left: number) =>
      count > 1
        ? `${formatNumber(count)}건으로 나누어 발송 · ${alphabet} · 마지막 건에 ${left}자 남음`
        : `1건으로 발송 · ${alphabet} · ${left}자 남음`,
    voice: '음성으로 읽는 내용',
    empty: '이 채널에 표시할 내용이 없습니다.',
    hidden: '이 카테고리의 내용은 표시하지 않습니다.',
    image: '메시지 이미지',
  },
);

export function ChannelPreview({
  channel,
  content,
}: {
  channel: string;
  content: Rendered | null | undefined;
}) {
  const t = useText(previewTexts);
  if (!content) return <Text c="dimmed">{t.hidden}</Text>;
  switch (channel) {
    case 'push':
      return <PushPreview content={content} />;
    case 'sms':
      return <SmsPreview text={content.body ?? content.text ?? ''} />;
    case 'email':
      return <MailPreview content={content} />;
    case 'voice':
      return (
        <figure className={classes.voice}>
          <figcaption>{t.voice}</figcaption>
          <blockquote>{content.text ?? content.body}</blockquote>
        </figure>
      );
    default:
      return <PlainPreview content={content} />;
  }
}

function PushPreview({ content }: { content: Rendered }) {
  const t = useText(previewTexts);
  const image =
    typeof content.image === 'string' && content.image.startsWith('https:') ? content.image : undefined;
  return (
    <div className={classes.phones}>
      {(['ios', 'android', 'web'] as const).map((kind) => (
        <figure key={kind} className={classes.phone} data-kind={kind}>
          <figcaption>{t[kind]}</figcaption>
          <div className={classes.notice}>
            <div className={classes.noticeApp}>
              <span className={classes.noticeIcon}>
                <IconBell size={14} />
              </span>
              <span>{t.app}</span>
              <span className={classes.noticeNow}>{kind === 'web' ? t.site : t.now}</span>
            </div>
            <div className={classes.noticeText}>
              <strong>{content.title}</strong>
              <p>{content.body}</p>
              {image && <img src={image} alt={t.image} />}
            </div>
          </div>
        </figure>
      ))}
    </div>
  );
}

export function SmsPreview({ text }: { text: string }) {
  const t = useText(previewTexts);
  const { count, alphabet, left } = segments(text);
  return (
    <div>
      <div className={classes.bubble}>{text}</div>
      <Text size="xs" c="dimmed" mt={4}>
        {t.segments(count, alphabet, left)}
      </Text>
    </div>
  );
}

function MailPreview({ content }: { content: Rendered }) {
  const t = useText(previewTexts);
  const [kind, setKind] = useState<'html' | 'text'>(content.html ? 'html' : 'text');
  return (
    <Stack gap="xs">
      <Text size="sm">
        <Text span c="dimmed">
          {t.subject}:
        </Text>{' '}
        <strong>{content.subject ?? t.noSubject}</strong>
      </Text>
      {content.html && content.text && (
        <SegmentedControl
          size="xs"
          value={kind}
          onChange={(value) => setKind(value === 'html' ? 'html' : 'text')}
          data={[
            { value: 'html', label: t.html },
            { value: 'text', label: t.text },
          ]}
          className={classes.kind}
        />
      )}
      {kind === 'html' && content.html ? (
        // No scripts, no forms, no links out, no way to the console's page: the mail is somebody else's text.
        <iframe className={classes.mail} title={t.mail} sandbox="" srcDoc={content.html} />
      ) : (
        <pre className={classes.plain} tabIndex={0}>
          {content.text ?? content.body}
        </pre>
      )}
    </Stack>
  );
}

function PlainPreview({ content }: { content: Rendered }) {
  const t = useText(previewTexts);
  const words = [content.title, content.text ?? content.body].filter(Boolean);
  const rest = Object.entries(content).filter(
    ([name]) => !['channel', 'locale', 'title', 'body', 'text'].includes(name),
  );
  if (words.length === 0 && rest.length === 0) return <Text c="dimmed">{t.empty}</Text>;
  return (
    <Stack gap="xs">
      {words.length > 0 && <div className={classes.bubble}>{words.join('\n')}</div>}
      {rest.length > 0 && (
        <pre className={classes.plain} tabIndex={0}>
          {JSON.stringify(Object.fromEntries(rest), null, 2)}
        </pre>
      )}
    </Stack>
  );
}
