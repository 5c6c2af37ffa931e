// @vitest-environment node
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Manifest } from 'vite';
import { expect, it } from 'vitest';

const LIMIT_BYTES = 300 * 1024;

/** A chunk and all it imports at once; what it loads when needed is not among them. */
function closure(manifest: Manifest, start: string, found = new Set<string>()): Set<string> {
  const chunk = manifest[start];
  if (!chunk || found.has(start)) return found;
  found.add(start);
  for (const next of chunk.imports ?? []) closure(manifest, next, found);
  return found;
}

it(
  'the first page costs less than 300 KB of compressed script; charts come later',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carillon-console-'));
    try {
      await build({ logLevel: 'error', build: { outDir: folder, emptyOutDir: true, manifest: true } });
      const manifest = JSON.parse(readFileSync(join(folder, '.vite/manifest.json'), 'utf8')) as Manifest;
      const first = new Set([
        ...closure(manifest, 'index.html'),
        ...closure(manifest, 'src/pages/overview/overview.tsx'),
      ]);
      const files = [...first]
        .map((name) => manifest[name]?.file ?? '')
        .filter((file) => file.endsWith('.js'));
      const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
      expect(files.length).toBeGreaterThan(1);
      expect(files.some((file) => file.includes('chart'))).toBe(false);
      expect(bytes).toBeGreaterThan(50 * 1024);
      expect(bytes).toBeLessThan(LIMIT_BYTES);
      // The policy allows no inline script.
      const page = readFileSync(join(folder, 'index.html'), 'utf8');
      expect(page).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
