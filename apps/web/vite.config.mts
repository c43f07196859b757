import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `npm run build` calls it. Everything is bundled: the pages ask no other host for anything. */
export default defineConfig({
  root: folder('.'),
  cacheDir: folder('../../node_modules/.cache/vite'),
  plugins: [tailwindcss()],
  resolve: { alias: { '@crewtab': folder('../../libs') } },
  build: {
    outDir: folder('../../dist/apps/web'),
    emptyOutDir: true,
    target: 'es2022',
    // Inlined files would need data: in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  // `npx vite apps/web` beside `npm start`, for those who work on the pages.
  server: { proxy: { '/api': 'http://127.0.0.1:3000' } },
  test: { include: ['src/**/*.spec.ts'], environment: 'node' },
});
