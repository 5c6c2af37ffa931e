// The look. Mantine's defaults, where they miss the contrast WCAG AA asks for, are made stronger.

import { createTheme, type CSSVariablesResolver, Input, type MantineColorScheme } from '@mantine/core';

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: 'md',
  fontFamily:
    'Pretendard, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", "NanumGothic", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "D2Coding", monospace',
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // Help stands below: fields beside each other keep one line, whether they have any or not.
    InputWrapper: Input.Wrapper.extend({
      defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] },
    }),
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#545b64',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-anchor': '#3b5bdb',
    '--mantine-color-default-border': '#ced4da',
    '--mantine-color-red-outline': '#c92a2a',
  },
  dark: {
    '--mantine-color-dimmed': '#a9adb5',
    '--mantine-color-placeholder': '#9297a0',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-anchor': '#91a7ff',
    '--mantine-color-red-light': '#3f1c1c',
    '--mantine-color-yellow-light': '#3d3210',
  },
});

const STORED_AS = 'mantine-color-scheme-value';

/** Before the first frame, so that nobody in the dark sees white. The policy forbids inline scripts. */
export function applyStoredColorScheme(): MantineColorScheme {
  const stored = globalThis.localStorage.getItem(STORED_AS);
  const scheme = stored === 'light' || stored === 'dark' ? stored : 'auto';
  const dark =
    scheme === 'dark' || (scheme === 'auto' && globalThis.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
  return scheme;
}
