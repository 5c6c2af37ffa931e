// Addresses are in the hash (#/history/ntf_…?status=failed): the server serves one page, and a link to any view works.

import { type AnchorHTMLAttributes, forwardRef, type MouseEvent, useMemo, useSyncExternalStore } from 'react';

export interface Place {
  /** The parts of the path, decoded: ["history", "ntf_…"]; empty for the start page. */
  path: string[];
  query: URLSearchParams;
}

export type Query = Record<string, string | number | undefined | null>;

export function parsePlace(hash: string): Place {
  const text = hash.replace(/^#/, '');
  const cut = text.indexOf('?');
  const path = cut < 0 ? text : text.slice(0, cut);
  return {
    path: path
      .split('/')
      .filter(Boolean)
      .map((part) => {
        try {
          return decodeURIComponent(part);
        } catch {
          return part;
        }
      }),
    query: new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1)),
  };
}

/** The address of a view; parts are encoded, empty values left out. */
export function to(path: string[], query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

// What must not be lost by leaving: asked before the place changes.
let guard: (() => string | undefined) | undefined;
let current = globalThis.location.hash;
const listeners = new Set<() => void>();

globalThis.addEventListener('hashchange', () => {
  if (globalThis.location.hash === current) return;
  if (!mayLeave()) {
    globalThis.history.replaceState(null, '', current || '#/');
    return;
  }
  current = globalThis.location.hash;
  for (const listener of listeners) listener();
});

function mayLeave(): boolean {
  const question = guard?.();
  return !question || globalThis.confirm(question);
}

/** While set, leaving the view asks first with the text it returns. Returns how to lift it. */
export function guardLeaving(ask: () => string | undefined): () => void {
  guard = ask;
  const beforeUnload = (event: BeforeUnloadEvent) => {
    if (ask()) event.preventDefault();
  };
  globalThis.addEventListener('beforeunload', beforeUnload);
  return () => {
    if (guard === ask) guard = undefined;
    globalThis.removeEventListener('beforeunload', beforeUnload);
  };
}

/** Goes to an address made by to(). `replace`: without a step in the browser's history, as for filters. */
export function go(address: string, how: { replace?: boolean } = {}): void {
  if (how.replace) {
    globalThis.history.replaceState(null, '', address);
    current = globalThis.location.hash;
    for (const listener of listeners) listener();
  } else {
    globalThis.location.hash = address;
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => current);
  return useMemo(() => parsePlace(hash), [hash]);
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string;
}

/** A plain link: opens in a new tab, is copied and bookmarked like any other. */
export const Link = forwardRef<HTMLAnchorElement, LinkProps>(function Link({ to: address, ...rest }, ref) {
  return <a ref={ref} href={address} {...rest} />;
});

/** Stops a click on a row's own link from counting twice. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}
