// Types of serve.mjs, for the page tests.
export const kContentSecurityPolicy: string;
export function serve(
  folder: string,
  options?: { port?: number; isolated?: boolean; peer?: string },
): Promise<{ url: string; close: () => Promise<void> }>;
