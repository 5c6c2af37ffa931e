import { Button, Group } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { Body } from '@/api/client';
import { texts, useText } from '@/text/language';
import { Loading, ProblemNote } from './basics';

const versionTexts = texts({ inUse: 'in use' }, { inUse: '사용 중' });

interface Props {
  query: UseQueryResult<Body<'TemplateVersionList'>>;
  shown: number;
  onShow: (version: number) => void;
}

/** The versions of a text, newest first; the one in use says so. */
export function VersionButtons({ query, shown, onShow }: Props) {
  const t = useText(versionTexts);
  if (query.isPending) return <Loading />;
  if (query.isError) return <ProblemNote error={query.error} />;
  return (
    <Group gap="xs">
      {query.data.data.map(({ version = 0, published }) => (
        <Button
          key={version}
          size="xs"
          variant={version === shown ? 'filled' : 'default'}
          aria-pressed={version === shown}
          onClick={() => onShow(version)}
        >
          {version}
          {published && ` · ${t.inUse}`}
        </Button>
      ))}
    </Group>
  );
}
