import { api, body } from '@/api/client';
import { saveFile } from '@/ui/save-file';

const PAGE = '200';

/** All that is kept of a user, page by page, as one JSON file on the reader's machine. */
export async function downloadUser(id: string): Promise<void> {
  const params = (after?: string) => ({ path: { user_id: id }, query: { limit: PAGE, after } });
  const whole = await body(api.GET('/v1/users/{user_id}/export', { params: params() }));
  let next = whole.page?.next;
  while (next) {
    const page = await body(api.GET('/v1/users/{user_id}/export', { params: params(next) }));
    whole.deliveries = [...(whole.deliveries ?? []), ...(page.deliveries ?? [])];
    next = page.page?.next;
  }
  delete whole.page;
  saveFile(`${id}.json`, new Blob([JSON.stringify(whole, null, 2)], { type: 'application/json' }));
}
