// Frees what a call made on its way, on the throwing path too.

export class Scope {
  readonly #held: { delete(): void }[] = [];

  /** Holds `handle` until the end of the scope. */
  hold<T extends { delete(): void }>(handle: T): T {
    this.#held.push(handle);
    return handle;
  }

  close(): void {
    for (const handle of this.#held.reverse()) handle.delete();
    this.#held.length = 0;
  }
}

export async function withScope<T>(body: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope();
  try {
    return await body(scope);
  } finally {
    scope.close();
  }
}
