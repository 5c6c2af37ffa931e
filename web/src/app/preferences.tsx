// Language and colours: choices of this browser, kept in it.

import { Button, Menu, useMantineColorScheme } from '@mantine/core';
import type { MantineColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Language, LANGUAGES, setLanguage, texts, useLanguage, useText } from '@/text/language';
import { IconLanguage, IconMoon, IconScreen, IconSun } from '@/ui/icons';

const preferenceTexts = texts(
  { language: 'Language', colors: 'Colours', light: 'Light', dark: 'Dark', auto: 'As the system' },
  { language: '언어', colors: '화면 색', light: '밝게', dark: '어둡게', auto: '시스템 설정' },
);

interface ChoiceProps<Value extends string> {
  label: string;
  icon: ReactNode;
  present: Value;
  choices: { value: Value; label: string; lang?: string }[];
  onChoose: (value: Value) => void;
}

/** A button that shows the present choice and opens a menu of all. */
function ChoiceMenu<Value extends string>({ label, icon, present, choices, onChoose }: ChoiceProps<Value>) {
  const shown = choices.find((choice) => choice.value === present)?.label ?? present;
  return (
    <Menu>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={icon}
          aria-label={`${label}: ${shown}`}
        >
          {shown}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={present} onChange={(value) => onChoose(value as Value)}>
          {choices.map((choice) => (
            <Menu.RadioItem key={choice.value} value={choice.value} lang={choice.lang}>
              {choice.label}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

export function LanguageButton() {
  const t = useText(preferenceTexts);
  return (
    <ChoiceMenu
      label={t.language}
      icon={<IconLanguage />}
      present={useLanguage()}
      choices={(Object.keys(LANGUAGES) as Language[]).map((code) => ({
        value: code,
        label: LANGUAGES[code],
        lang: code,
      }))}
      onChoose={setLanguage}
    />
  );
}

const PICTURES = { light: IconSun, dark: IconMoon, auto: IconScreen };

export function ColorSchemeButton() {
  const t = useText(preferenceTexts);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Picture = PICTURES[colorScheme];
  return (
    <ChoiceMenu
      label={t.colors}
      icon={<Picture />}
      present={colorScheme}
      choices={(Object.keys(PICTURES) as MantineColorScheme[]).map((value) => ({ value, label: t[value] }))}
      onChoose={setColorScheme}
    />
  );
}
