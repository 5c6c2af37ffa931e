import { Page } from '@/ui/basics';
import { useText } from '@/text/language';
import { shellTexts } from '@/app/shell-texts';
export function AccountPage() {
  const t = useText(shellTexts);
  return <Page title={t.account}>…</Page>;
}
