import Papa from 'papaparse';
import { api, body } from '@/api/client';

const PAGE = '200';

/** Members of a group as a file that can be imported again; `onCount` is told how many there are so far. */
export async function membersCsv(group: string, onCount: (count: number) => void): Promise<Blob> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await body(
      api.GET('/v1/groups/{key}/members', {
        params: { path: { key: group }, query: { limit: PAGE, after } },
      }),
    );
    ids.push(...page.data.map((member) => member.user_id ?? ''));
    onCount(ids.length);
    after = page.page?.next ?? undefined;
  } while (after);
  const text = Papa.unparse([['user_id'], ...ids.map((id) => [id])], { newline: '\n' });
  return new Blob([text, '\n'], { type: 'text/csv' });
}
