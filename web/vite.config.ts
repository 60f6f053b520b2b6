// Builds the page into web/dist: relative addresses (it may live in any folder), nothing inlined (the page's
// Content-Security-Policy allows neither data: addresses nor injected styles), the worker as an ES module.
// The policy is also written into the page, so that it holds on every host.
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const kPolicy =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; media-src 'self' blob:";

function contentSecurityPolicy(): Plugin {
  const attrs = { 'http-equiv': 'Content-Security-Policy', content: kPolicy };
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [{ tag: 'meta', attrs, injectTo: 'head-prepend' }],
  };
}

// Threads need them (docs/THREADS.md).
const kIsolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The page is typed against the package's sources and built from what is shipped. */
const kShipped = {
  find: /^(?:\.\.\/)+bindings\/js\/(\w+)\.ts$/,
  replacement: fileURLToPath(new URL('../dist/js/$1.js', import.meta.url)),
};

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  resolve: { alias: [kShipped] },
  worker: { format: 'es' },
  server: { headers: kIsolation },
  preview: { headers: kIsolation },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  plugins: [contentSecurityPolicy()],
});
