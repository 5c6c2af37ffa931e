// Language and colours: choices of this browser, kept in it.

import { Button, Menu, useMantineColorScheme } from '@mantine/core';
import type { MantineColorScheme } from '@mantine/core';
import { type Language, LANGUAGES, setLanguage, texts, useLanguage, useText } from '@/text/language';
import { IconLanguage, IconMoon, IconScreen, IconSun } from '@/ui/icons';

const preferenceTexts = texts(
  { language: 'Language', colors: 'Colours', light: 'Light', dark: 'Dark', auto: 'As the system' },
  { language: '언어', colors: '화면 색', light: '밝게', dark: '어둡게', auto: '시스템 설정' },
);

export function LanguageButton() {
  const t = useText(preferenceTexts);
  const present = useLanguage();
  return (
    <Menu>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconLanguage />}
          aria-label={`${t.language}: ${LANGUAGES[present]}`}
        >
          {LANGUAGES[present]}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={present} onChange={(code) => setLanguage(code as Language)}>
          {(Object.keys(LANGUAGES) as Language[]).map((code) => (
            <Menu.RadioItem key={code} value={code} lang={code}>
              {LANGUAGES[code]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

const PICTURES = { light: IconSun, dark: IconMoon, auto: IconScreen };

export function ColorSchemeButton() {
  const t = useText(preferenceTexts);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Picture = PICTURES[colorScheme];
  return (
    <Menu>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<Picture />}
          aria-label={`${t.colors}: ${t[colorScheme]}`}
        >
          {t[colorScheme]}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}
        >
          {(Object.keys(PICTURES) as MantineColorScheme[]).map((scheme) => (
            <Menu.RadioItem key={scheme} value={scheme}>
              {t[scheme]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}
