// A small static file server for the built page, used by `npm start` and by the page tests. It sends what the page
// promises to live with: a strict Content-Security-Policy, and cross-origin isolation (threads need it).
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

const kTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.wasm': 'application/wasm',
};

export const kContentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; media-src 'self' blob:";

const kHeaders = {
  'Content-Security-Policy': kContentSecurityPolicy,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};
const kIsolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The file a request means, or undefined when there is none below `folder`. */
function resolveFile(folder, url) {
  let path;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
  if (path.endsWith('/')) path += 'index.html';
  const file = normalize(join(folder, path));
  if (path.includes('\0') || !file.startsWith(normalize(folder) + sep)) return undefined;
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined;
}

// Where the page looks for engines to be timed against, and where this server has one.
const kPeersPath = '/peers.json';
const kPeerPath = '/onnxruntime-web/';
const kPeers = JSON.stringify({ 'onnxruntime-web': `.${kPeerPath}ort.wasm.bundle.min.mjs` });

function sendPeers(headers, response) {
  response.writeHead(200, { ...headers, 'Content-Type': kTypes['.json'] }).end(kPeers);
}

function answer({ folder, peer, headers }, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, headers).end();
    return;
  }
  if (peer && request.url === kPeersPath) {
    sendPeers(headers, response);
    return;
  }
  const isPeer = peer && request.url.startsWith(kPeerPath);
  const file = isPeer
    ? resolveFile(peer, request.url.slice(kPeerPath.length - 1))
    : resolveFile(folder, request.url);
  if (!file) {
    response.writeHead(404, { ...headers, 'Content-Type': 'text/plain' }).end('not found\n');
    return;
  }
  const type = kTypes[extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, {
    ...headers,
    'Content-Type': type,
    'Content-Length': statSync(file).size,
  });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
}

function listen(server, port) {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail);
      done(server.address().port);
    });
  });
}

/**
 * Serves `folder` on localhost and returns {url, close}. Port 0 is any free one; another port that is
 * taken falls back to a free one. Without `isolated` the page's memory cannot be shared. `peer` is the folder of
 * onnxruntime-web's files, where the page may time it.
 */
export async function serve(folder, { port = 0, isolated = true, peer } = {}) {
  const headers = isolated ? { ...kHeaders, ...kIsolation } : kHeaders;
  const site = { folder, peer, headers };
  const server = createServer((request, response) => answer(site, request, response));
  let bound;
  try {
    bound = await listen(server, port);
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    bound = await listen(server, 0);
  }
  const close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return { url: `http://localhost:${bound}/`, close };
}
