// The few pictures the console uses, drawn with strokes of the text's own colour.

import type { ReactNode } from 'react';

interface Props {
  size?: number;
}

function icon(drawing: ReactNode) {
  return function Icon({ size = 18 }: Props) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {drawing}
      </svg>
    );
  };
}

export const IconOverview = icon(<path d="M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z" />);
export const IconSend = icon(<path d="M20 4 10 14M20 4l-6 17-4-7-7-4z" />);
export const IconHistory = icon(<path d="M4 12a8 8 0 1 0 2.5-5.800M4 4v4h4M12 8v4l3 2" />);
export const IconTemplate = icon(<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6" />);
export const IconTag = icon(<path d="M3 11V4h7l10 10-7 7zM7.5 8.500v0" />);
export const IconGroup = icon(
  <path d="M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.3 2.7-6 6-6s6 2.7 6 6M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14.500c1.8.9 3 3 3 5.5" />,
);
export const IconUser = icon(<path d="M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 21c0-3.9 3.1-7 7-7s7 3.1 7 7" />);
export const IconCheck = icon(<path d="m5 12 5 5L20 7" />);
export const IconApproval = icon(
  <path d="M12 3 4 6v6c0 4.5 3.4 7.7 8 9 4.6-1.3 8-4.5 8-9V6zM9 12l2 2 4-4" />,
);
export const IconDead = icon(<path d="M4 5h16v14H4zM4 7l8 6 8-6M15 15l4 4M19 15l-4 4" />);
export const IconPlug = icon(<path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4" />);
export const IconRoute = icon(
  <path d="M6 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 18h6a4 4 0 0 0 0-8h-4a4 4 0 0 1 0-4h6" />,
);
export const IconKey = icon(
  <path d="M15 11a4 4 0 1 0-3.5-2.100L3 17v4h4v-3h3v-3l1.5-1.500A4 4 0 0 0 15 11zM16 7v0" />,
);
export const IconClock = icon(<path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 3" />);
export const IconRule = icon(<path d="M5 4v8a4 4 0 0 0 4 4h10M15 12l4 4-4 4M5 4 2.5 7M5 4l2.5 3" />);
export const IconMembers = icon(
  <path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-3.5 4-5 8-5s7 1.5 8 5z" />,
);
export const IconAudit = icon(<path d="M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6" />);
export const IconSettings = icon(
  <path d="M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.600l2.1 2.100M16.3 16.300l2.1 2.100M18.4 5.600l-2.1 2.100M7.7 16.300l-2.1 2.1" />,
);
export const IconBell = icon(<path d="M6 17v-6a6 6 0 0 1 12 0v6l2 2H4zM10 21h4" />);
export const IconFlask = icon(
  <path d="M9 3h6M10 3v6l-5 9a2 2 0 0 0 1.8 3h10.400a2 2 0 0 0 1.8-3l-5-9V3M8 15h8" />,
);
export const IconStop = icon(<path d="M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9v6M15 9v6" />);
export const IconPlay = icon(<path d="M7 4v16l13-8z" />);
export const IconSun = icon(
  <path d="M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M4 12H2M22 12h-2M5 5l1.5 1.500M17.5 17.5 19 19M19 5l-1.5 1.500M6.5 17.5 5 19" />,
);
export const IconMoon = icon(<path d="M20 14A8 8 0 1 1 10 4a6.5 6.5 0 0 0 10 10z" />);
export const IconScreen = icon(<path d="M3 5h18v11H3zM9 20h6M12 16v4" />);
export const IconLanguage = icon(
  <path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c2.5 2.7 3.5 5.7 3.5 9s-1 6.3-3.5 9c-2.5-2.7-3.5-5.7-3.5-9s1-6.3 3.5-9z" />,
);
export const IconWarning = icon(<path d="M12 4 2.5 20h19zM12 10v4M12 17v0" />);
export const IconError = icon(<path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v6M12 16.500v0" />);
export const IconChevronDown = icon(<path d="m6 9 6 6 6-6" />);
export const IconSignOut = icon(<path d="M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9" />);
export const IconCopy = icon(<path d="M8 8h12v12H8zM16 8V4H4v12h4" />);
export const IconPlus = icon(<path d="M12 5v14M5 12h14" />);
export const IconTrash = icon(<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13" />);
export const IconOffline = icon(
  <path d="M3 3l18 18M9 5a13 13 0 0 1 12 5M3 10a13 13 0 0 1 4-2.500M6 14a8 8 0 0 1 5-2M12 19v0" />,
);
export const IconSender = icon(<path d="M3 6h18v12H3zM3 7l9 6 9-6M7 18v3M17 18v3" />);
export const IconLayout = icon(<path d="M4 4h16v16H4zM4 9h16M4 16h16" />);
export const IconEngagement = icon(<path d="M4 20V4M4 20h16M7 15l4-5 3 3 5-7" />);
export const IconHook = icon(
  <path d="M14 7a3 3 0 1 0-3 3v6a4 4 0 0 1-8 0v-2M3 14l-1.5 2M3 14l2 1.5M14 7h7" />,
);
export const IconProjects = icon(<path d="M4 5h6l2 3h8v11H4zM8 13h8" />);
export const IconBlocked = icon(<path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.6 5.6l12.8 12.8" />);
