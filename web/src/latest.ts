// Runs an asynchronous job for the newest value only: values that arrive while one is at work replace each other.
export function latestOnly<T>(job: (value: T) => Promise<void>): (value: T) => void {
  let waiting: { value: T } | undefined;
  let busy = false;
  return (value) => {
    waiting = { value };
    if (busy) return;
    busy = true;
    void (async () => {
      while (waiting) {
        const { value: newest } = waiting;
        waiting = undefined;
        await job(newest);
      }
    })().finally(() => {
      busy = false;
    });
  };
}
